"""Who may come in: accounts of people, keys of machines, sessions of browsers. Digests only, never a secret."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update

from engine.environment import Micros
from storage.registers.database import Database, one, records, table_of, touched
from storage.service_tables import AccountRow, ApiKeyRow, WebSessionRow

_accounts: Any = table_of(AccountRow)
_keys: Any = table_of(ApiKeyRow)
_sessions: Any = table_of(WebSessionRow)


@dataclass(frozen=True, slots=True)
class Account:
    """A person. ``changed_at``: password, role or lock; sessions that began before it are over."""

    name: str
    role: str
    password: str = field(repr=False)
    created_at: Micros
    created_by: str
    changed_at: Micros
    locked_at: Micros | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A machine's key without its secret."""

    key_id: str
    name: str
    role: str
    digest: str = field(repr=False)
    created_at: Micros
    created_by: str
    expires_at: Micros | None = None
    revoked_at: Micros | None = None


@dataclass(frozen=True, slots=True)
class WebSession:
    """A browser's session; ``digest`` is of its cookie."""

    digest: str = field(repr=False)
    account: str
    csrf: str = field(repr=False)
    address: str
    began_at: Micros
    used_at: Micros


class AccessRegister:
    """Accounts, keys, sessions."""

    def __init__(self, database: Database) -> None:
        """Keep them in ``database``."""
        self._database = database

    async def anybody(self) -> bool:
        """Tell whether an account or a key was ever made, also one that is locked or revoked."""
        return await self._database.read(
            lambda connection: any(
                connection.execute(select(func.count()).select_from(table)).scalar_one() for table in (_accounts, _keys)
            )
        )

    # -- people
    async def account(self, name: str) -> Account | None:
        """Return an account."""
        statement = select(_accounts).where(_accounts.c.name == name)
        return await self._database.read(lambda connection: one(Account, connection, statement))

    async def accounts(self) -> list[Account]:
        """Return all accounts, by name."""
        statement = select(_accounts).order_by(_accounts.c.name)
        return await self._database.read(lambda connection: records(Account, connection, statement))

    async def add_account(self, account: Account) -> bool:
        """Add an account; False when the name is taken."""
        statement = self._database.insert(_accounts).values(asdict(account)).on_conflict_do_nothing()
        return await self._database.write(lambda connection: touched(connection, statement))

    async def change_account(self, name: str, at: Micros, **changes: str | Micros | None) -> bool:
        """Change role, password or lock; the account's sessions end with it. False when there is no such account."""

        def work(connection: Any) -> bool:
            connection.execute(delete(_sessions).where(_sessions.c.account == name))
            changed = update(_accounts).where(_accounts.c.name == name).values(changed_at=at, **changes)
            return touched(connection, changed)

        return await self._database.write(work)

    # -- machines
    async def key(self, key_id: str) -> ApiKey | None:
        """Return a key."""
        statement = select(_keys).where(_keys.c.key_id == key_id)
        return await self._database.read(lambda connection: one(ApiKey, connection, statement))

    async def keys(self) -> list[ApiKey]:
        """Return all keys, oldest first."""
        statement = select(_keys).order_by(_keys.c.created_at, _keys.c.key_id)
        return await self._database.read(lambda connection: records(ApiKey, connection, statement))

    async def add_key(self, key: ApiKey) -> None:
        """Add a key."""
        await self._database.write(lambda connection: touched(connection, insert(_keys).values(asdict(key))))

    async def revoke_key(self, key_id: str, at: Micros) -> bool:
        """Revoke a key; False when there is none, or it was revoked before."""
        statement = update(_keys).where(_keys.c.key_id == key_id, _keys.c.revoked_at.is_(None)).values(revoked_at=at)
        return await self._database.write(lambda connection: touched(connection, statement))

    # -- browsers
    async def session(self, digest: str) -> WebSession | None:
        """Return a session."""
        statement = select(_sessions).where(_sessions.c.digest == digest)
        return await self._database.read(lambda connection: one(WebSession, connection, statement))

    async def begin_session(self, session: WebSession) -> None:
        """Begin a session."""
        statement = insert(_sessions).values(asdict(session))
        await self._database.write(lambda connection: touched(connection, statement))

    async def use_session(self, digest: str, at: Micros) -> None:
        """Note that a session was used."""
        statement = update(_sessions).where(_sessions.c.digest == digest).values(used_at=at)
        await self._database.write(lambda connection: touched(connection, statement))

    async def end_session(self, digest: str) -> None:
        """End a session."""
        statement = delete(_sessions).where(_sessions.c.digest == digest)
        await self._database.write(lambda connection: touched(connection, statement))

    async def forget_sessions(self, began_before: Micros, used_before: Micros) -> None:
        """Forget sessions that have ended by time."""
        over = or_(_sessions.c.began_at < began_before, _sessions.c.used_at < used_before)
        await self._database.write(lambda connection: touched(connection, delete(_sessions).where(over)))
