"""Requests with an Idempotency-Key and their answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import delete, select, update

from engine.environment import Micros
from storage.registers.database import Database, Sealing, table_of, touched
from storage.sealed_columns import REQUESTS
from storage.service_tables import AskedRequestRow

_requests: Any = table_of(AskedRequestRow)


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """A request as it was first made; ``status`` and ``body`` once it was answered."""

    scope: str
    key: str
    fingerprint: str
    request_id: str
    began_at: Micros
    expires_at: Micros
    status: int | None = None
    body: str | None = None


class RequestRegister:
    """Asked requests, by whose key it is and the key."""

    def __init__(self, database: Database) -> None:
        """Keep them in ``database``."""
        self._database = database
        self._sealing = Sealing(database, AskedRequest, REQUESTS)

    async def begin(self, asked: AskedRequest) -> tuple[AskedRequest, bool]:
        """Write a request down, or return the one that has its key; tell whether it is new. Expired ones give way."""
        same = (_requests.c.scope == asked.scope, _requests.c.key == asked.key)

        def work(connection: Any) -> tuple[AskedRequest, bool]:
            connection.execute(delete(_requests).where(*same, _requests.c.expires_at <= asked.began_at))
            statement = self._database.insert(_requests).values(asdict(asked)).on_conflict_do_nothing()
            if touched(connection, statement):
                return asked, True
            found = self._sealing.one(connection, select(_requests).where(*same))
            return found or asked, False

        return await self._database.write(work)

    async def find(self, scope: str, key: str) -> AskedRequest | None:
        """Return a request."""
        statement = select(_requests).where(_requests.c.scope == scope, _requests.c.key == key)
        return await self._database.read(lambda connection: self._sealing.one(connection, statement))

    async def answer(self, asked: AskedRequest, status: int, body: str) -> None:
        """Keep a request's answer."""
        place = {"scope": asked.scope, "key": asked.key}
        statement = update(_requests).where(_requests.c.request_id == asked.request_id)

        def work(connection: Any) -> None:
            sealed = self._sealing.sealed(connection, place | {"body": body})
            connection.execute(statement.values(status=status, body=sealed["body"]))

        await self._database.write(work)

    async def drop(self, asked: AskedRequest) -> None:
        """Forget a request that changed nothing, so that it may be made anew."""
        statement = delete(_requests).where(_requests.c.request_id == asked.request_id, _requests.c.status.is_(None))
        await self._database.write(lambda connection: touched(connection, statement))

    async def abandon(self, asked: AskedRequest) -> None:
        """Let the same request be tried again at once, under the same id: whether it was done is not known."""
        statement = update(_requests).where(_requests.c.request_id == asked.request_id, _requests.c.status.is_(None))
        await self._database.write(lambda connection: touched(connection, statement.values(began_at=0)))

    async def forget(self, now: Micros) -> None:
        """Forget expired requests."""
        statement = delete(_requests).where(_requests.c.expires_at <= now)
        await self._database.write(lambda connection: touched(connection, statement))
