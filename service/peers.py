"""Which peer a flow asks for what."""

from __future__ import annotations

from engine.machine import Flow


def adapters_of(flow: Flow) -> dict[str, str]:
    """Return the adapter of each operation that a flow's steps and undos ask for."""
    return {
        way.bound.operation.name: way.bound.adapter
        for edge in flow.all_edges()
        for way in (edge, edge.back)
        if way.bound is not None
    }
