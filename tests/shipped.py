"""What is shipped: the flows of all example sites, and a catalogue of what pyproject.toml offers.

The entry points are read from pyproject.toml, so that a new one counts before the project is installed again.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path

from engine.catalogue import Catalogue
from engine.definitions import FlowDefinition
from flows import load_installed, load_site

ROOT = Path(__file__).parents[1]
SITES = ("flows.yaml", "docs/examples/neimenggu.yaml", "docs/examples/platform.yaml")
GROUPS = ("visitflow.steps", "visitflow.adapters")


@cache
def catalogue() -> Catalogue:
    """Return all steps and adapters of ours."""
    offered = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]
    points = [EntryPoint(name, value, group) for group in GROUPS for name, value in offered[group].items()]
    installed = load_installed(points)
    assert not installed.broken, installed.broken
    return installed.catalogue


def shipped() -> list[FlowDefinition]:
    """Return the flows that are on in any of the sites, by name and in order."""
    return list(_by_name().values())


@cache
def _by_name() -> dict[str, FlowDefinition]:
    found = [definition for site in SITES for definition in load_site(ROOT / site).definitions]
    return {definition.flow: definition for definition in found}


def flow(name: str) -> FlowDefinition:
    """Return one of them."""
    return _by_name()[name]
