"""What one process at a time does for all: held for a while, renewed by its holder, taken over when that is silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.engine import Connection

from engine.environment import Micros
from storage.registers.database import Database, one, table_of, touched
from storage.service_tables import LeaseRow

_leases: Any = table_of(LeaseRow)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds it, under which token, until when."""

    name: str
    holder: str
    token: int
    held_until: Micros


class LeaseRegister:
    """Leases by name."""

    def __init__(self, database: Database) -> None:
        """Keep them in ``database``."""
        self._database = database

    async def get(self, name: str) -> Lease | None:
        """Return a lease as it was left, whether or not it has ended."""
        statement = select(_leases).where(_leases.c.name == name)
        return await self._database.read(lambda connection: one(Lease, connection, statement))

    async def take(self, name: str, holder: str, now: Micros, until: Micros, dead: str | None = None) -> Lease | None:
        """Take a lease that has ended, or whose holder is known to be ``dead``; None while somebody else holds it."""
        fresh = {"name": name, "holder": holder, "token": 1, "held_until": until}
        insert = self._database.insert(_leases).values(fresh).on_conflict_do_nothing(index_elements=["name"])
        ended = or_(_leases.c.held_until <= now, _leases.c.holder == (dead or holder))
        taken = (
            update(_leases)
            .where(_leases.c.name == name, ended)
            .values(holder=holder, token=_leases.c.token + 1, held_until=until)
        )

        def work(connection: Connection) -> Lease | None:
            if not touched(connection, insert) and not touched(connection, taken):
                return None
            return one(Lease, connection, select(_leases).where(_leases.c.name == name))

        return await self._database.write(work)

    async def renew(self, lease: Lease, until: Micros) -> bool:
        """Hold on for longer; False when somebody else has taken it."""
        statement = update(_leases).where(*_same(lease)).values(held_until=until)
        return await self._database.write(lambda connection: touched(connection, statement))

    async def release(self, lease: Lease) -> None:
        """Give it up, so that nobody has to wait."""
        statement = update(_leases).where(*_same(lease)).values(held_until=0)
        await self._database.write(lambda connection: touched(connection, statement))


def held(database: Database, connection: Connection, lease: Lease, now: Micros) -> bool:
    """Tell, inside a transaction, whether a lease is still the holder's; nobody takes it before that has ended."""
    statement = select(_leases.c.token).where(*_same(lease), _leases.c.held_until > now)
    return connection.execute(database.for_update(statement)).scalar() is not None


def _same(lease: Lease) -> tuple[Any, ...]:
    return _leases.c.name == lease.name, _leases.c.holder == lease.holder, _leases.c.token == lease.token
