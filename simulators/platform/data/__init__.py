"""What the platform serves and what it calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def load(name: str) -> Any:
    """Read one file of this folder."""
    return YAML(typ="safe").load((Path(__file__).parent / f"{name}.yaml").read_text(encoding="utf-8"))


#: Methods of the hospital by number.
CALLS: dict[str, str] = load("calls")
