"""Forget what has had its time: periods are settings, 0 keeps for ever; counted first, deleted a little at a time.

Journals come last: what is read of them elsewhere has gone before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from engine.environment import DAY, Micros
from service.application import Application
from service.settings import Settings
from storage.registers import AuditEntry
from storage.registers.retention import JOURNALS

#: Seconds between two bites, in which visits write.
_PAUSE = 0.02


def periods(settings: Settings) -> dict[str, int]:
    """Return the days that each kind of row is kept; kinds that are kept for ever are left out."""
    days: Mapping[str, int] = {
        "exchanges": settings.keep_exchanges_days,
        "deliveries": settings.keep_deliveries_days,
        "batches": settings.keep_batches_days,
        "audit": settings.keep_audit_days,
        JOURNALS: settings.keep_journals_days,
    }
    return {kind: kept for kind, kept in days.items() if kept}


async def overdue(application: Application) -> dict[str, int]:
    """Return how many rows of each kind would be deleted now; nothing is changed."""
    now, register = application.environment.now(), application.registers.retention
    return {kind: await register.count(kind, now - days * DAY) for kind, days in periods(application.settings).items()}


async def sweep(application: Application, by: str, reason: str) -> str:
    """Delete what is older than its period; return what went, in words. Running it again does no harm."""
    now, registers = application.environment.now(), application.registers
    gone: dict[str, int] = {}
    for kind, days in periods(application.settings).items():
        while count := await _forget(application, kind, now - days * DAY):
            gone[kind] = gone.get(kind, 0) + count
            await asyncio.sleep(_PAUSE)
    told = ", ".join(f"{kind} {count}" for kind, count in gone.items())
    if gone:
        who = (application.environment.new_id(), now, by, "admin", "retention", told[:200], reason)
        await registers.audit.add(AuditEntry(*who, "service", "done"))
    return told or "nothing"


async def _forget(application: Application, kind: str, before: Micros) -> int:
    """Forget a little of one kind; return how much. 0: nothing is left to do."""
    register = application.registers.retention
    if kind != JOURNALS:
        return await register.forget(kind, before)
    return len(await register.shred(before, application.environment.now()))
