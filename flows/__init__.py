"""Shipped definitions, and what is done with definitions before they run: loading, checking, drawing, schemas."""

from flows.catalogue import load_catalogue
from flows.checker import Finding, Severity, check
from flows.graph import FORMATS, draw
from flows.loader import Site, load_site
from flows.schema import flow_schema, site_schema

__all__ = [
    "FORMATS",
    "Finding",
    "Severity",
    "Site",
    "check",
    "draw",
    "flow_schema",
    "load_catalogue",
    "load_site",
    "site_schema",
]
