"""Taking a backup in: the store is then older than the world, and says so at every visit (G2).

After the backup was made its visits went on: a settlement may have been sent that no journal here knows. A probe
cannot be relied on to find it: many look for a message id, and that id is lost. So nothing moves by itself. Every visit
that is not closed is stopped with cause ``restored``, until a person has compared it with the peers and resumes it;
calls that were in the air become doubts and are settled first, as after any crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.catalogue import Catalogue
from engine.environment import MINUTE, SECOND, Environment, Micros
from engine.errors import FlowUnavailable
from engine.events import Cause, Stuck
from engine.execution import take_over
from engine.journal import Journal
from engine.registry import Registry
from engine.store import Append, Projection, Status, VisitFilter
from engine.visit import IllegalEvent
from service.keeping.verifying import Opened, keys_fit, refuse_foreign_keys
from service.rebuild import rebuild_store
from storage import SqlStore, Vault
from storage.backups import copies_of, forget_past, read_manifest
from storage.dialects import dialect_of
from storage.registers import AuditEntry, open_registers

_AT_ONCE = 100
_WORKER = "restore"

#: Told what is being done, how much of it is done, and of how much.
Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Restored:
    """What a restore did."""

    made_at: Micros  #: the store knows nothing later
    restored_at: Micros
    held: int = 0  #: visits that wait for a person now
    in_doubt: int = 0  #: of these, with a call whose outcome is not known
    closed: int = 0
    damaged: list[str] = field(default_factory=list)  #: visits whose journal cannot be read; stopped as well
    differences: list[dict[str, Any]] = field(default_factory=list)  #: of lists from journals, before
    ended: dict[str, int] = field(default_factory=dict)  #: what was under way and is not gone on with
    aside: str | None = None  #: where the store before lies


async def restore(
    backup: Path,
    url: str,
    vault: Vault,
    catalogue: Catalogue,
    environment: Environment,
    *,
    by: str,
    reason: str,
    replace_store: bool = False,
    progress: Progress = lambda *_: None,
) -> Restored:
    """Make the backup the store at ``url``. Until the last step nobody can start on it, and what was there stands.

    On PostgreSQL what was there is dropped when loading begins.

    Raises:
        BadInput: not a backup, damaged, of another kind, keys that do not fit, or visits in the way.
        NotLegal: processes work on the store.
    """
    manifest = read_manifest(backup)
    copies = copies_of(url)
    copies.refuse_to_overwrite(replace_store, environment.now())
    archive = copies.archived(backup, vault)
    if archive is not None:
        try:
            refuse_foreign_keys(await archive.read(lambda connection: keys_fit(connection, vault)))
        finally:
            await archive.close()
    made = copies.begin(backup, manifest, lambda done, all_: progress("file", done, all_))
    store = SqlStore(dialect_of(made), vault, check_schema=False)
    await store.start()
    try:
        refuse_foreign_keys(await store.read(lambda connection: keys_fit(connection, vault)))
        report = Restored(manifest.made_at, environment.now())
        report.ended = await store.write(lambda connection: forget_past(connection, report.restored_at))
        registry = Registry(store, catalogue, environment)
        compared = await rebuild_store(
            Opened(store, registry), True, lambda done: progress("visits", done, manifest.counts.get("visits", 0))
        )
        report.differences = compared["differences"]
        await _hold_all(store, registry, environment, report, by, reason, progress)
        entry = AuditEntry(
            *(environment.new_id(), environment.now(), by, "admin", "restore", backup.name[:200], reason),
            *("cli", f"held {report.held}"),
        )
        await open_registers(store).audit.add(entry)
    finally:
        await store.close()
    copies.refuse_to_overwrite(replace_store or manifest.kind == "postgresql", environment.now())
    report.aside = copies.finish(made, environment.now())
    return report


async def _hold_all(
    store: SqlStore,
    registry: Registry,
    environment: Environment,
    report: Restored,
    by: str,
    reason: str,
    progress: Progress,
) -> None:
    before: str | None = None
    words = {"by": by, "reason": reason, "backup": manifest_time(report.made_at)}
    while page := await store.visits(VisitFilter(limit=_AT_ONCE, before=before)):
        open_visits = [each for each in page if each.status is not Status.CLOSED]
        await asyncio.gather(*(_hold(store, registry, environment, each, words, report) for each in open_visits))
        report.closed += len(page) - len(open_visits)
        before = page[-1].visit_id
        progress("held", report.held, report.held + report.closed)


async def _hold(
    store: SqlStore,
    registry: Registry,
    environment: Environment,
    stored: Projection,
    words: dict[str, str],
    report: Restored,
) -> None:
    now = environment.now()
    claim = await store.claim(stored.visit_id, _WORKER, now, now + MINUTE)
    assert claim is not None  # all leases were ended, and nobody else can start here
    try:
        journal = Journal(store, claim, environment)
    except (IllegalEvent, ValueError):
        stopped = replace(stored, status=Status.STUCK, cause=Cause.ENGINE_ERROR.value, due_at=None, waiting_for=None)
        await store.append(Append(claim.lease, stored.seq, (), stopped, release=True))
        report.damaged.append(stored.visit_id)
        return
    visit = journal.visit
    try:
        flow = await registry.version(visit.version)
    except FlowUnavailable:
        flow = None
    if flow is not None and visit.call is not None and visit.doubt is None:
        take_over(flow, journal)  # whoever made the call is of another time
    trouble = visit.trouble
    evidence: dict[str, Any] = {**words, "state": visit.state}
    message = f"restored from a backup of {words['backup']}: what was sent since is not known here; ask the peers first"
    if trouble is not None:
        evidence["before"] = {"cause": trouble.cause.value, "message": trouble.message, "event": trouble.seq}
        message += f" (was stuck before: {trouble.cause.value})"
    call = None if visit.call is None else visit.call.call
    journal.record(Stuck(at=journal.now(), cause=Cause.RESTORED, message=message, call=call, evidence=evidence))
    await journal.flush(flow, release=True)
    report.held += 1
    report.in_doubt += visit.call is not None


def manifest_time(at: Micros) -> str:
    """Return a moment as people and programs read it."""
    return datetime.fromtimestamp(at / SECOND, UTC).isoformat(timespec="seconds")
