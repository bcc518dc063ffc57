"""A service on a database of the very first schema, with visits in flight: upgraded as a site does it, and going on."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

import pytest
from sqlalchemy import StaticPool, create_engine, inspect, text
from sqlalchemy.engine import Connection

from engine.store import VisitFilter
from service import demo
from storage import Vault, open_store, schema
from storage.dialects import dialect_of
from storage.migrating import up
from tests import postgres
from tests.jiangsu import ROOT
from tests.patience import PATIENCE

FIRST = "001"


#: What the first schema had; everything else came later, also columns and indices of the visits and the feed's counter.
TABLES = {"visits", "events", "exchanges", "workers", "flow_versions", "counters", "alembic_version"}
LATER = (
    "DROP INDEX ix_visits_unpublished",
    "ALTER TABLE visits DROP COLUMN published",
    "DROP INDEX ix_visits_priority",
    "ALTER TABLE visits DROP COLUMN priority",
    *(f"DROP INDEX ix_visits_{name}" for name in ("key", "flow", "status", "closed")),
    "CREATE UNIQUE INDEX ix_visits_flow_key ON visits (flow, key)",
    "CREATE INDEX ix_visits_status_cause ON visits (status, cause)",
    "ALTER TABLE workers DROP COLUMN schema",
    "DELETE FROM counters WHERE name IN ('feed', 'oldest_program')",
    f"UPDATE alembic_version SET version_num = '{FIRST}'",
)


async def journals(url: str, keys: str) -> list[tuple[str, int, str]]:
    """Return visit, number and text of every event: the first program kept them as they are."""
    store = open_store(url, Vault.parse(keys))
    await store.start()
    try:
        visits = [each.visit_id for each in await store.visits(VisitFilter(limit=100))]
        return [(visit, event.seq, event.payload) for visit in visits for event in await store.journal(visit)]
    finally:
        await store.close()


def back_to_the_first(url: str, keys: str) -> None:
    """Make a database what the first program would have left: its tables with the visits, and nothing beside."""
    plain = asyncio.run(journals(url, keys))
    engine = dialect_of(url).engine()
    try:
        with engine.connect() as connection, connection.begin():
            for visit, seq, payload in plain:
                connection.execute(
                    text("UPDATE events SET payload = :payload WHERE visit_id = :visit AND seq = :seq"),
                    {"payload": payload, "visit": visit, "seq": seq},
                )
            connection.execute(text("UPDATE visits SET snapshot_seq = NULL, snapshot_body = NULL"))
            for view in inspect(connection).get_view_names():  # first: they stand on tables
                connection.execute(text(f'DROP VIEW "{view}"'))
            for table in set(inspect(connection).get_table_names()) - TABLES:
                connection.execute(text(f'DROP TABLE "{table}"'))
            for statement in LATER:
                connection.execute(text(statement))
            assert has(connection) == first_schema()
    finally:
        engine.dispose()


def has(connection: Connection) -> dict[str, set[str]]:
    """Return tables and their columns."""
    found = inspect(connection)
    return {table: {str(each["name"]) for each in found.get_columns(table)} for table in found.get_table_names()}


def first_schema() -> dict[str, set[str]]:
    """Return what the first migration makes."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.connect() as connection, connection.begin():
        up(connection, schema._MIGRATIONS, FIRST)
        made = has(connection)
    engine.dispose()
    return made


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_service_goes_on_from_the_first_schema(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if kind == "sqlite":
        _play(tmp_path, "", f"sqlite:///{tmp_path / 'data' / 'visitflow.db'}")
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        _play(tmp_path, url, url)


def _play(folder: Path, store: str, url: str) -> None:
    with demo.stage(folder, ROOT / "flows.yaml", store=store) as stage:
        waiting, air, lost = (stage.open(f"UP{number}", number) for number in (1, 2, 3))
        for visit in (waiting, air, lost):
            stage.wait(visit, demo._in("pre_settled"))
        for key, fault in (("UP2", {"fault": "hang", "applied": True}), ("UP3", {"fault": "lose_reply"})):
            stage.control("POST", "/faults", {"transactionCode": "2207", "ipt_otp_no": key, **fault})
        demo._settle(stage, air, "UP2")
        demo._settle(stage, lost, "UP3")
        deadline = time.monotonic() + PATIENCE
        while "hang" not in stage.control("GET", "/faults")["struck"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        stage.service.kill()
        back_to_the_first(url, stage.service.environment["VISITFLOW_EXCHANGE_KEYS"])

        upgrade = [*stage.service.command[:3], "db", "upgrade"]
        done = subprocess.run(
            upgrade, check=True, env=stage.service.environment, capture_output=True, text=True, timeout=100
        )
        assert FIRST in done.stdout and schema.needed() in done.stdout
        stage.service.start()
        demo._settle(stage, waiting, "UP1")
        for key, visit in (("UP1", waiting), ("UP2", air), ("UP3", lost)):
            shown = stage.wait(visit, demo._closed)
            assert shown["state"] == "discharged"
            assert demo.our_books(shown) == demo.centre_books(stage.control("GET", "/ledger")["totals"], key)
        messages = stage.control("GET", "/ledger")["messages"]
        applied = [each["ipt_otp_no"] for each in messages if each["code"] == "2207" and each["result"] == "applied"]
        assert sorted(applied) == ["UP1", "UP2", "UP3"], "each settled once"
        assert stage.call("GET", "/healthz")["zombies"] == 0
