"""Wire the store's rebuild to the engine's fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from engine.errors import FlowUnavailable
from engine.plan import project
from engine.registry import Registry
from engine.store import History, Projection, Snapshot, Store, StoredEvent
from engine.visit import fold
from storage import Folded, rebuild


class Journals(Protocol):
    """What rebuilding needs of an application."""

    @property
    def store(self) -> Store:
        """Return the visits."""

    @property
    def registry(self) -> Registry:
        """Return their flows."""


async def rebuild_store(wired: Journals, repair: bool, progress: Callable[[int], None] | None = None) -> dict[str, Any]:
    """Compare every visit with its journal; return the report as data."""

    async def folder(stored: Projection, journal: Sequence[StoredEvent], snapshot: Snapshot | None) -> Folded:
        visit = fold(stored.visit_id, History(None, journal))
        try:
            flow = await wired.registry.version(visit.version)
        except FlowUnavailable:
            flow = None
        agrees = True
        if snapshot is not None:
            agrees = fold(stored.visit_id, History(None, journal[: snapshot.seq])).snapshot().body == snapshot.body
        return Folded(project(flow, visit), agrees)

    report = await rebuild(wired.store, folder, repair=repair, progress=progress)
    return {
        "visits": report.visits,
        "repaired": report.repaired,
        "shredded": report.shredded,
        "differences": [asdict(difference) for difference in report.differences],
    }
