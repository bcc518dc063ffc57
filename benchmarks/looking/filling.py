"""A hospital that has been running for a year: a morning's visits, every kind of trouble among them, and many closed.

The closed ones are copies of one that the engine closed, put in by plain SQL. Their journals are as those of the time
before there were keys (ADR 36), so that a copy can be read; most keep their first two events only, for the disk's sake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from engine.environment import DAY, MINUTE
from engine.store import StoredEvent
from service.patients import patient_hash
from storage import Vault, open_store

#: Of so many visits one keeps its whole journal; the others keep so many events.
WHOLE_EACH, BEGINNING = 20, 2
#: So many visits have the same patient.
SAME_PATIENT = 2
_CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Hospital:
    """What there is to look at: ids of visits, and numbers that find some."""

    visits: int
    events: int
    flow: str
    whole: tuple[str, ...]  #: closed, with all their events
    troubled: tuple[str, ...]  #: not closed
    keys: tuple[str, ...]  #: the HIS's
    patient: str  #: identity number


def filled(url: str, data: Path, visits: int) -> Hospital:
    """Fill a new store, whose keys lie in ``data``; to be run in a process of its own."""
    return asyncio.run(_filled(url, data, visits))


async def _filled(url: str, data: Path, visits: int) -> Hospital:
    # here and not above: the tests' hospital is large
    from tests.console.seed import OUTPATIENT, seeded
    from tests.people import identity_number

    def secret(name: str) -> str:
        return (data / name).read_text(encoding="ascii").strip()

    store: Any = open_store(url, Vault.parse(secret("exchange.key")))
    await store.start()
    seed = await seeded(store=store)
    journal = await store.journal(seed.visits["closed"])
    copies = _Copies(url.startswith("sqlite"), seed.visits["closed"], journal, visits)
    for start in range(1, visits + 1, _CHUNK):
        await store.write(lambda connection, first=start: copies.put(connection, first))
    patient = identity_number(1)
    hashed = patient_hash(secret("patient.key").encode(), patient)
    await store.write(lambda connection: copies.know(connection, hashed))
    await store.close()
    step = max(WHOLE_EACH, visits // 100 // WHOLE_EACH * WHOLE_EACH)
    numbers = range(step, visits + 1, step)
    return Hospital(
        visits,
        visits * BEGINNING + visits // WHOLE_EACH * (len(journal) - BEGINNING),
        OUTPATIENT,
        tuple(f"{n:026}" for n in numbers),
        tuple(each for what, each in seed.visits.items() if what != "closed"),
        tuple(f"Z{n}" for n in numbers),
        patient,
    )


@dataclass(frozen=True, slots=True)
class _Copies:
    """Copies of one visit, numbered from 1, opened over a year."""

    lite: bool
    pattern: str
    journal: Sequence[StoredEvent]
    visits: int

    def put(self, connection: Connection, first: int) -> None:
        """Insert some of them, from the first on."""
        names = [column["name"] for column in inspect(connection).get_columns("visits")]
        back = f"- ({self.visits} - n) * CAST({365 * DAY // self.visits} AS BIGINT) - {MINUTE}"
        own = {
            "visit_id": self._padded("n", 26),
            "key": "'Z' || n",
            "fingerprint": self._padded("n", 64),
            "opened_at": f"opened_at {back}",
            "updated_at": f"updated_at {back}",
            "published": "seq",
        }
        last = min(self.visits, first + _CHUNK - 1)

        def insert(table: str, columns: str, values: str, more: str = "", **told: Any) -> None:
            numbers = f"numbers(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})"
            statement = f"INSERT INTO {table} ({columns}) WITH RECURSIVE {numbers} SELECT {values} FROM numbers {more}"
            connection.execute(text(statement), told)

        values = ", ".join(own.get(name, name) for name in names)
        insert("visits", ", ".join(names), values, "CROSS JOIN visits WHERE visit_id = :pattern", pattern=self.pattern)
        insert("visit_keys", "visit_id, key_id, plain_until", f"{own['visit_id']}, '', 100000")
        same = self._padded(f"n / {SAME_PATIENT}", 64)
        insert("visit_patients", "patient, visit_id", f"{same}, {own['visit_id']}")
        for each in self.journal:
            which = "" if each.seq <= BEGINNING else f"WHERE n % {WHOLE_EACH} = 0"
            event = {"seq": each.seq, "at": each.at, "kind": each.kind, "payload": each.payload}
            values = f"{own['visit_id']}, :seq, :at, :kind, :payload"
            insert("events", "visit_id, seq, at, kind, payload", values, which, **event)

    def know(self, connection: Connection, patient: str) -> None:
        """Give a patient some of them; let PostgreSQL count what it holds, which it does by itself when it runs."""
        statement = text("UPDATE visit_patients SET patient = :patient WHERE patient IN (:one, :other)")
        connection.execute(statement, {"patient": patient, "one": f"{1:064}", "other": f"{self.visits // 4:064}"})
        if not self.lite:
            connection.execute(text("ANALYZE"))

    def _padded(self, number: str, width: int) -> str:
        return f"printf('%0{width}d', {number})" if self.lite else f"lpad(({number})::text, {width}, '0')"
