"""Fold every journal again and compare it with what the lists show (G4)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, fields

from engine.errors import Shredded
from engine.store import Projection, Snapshot, Store, StoredEvent, VisitFilter
from engine.visit import IllegalEvent
from storage.vault import SealBroken

#: Folds a whole journal: returns the projection it tells, and whether the snapshot fits the journal's beginning.
Folder = Callable[[Projection, Sequence[StoredEvent], Snapshot | None], Awaitable["Folded"]]

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Folded:
    """What a journal tells."""

    projection: Projection
    snapshot_agrees: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which projection and journal differ. Values are those of lists, never a visit's data."""

    visit: str
    field: str
    stored: object
    folded: object


@dataclass(slots=True)
class RebuildReport:
    """What a rebuild found and did."""

    visits: int = 0
    repaired: int = 0
    shredded: int = 0  #: visits whose journals are gone: nothing to compare
    differences: list[Difference] = field(default_factory=list)


async def rebuild(
    store: Store, folder: Folder, *, repair: bool = False, progress: Callable[[int], None] | None = None
) -> RebuildReport:
    """Compare all visits, page by page; with ``repair`` overwrite projections that differ.

    A visit that moves meanwhile is left out: it is being written, and fenced, right now.
    """
    report = RebuildReport()
    async for stored in _all(store):
        try:
            journal, snapshot = await store.journal(stored.visit_id), await store.snapshot(stored.visit_id)
        except Shredded:
            report.shredded += 1
            continue
        except SealBroken as error:
            report.visits += 1
            report.differences.append(Difference(stored.visit_id, "journal", stored.seq, error.message))
            continue
        current = await store.get(stored.visit_id)
        if len(journal) != current.seq:
            if (await store.get(stored.visit_id)).seq != current.seq:
                continue
            report.differences.append(Difference(stored.visit_id, "seq", current.seq, len(journal)))
        report.visits += 1
        try:
            folded = await folder(current, journal, snapshot)
        except (
            IllegalEvent,
            ValueError,
        ) as error:  # damaged: named, and the others are looked at
            report.differences.append(Difference(stored.visit_id, "journal", current.seq, _damage(error)))
            continue
        found = _compare(current, folded)
        report.differences.extend(each for each in found if each not in report.differences)
        if found and repair and await store.replace_projection(folded.projection, current.seq):
            report.repaired += 1
        if progress is not None:
            progress(report.visits)
    return report


def _damage(error: Exception) -> str:
    """Say what is wrong with a journal; what cannot be decoded is not quoted, it may hold a person's data (G10)."""
    return str(error) if isinstance(error, IllegalEvent) else f"cannot be read ({type(error).__name__})"


async def _all(store: Store) -> AsyncIterator[Projection]:
    before: str | None = None
    while page := await store.visits(VisitFilter(limit=_PAGE, before=before)):
        for projection in page:
            yield projection
        before = page[-1].visit_id


def _compare(stored: Projection, folded: Folded) -> list[Difference]:
    found = [
        Difference(stored.visit_id, each.name, getattr(stored, each.name), getattr(folded.projection, each.name))
        for each in fields(Projection)
        if getattr(stored, each.name) != getattr(folded.projection, each.name)
    ]
    if not folded.snapshot_agrees:
        found.append(Difference(stored.visit_id, "snapshot", "differs", "fold"))
    return found
