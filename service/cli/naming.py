"""How a visit is named on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.errors import UnknownVisit
from engine.store import Store

Visit = Annotated[str, typer.Argument(help="Visit id, or FLOW/KEY such as jiangsu.outpatient/MZ0001.")]


async def resolve(store: Store, reference: str) -> str:
    """Return the visit id for an id or ``flow/key``. Raises UnknownVisit."""
    flow, slash, key = reference.partition("/")
    if not slash:
        return reference
    found = await store.find(flow, key)
    if found is None:
        raise UnknownVisit(f"{flow} has no visit {key}", field="visit")
    return found.visit_id
