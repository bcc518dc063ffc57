"""What the writer reads of a visit that it leases, and how it is opened: in the caller's thread, not in the writer's.

Opening takes some microseconds for each event. In the writer's thread they would be taken from a commit that others
wait for, and the interpreter lock would change hands in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.store import Claim, History, Lease, Projection, Snapshot, StoredEvent
from storage.keyring import KeyColumns, Keyring, Row, VisitKey
from storage.vault import SealBroken


@dataclass(frozen=True, slots=True)
class Drawn:
    """A leased visit as it stands in the database."""

    lease: Lease
    projection: Projection
    key: KeyColumns
    snapshot: Snapshot | None  #: sealed
    events: Sequence[Row]  #: seq, at, kind, sealed payload
    priority: int = 1


def open_claim(keys: Keyring, drawn: Drawn) -> Claim:
    """Return the claim, its key kept beside the lease.

    What does not open is handed over as it is: nobody can fold it, and the visit stops where people see it.
    """
    try:
        key = keys.opened(drawn.key)
        history = _history(key, drawn)
        if key.made:
            keys.keep(key)
    except SealBroken:
        keys.let_go(drawn.lease.visit_id)
        history = History(drawn.snapshot, [StoredEvent(*event) for event in drawn.events])
    return Claim(drawn.lease, drawn.projection, history, drawn.priority)


def _history(key: VisitKey, drawn: Drawn) -> History:
    snapshot = None if drawn.snapshot is None else key.open_snapshot(drawn.snapshot.seq, drawn.snapshot.body)
    return History(snapshot, [key.stored_event(event) for event in drawn.events])
