"""What only the SQL stores promise: encryption at rest, migrations, full disks, lost connections, rebuilding."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Connection

from engine.errors import BadInput, SchemaOutdated, StoreError
from engine.store import ExchangeRecord, NewVisit, Store, VisitFilter
from storage import SealBroken, SqlStore, Vault, open_store, upgrade
from storage.dialects import dialect_of
from storage.tables import METADATA
from tests.conftest import DURABLE
from tests.storage.test_contract import append, claimed, event, opened, projection

every_durable_store = pytest.mark.parametrize("store_url", DURABLE, indirect=True)


@contextmanager
def raw(url: str) -> Iterator[Connection]:
    """A connection beside the store, as somebody with the database's password would have."""
    engine = dialect_of(url).writer_engine()
    try:
        with engine.connect() as connection, connection.begin():
            yield connection
    finally:
        engine.dispose()


def exchange(number: int = 1) -> ExchangeRecord:
    return ExchangeRecord(
        f"{number:026d}", projection().visit_id, "call", 5, "toy", "settle", b'{"psn":"TOP-SECRET"}', b"REPLY", "200"
    )


async def keep(store: Store, *records: ExchangeRecord) -> None:
    await opened(store)
    await store.append(replace(append(await claimed(store), release=True), exchanges=records))


async def test_exchanges_are_nowhere_in_the_file_in_plain_text(tmp_path: Path, vault: Vault) -> None:
    url = f"sqlite:///{tmp_path / 'v.db'}"
    upgrade(url)
    store = open_store(url, vault)
    await store.start()
    await keep(store, exchange())
    await store.close()
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in (b"TOP-SECRET", b"REPLY", *map(base64.b64encode, (exchange().request, b"REPLY"))):
        assert secret not in stored


def test_a_sealed_exchange_is_not_merely_packed(vault: Vault) -> None:
    body = vault.seal(exchange()).body
    for start in range(len(body)):
        with suppress(zlib.error):
            assert b"request" not in zlib.decompressobj().decompress(body[start:])


def test_another_key_of_the_same_name_opens_nothing(vault: Vault) -> None:
    other = Vault.parse(f"{vault.current}:{base64.b64encode(bytes(32)).decode()}")
    with pytest.raises(SealBroken):
        other.open(exchange().exchange_id, exchange().visit_id, vault.seal(exchange()))


@every_durable_store
async def test_a_changed_exchange_is_found_out(store: SqlStore, store_url: str) -> None:
    await keep(store, exchange())
    with raw(store_url) as connection:
        body = connection.exec_driver_sql("SELECT body FROM exchanges").scalar_one()
        changed = bytes(body[:-1]) + bytes([body[-1] ^ 1])
        mark = "?" if store_url.startswith("sqlite") else "%s"
        connection.exec_driver_sql(f"UPDATE exchanges SET body = {mark}", (changed,))
    with pytest.raises(SealBroken) as caught:
        await store.exchanges(projection().visit_id)
    assert exchange().exchange_id in caught.value.message
    assert "SECRET" not in caught.value.message


@every_durable_store
@pytest.mark.parametrize("moved", ["to another visit", "to another exchange"])
async def test_an_exchange_shown_as_another_is_found_out(store: SqlStore, store_url: str, moved: str) -> None:
    await keep(store, exchange(1), exchange(2))
    shown_in = (await opened(store, 2) if moved == "to another visit" else projection()).visit_id
    first, second = exchange(1).exchange_id, exchange(2).exchange_id
    with raw(store_url) as connection:
        if moved == "to another visit":
            connection.exec_driver_sql(f"UPDATE exchanges SET visit_id = '{shown_in}' WHERE exchange_id = '{first}'")
        else:
            body = f"(SELECT body FROM exchanges WHERE exchange_id = '{first}')"
            connection.exec_driver_sql(f"UPDATE exchanges SET body = {body} WHERE exchange_id = '{second}'")
    with pytest.raises(SealBroken):
        await store.exchanges(shown_in)


@every_durable_store
async def test_keys_rotate_and_old_rows_stay_readable(store: Store, store_url: str) -> None:
    await keep(store, exchange(1), exchange(2))
    old = "test:" + base64.b64encode(bytes(range(32))).decode()
    new = "new:" + base64.b64encode(bytes(range(1, 33))).decode()
    both = open_store(store_url, Vault.parse(f"{new},{old}"))
    await both.start()
    assert await both.exchanges(projection().visit_id) == [exchange(1), exchange(2)]
    assert [await both.reseal(each) for each in (1, 5, 5, 5)] == [1, 1, 1, 0], "two exchanges, the visit's key"
    await both.close()
    only_new = open_store(store_url, Vault.parse(new))
    await only_new.start()
    assert await only_new.exchanges(projection().visit_id) == [exchange(1), exchange(2)]
    await only_new.close()


@pytest.mark.parametrize("text", ["", "x", "a:short", f"a:{'A' * 43}=,a:{'A' * 43}=", "a:!!!"])
def test_keys_that_are_none_are_refused_without_showing_them(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        Vault.parse(text)
    assert "AAAA" not in caught.value.message
    assert caught.value.field == "VISITFLOW_EXCHANGE_KEYS"


@every_durable_store
async def test_migrations_make_what_the_tables_say(store_url: str) -> None:
    with raw(store_url) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


async def test_an_empty_database_is_refused_with_the_way_out(tmp_path: Path, vault: Vault) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'v.db'}", vault)
    with pytest.raises(SchemaOutdated, match="visitflow db upgrade"):
        await store.start()
    await store.close()


async def test_a_full_disk_is_an_error_and_nothing_is_lost(tmp_path: Path, vault: Vault) -> None:
    url = f"sqlite:///{tmp_path / 'v.db'}"
    upgrade(url)
    store = SqlStore(dialect_of(url), vault)
    await store.start()
    await opened(store)
    connection = store._writer._connection  # the limit is a setting of the writer's own connection
    assert connection is not None
    connection.connection.driver_connection.execute("PRAGMA max_page_count=30")  # type: ignore[union-attr]
    claim = await claimed(store)
    huge = replace(append(claim), events=(event(2, '"' + "x" * 200_000 + '"'),))
    with pytest.raises(StoreError) as caught:
        await store.append(huge)
    assert "xxx" not in caught.value.message
    assert (await store.get(claim.lease.visit_id)).seq == 1
    await store.append(append(claim))  # the writer has connected anew, without the limit
    assert len(await store.journal(claim.lease.visit_id)) == 2
    await store.close()


async def test_a_commit_that_fails_tells_every_caller(tmp_path: Path, vault: Vault) -> None:
    url = f"sqlite:///{tmp_path / 'v.db'}"
    upgrade(url)
    broken = True

    def fault(point: str) -> None:
        if broken and point == "before_commit":
            raise sqlite3.OperationalError("disk I/O error")

    store = SqlStore(dialect_of(url), vault, fault=fault)
    await store.start()
    made = [NewVisit(projection(n), (event(1),), "f") for n in range(1, 6)]
    results = await asyncio.gather(*(store.open(each) for each in made), return_exceptions=True)
    assert all(isinstance(result, StoreError) for result in results)
    broken = False
    assert await store.visits(VisitFilter()) == []
    assert (await store.open(made[0])).created
    await store.close()


@pytest.mark.postgres
@pytest.mark.parametrize("store_url", ["postgres"], indirect=True)
async def test_lost_connections_are_an_error_and_then_work_goes_on(store: Store, store_url: str) -> None:
    await opened(store)
    claim = await claimed(store)
    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(StoreError):
        await store.append(append(claim))
    await store.append(append(claim))
    assert (await store.get(claim.lease.visit_id)).seq == 2


@every_durable_store
async def test_two_store_objects_never_lease_one_visit_twice(store: Store, store_url: str, vault: Vault) -> None:
    """Two processes on one database, in effect: each object has its own writer thread and connection."""
    other = open_store(store_url, vault)
    await other.start()
    for number in range(1, 61):
        await opened(store, number)
    found = await asyncio.gather(
        *(each.claim_due(f"w{n}", 5000, 9000, 7) for n in range(10) for each in (store, other))
    )
    names = [claim.lease.visit_id for claims in found for claim in claims]
    assert len(names) == len(set(names)) == 60
    await other.close()
