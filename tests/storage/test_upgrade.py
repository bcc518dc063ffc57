"""From the first schema to the last with visits in flight, and what an upgrade refuses."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, insert
from sqlalchemy.engine import Connection

from engine.environment import SECOND
from engine.errors import SchemaOutdated
from engine.store import Projection, Status, StoredEvent, Worker
from service.cli.database import changes
from storage import SqlStore, Vault, open_store, schema
from storage.backups.workers import WorkersRun
from storage.dialects import dialect_of
from storage.migrating import _config, up
from tests import postgres
from tests.toy import ToyAdapter, lose_reply, refuse
from tests.world import World

REVISIONS = schema.revisions()


def test_revisions_are_told_by_the_names_of_files() -> None:
    known = ScriptDirectory.from_config(_config(schema._MIGRATIONS))
    assert schema.revisions() == [each.revision for each in reversed(list(known.walk_revisions()))]
    assert schema.needed() == known.get_current_head()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'old.db'}"
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        yield url


def to_revision(url: str, revision: str) -> None:
    engine = dialect_of(url).writer_engine()
    try:
        with engine.connect() as connection, connection.begin():
            up(connection, schema._MIGRATIONS, revision)
    finally:
        engine.dispose()


async def in_flight() -> tuple[World, dict[str, str]]:
    """Visits in every condition that a stopped process can leave, by name: their ids."""
    world = await World().start()
    visits = {"closed": await world.open("closed", invoice="I0")}
    await world.run()
    visits["waiting"] = await world.open("waiting")
    await world.run(patience=60 * SECOND)
    world.peer.fail("settle", refuse)
    visits["refused"] = await world.open("refused", invoice="I1")
    await world.step()
    world.peer.fail("settle", lose_reply)
    visits["doubt"] = await world.open("doubt", invoice="I2")
    await world.step()
    visits["air"] = await world.open("air", invoice="I3")

    def die(operation: str) -> None:
        if operation == "settle":
            raise asyncio.CancelledError

    world.adapter.after_send = die
    with pytest.raises(asyncio.CancelledError):
        await world.step()
    world.adapter.after_send = lambda _operation: None
    visits["new"] = await world.open("new", invoice="I4")
    return world, visits


def write_down(connection: Connection, found: list[tuple[Projection, list[StoredEvent]]], flows: list[Any]) -> None:
    """Write visits as a program with this schema would have: the columns that it has, none that came later."""
    metadata = MetaData()
    tables = {name: Table(name, metadata, autoload_with=connection) for name in ("visits", "events", "flow_versions")}
    for projection, events in found:
        row = {column.name: getattr(projection, column.name, None) for column in tables["visits"].columns}
        row |= {"status": projection.status.value, "fingerprint": "f", "wake_at": projection.due_at, "token": 1}
        if projection.key == "air":
            row |= {"lease_worker": "dead", "lease_until": projection.updated_at + SECOND}
            row["wake_at"] = row["lease_until"]
        connection.execute(insert(tables["visits"]), row)
        rows = [
            {"visit_id": projection.visit_id, "seq": e.seq, "at": e.at, "kind": e.kind, "payload": e.payload}
            for e in events
        ]
        connection.execute(insert(tables["events"]), rows)
    for record in flows:
        names = [column.name for column in tables["flow_versions"].columns]
        connection.execute(insert(tables["flow_versions"]), {name: getattr(record, name) for name in names})


async def test_visits_in_flight_live_through_every_upgrade(empty_url: str, vault: Vault) -> None:
    before, visits = await in_flight()
    to_revision(empty_url, REVISIONS[0])
    engine = dialect_of(empty_url).engine()
    with engine.connect() as connection, connection.begin():
        write_down(connection, before.store.everything(), await before.store.flows())  # type: ignore[attr-defined]
    engine.dispose()
    for revision in REVISIONS[1:]:
        to_revision(empty_url, revision)

    store = open_store(empty_url, vault)
    assert isinstance(store, SqlStore)
    await store.start()
    after = await World(store=store, environment=before.environment, adapter=ToyAdapter(before.peer)).start()
    for name, visit in visits.items():
        if name != "air":  # its projection is that of the leased row: the worker died before it wrote
            await after.check(visit)
    await after.run()
    ends = {name: (await after.get(visit)).status for name, visit in visits.items()}
    assert ends == {
        "closed": Status.CLOSED,
        "waiting": Status.WAITING,
        "refused": Status.STUCK,
        "doubt": Status.CLOSED,
        "air": Status.CLOSED,
        "new": Status.CLOSED,
    }
    for name in ("closed", "doubt", "air", "new"):
        assert before.peer.counts(name) == {"register": 1, "settle": 1}, name
    await after.commands.trigger(visits["waiting"], "settle", {"invoice": "I5"}, "his")
    await after.commands.resume(visits["refused"], "li", "corrected at the centre")
    await after.run()
    assert before.peer.counts("waiting") == before.peer.counts("refused") == {"register": 1, "settle": 1}
    await store.close()


def worker_row(connection: Connection, worker: Worker) -> None:
    table = Table("workers", MetaData(), autoload_with=connection)
    names = [column.name for column in table.columns]
    connection.execute(insert(table), {name: getattr(worker, name) for name in names})


async def test_an_upgrade_waits_until_the_old_processes_have_ended(empty_url: str) -> None:
    assert changes(empty_url, 0) is False, "nothing is there yet"
    to_revision(empty_url, REVISIONS[0])
    now = 10**15
    engine = dialect_of(empty_url).engine()
    with engine.connect() as connection, connection.begin():
        worker_row(connection, Worker("w", "another-host", 4711, 0, now - 5 * SECOND))
    engine.dispose()
    with pytest.raises(WorkersRun, match=f"schema {REVISIONS[0]}: pid 4711 on another-host") as caught:
        changes(empty_url, now)
    assert schema.needed() in caught.value.message
    assert changes(empty_url, now + 3600 * SECOND) is True, "silent for an hour: it has ended"
    to_revision(empty_url, "head")
    assert changes(empty_url, now) is False, "nothing changes: processes of this schema may run"


def test_a_newer_database_is_not_touched(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    to_revision(url, "head")
    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '999'")
    with pytest.raises(SchemaOutdated, match="newer version"):
        changes(url, 0)
