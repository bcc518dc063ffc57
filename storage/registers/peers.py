"""What processes tell each other of peers, and how they divide limits: one short transaction, seldom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import delete, or_, select, update

from engine.environment import DAY, Micros
from engine.peers.board import PARTS, Hold, PeerRow
from engine.peers.sharing import allotted
from storage.registers.database import Database, records, table_of
from storage.service_tables import PeerHoldRow, PeerStateRow

_rows: Any = table_of(PeerStateRow)
_holds: Any = table_of(PeerHoldRow)


class PeerRegister:
    """The board of :mod:`engine.peers`."""

    def __init__(self, database: Database) -> None:
        """Keep it in ``database``."""
        self._database = database

    async def rows(self, now: Micros) -> list[PeerRow]:
        """Return what living processes say."""
        found = select(_rows).where(_rows.c.seen_until > now).order_by(_rows.c.peer, _rows.c.worker)
        return await self._database.read(lambda connection: records(PeerRow, connection, found))

    async def tell(self, row: PeerRow, now: Micros, slots: int | None, bound: int) -> PeerRow:
        """Write a process's row, with its part of what is to be divided.

        Nobody divides at the same time: the peer's hold is locked first (SQLite has one writer anyway).
        """
        there = self._database.insert(_holds).values(peer=row.peer, held=False, by="", reason="", at=0)
        lock = update(_holds).where(_holds.c.peer == row.peer).values(held=_holds.c.held)
        living = select(_rows).where(_rows.c.peer == row.peer, _rows.c.seen_until > now)

        def work(connection: Any) -> PeerRow:
            connection.execute(there.on_conflict_do_nothing(index_elements=["peer"]))
            connection.execute(lock)
            found: list[PeerRow] = records(PeerRow, connection, living)
            others = [each for each in found if each.worker != row.worker]
            mine = next((each for each in found if each.worker == row.worker), replace(row, slots=0, parts=0))
            told = replace(
                row,
                slots=0
                if slots is None
                else allotted(
                    slots, row.worker, row.wants, bound, mine.slots, [(e.worker, e.slots, e.wants) for e in others], now
                ),
                parts=allotted(
                    PARTS, row.worker, row.wants, 0, mine.parts, [(e.worker, e.parts, e.wants) for e in others], now
                ),
            )
            values = asdict(told)
            upsert = self._database.insert(_rows).values(values)
            changed = {name: value for name, value in values.items() if name not in ("peer", "worker")}
            connection.execute(upsert.on_conflict_do_update(index_elements=["peer", "worker"], set_=changed))
            return told

        return await self._database.write(work)

    async def forget(self, worker: str, now: Micros) -> None:
        """Take back what a process has said, and what was said by those that are long gone."""
        gone = delete(_rows).where(or_(_rows.c.worker == worker, _rows.c.seen_until < now - DAY))
        await self._database.write(lambda connection: connection.execute(gone) and None)

    async def holds(self) -> Sequence[Hold]:
        """Return what people decided."""
        decided = select(_holds).where(_holds.c.at > 0).order_by(_holds.c.peer)
        return await self._database.read(lambda connection: records(Hold, connection, decided))

    async def decide(self, hold: Hold) -> None:
        """Write a person's decision down."""
        values = asdict(hold)
        upsert = self._database.insert(_holds).values(values)
        changed = {name: value for name, value in values.items() if name != "peer"}
        statement = upsert.on_conflict_do_update(index_elements=["peer"], set_=changed)
        await self._database.write(lambda connection: connection.execute(statement) and None)
