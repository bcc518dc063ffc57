"""Shipped definitions, and what is done with definitions before they run: loading, checking, drawing, schemas."""

from flows.catalogue import Broken, Installed, load_catalogue, load_installed
from flows.checker import Finding, Severity, check
from flows.exploring import Bounds, Exploration, explore
from flows.graph import FORMATS, draw
from flows.loader import Site, load_flow, load_site, read_flow
from flows.proofs import proof_key, prove, shipped_proofs, story_lines
from flows.schema import flow_schema, site_schema

__all__ = [
    "FORMATS",
    "Bounds",
    "Broken",
    "Exploration",
    "Finding",
    "Installed",
    "Severity",
    "Site",
    "check",
    "draw",
    "explore",
    "flow_schema",
    "load_catalogue",
    "load_flow",
    "load_installed",
    "load_site",
    "proof_key",
    "prove",
    "read_flow",
    "shipped_proofs",
    "site_schema",
    "story_lines",
]
