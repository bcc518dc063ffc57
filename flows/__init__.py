"""Shipped definitions, and what is done with definitions before they run: loading, checking, drawing, schemas."""

from flows.catalogue import Broken, Installed, load_catalogue, load_installed
from flows.checker import Finding, Severity, check
from flows.graph import FORMATS, draw
from flows.loader import Site, load_flow, load_site, read_flow
from flows.schema import flow_schema, site_schema

__all__ = [
    "FORMATS",
    "Broken",
    "Finding",
    "Installed",
    "Severity",
    "Site",
    "check",
    "draw",
    "flow_schema",
    "load_catalogue",
    "load_flow",
    "load_installed",
    "load_site",
    "read_flow",
    "site_schema",
]
