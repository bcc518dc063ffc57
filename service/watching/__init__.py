"""Watching it: metrics, traces, health, the audit of all visits, and alerts (docs/observability.md, ADR 27)."""
