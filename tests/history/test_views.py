"""The views: documented column by column, alike on both databases, on facts alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from engine.store import Store
from storage.registers.history import HistoryRegister
from storage.sql_store import SqlStore
from tests.conftest import DURABLE
from tests.console.seed import Seed
from tests.history.conftest import history_of, rows
from tests.history.test_reader import told

PAGE = (Path(__file__).parents[2] / "docs" / "history.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.parametrize("store_url", DURABLE, indirect=True)


def documented() -> dict[str, list[str]]:
    found = {}
    for section in PAGE.split("\n### ")[1:]:
        name = re.match(r"`(v_\w+)`", section)
        if name is not None:
            body = section.partition("\n## ")[0]
            found[name[1]] = re.findall(r"^\| `(\w+)` \| \S", body, re.MULTILINE)
    return found


async def views(store: Store) -> dict[str, list[str]]:
    assert isinstance(store, SqlStore)
    return await store.read(
        lambda connection: {
            name: [column["name"] for column in inspect(connection).get_columns(name)]
            for name in inspect(connection).get_view_names()
        }
    )


async def ask(history: HistoryRegister, statement: str) -> list[tuple[object, ...]]:
    return await history.ask(text(statement))


async def test_every_column_of_every_view_is_documented_and_there_are_no_others(store: Store) -> None:
    assert await views(store) == documented()


async def test_every_view_is_named_where_rights_are_granted(store: Store) -> None:
    [granted] = re.findall(r"`GRANT SELECT ON ([^`]*) TO analyst`", PAGE, re.DOTALL)
    assert set(re.findall(r"v_\w+", granted)) == set(await views(store))


async def test_views_stand_on_facts_alone(store: Store) -> None:
    assert isinstance(store, SqlStore)
    for name in await views(store):
        made = await store.read(lambda connection, name=name: inspect(connection).get_view_definition(name))
        assert set(re.findall(r"(?i)\bfrom\s+\(*(\w+)", made or "")) <= {
            *("history_visits", "history_steps", "history_doubts", "history_stops", "history_money", "history_uploads")
        }


async def test_views_tell_what_the_facts_tell(hospital: Seed) -> None:
    facts, history = await told(hospital), history_of(hospital)
    for table in facts:
        assert len(await ask(history, f"SELECT * FROM v_{table}")) == len(facts[table])
    money = await ask(
        history, "SELECT day, flow, kind, changes, cents, amount FROM v_money_by_day ORDER BY day, flow, kind"
    )
    figures = await rows(hospital, "money")
    assert [(*row[:4], str(row[5])) for row in money] == [
        (row["day"], row["flow"], row["kind"], row["changes"], row["amount"]) for row in figures
    ]
    assert {row[4] for row in money} == {27000, 21600, 5400}
    [opened] = await ask(history, f"SELECT opened_at FROM v_visits WHERE visit_id = '{hospital.visits['closed']}'")
    fact = next(row for row in facts["visits"] if row[0] == hospital.visits["closed"])
    moment = opened[0] if isinstance(opened[0], str) else opened[0].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")  # type: ignore[attr-defined]
    assert datetime.fromisoformat(moment[:23]).replace(tzinfo=UTC).timestamp() == pytest.approx(
        fact[5] / 1e6, abs=0.001
    )
    failures = await ask(history, "SELECT code, times FROM v_failures_by_day WHERE outcome = 'refused' ORDER BY code")
    assert failures == [("3005/2204002", 1), ("3005/51014", 1)]
    assert sum(int(row[0]) for row in await ask(history, "SELECT visits FROM v_paths")) == 7  # type: ignore[call-overload]


async def test_negative_amounts_are_written_as_people_write_them(hospital: Seed) -> None:
    history = history_of(hospital)
    columns = "visit_id, seq, kind, flow, day, at, cents"
    insert = f"INSERT INTO history_money ({columns}) VALUES ('x', {{}}, 'total', 'f', 'd', 1, {{}})"
    for number, cents in enumerate((-5, -12345, 100)):
        statement = text(insert.format(number, cents))
        await history._database.write(lambda connection, made=statement: connection.execute(made).rowcount)
    found = await ask(history, "SELECT amount FROM v_money WHERE visit_id = 'x' ORDER BY seq")
    assert [str(row[0]) for row in found] == ["-0.05", "-123.45", "1.00"]
