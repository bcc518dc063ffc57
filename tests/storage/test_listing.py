"""Lists among a million visits: which index SQLite takes for each question, and the same lists from every store."""

from __future__ import annotations

import sqlite3
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy.dialects import sqlite

from engine.store import Status, Store, VisitFilter
from storage import upgrade
from storage.listing import questions
from tests.conftest import STORES
from tests.toy import refuse
from tests.world import World


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("listing") / "visits.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.mark.parametrize(
    ("which", "taken"),
    [
        (VisitFilter(), ["sqlite_autoindex_visits_1"]),
        (VisitFilter(flow="f"), ["ix_visits_flow (flow=?)"]),
        (VisitFilter(flow="f", before="x"), ["ix_visits_flow (flow=? AND visit_id<?)"]),
        (VisitFilter(flow="f", status=Status.CLOSED), ["ix_visits_flow (flow=?)"]),
        (VisitFilter(flow="f", status=Status.STUCK), ["ix_visits_status (status=?)"]),
        (VisitFilter(status=Status.CLOSED), ["ix_visits_status (status=?)"]),
        (VisitFilter(cause="c"), ["ix_visits_status (status=?)"]),
        (VisitFilter(key="k"), ["ix_visits_key (key=?)"]),
        (VisitFilter(flow="f", key="k"), ["ix_visits_key (key=? AND flow=?)"]),
        (VisitFilter(flow="f", state="s", status=Status.CLOSED), ["ix_visits_closed (flow=? AND state=?)"]),
        (
            VisitFilter(flow="f", state="s"),
            [*["ix_visits_status (status=?)"] * 3, "ix_visits_closed (flow=? AND state=?)"],
        ),
    ],
    ids=str,
)
def test_every_list_is_found_by_an_index(database: Path, which: VisitFilter, taken: list[str]) -> None:
    plans = []
    with sqlite3.connect(database) as connection:
        for question in questions(which):
            text = str(question.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
            plans.append(connection.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()[0][3])
    connection.close()
    assert [plan.partition("USING INDEX ")[2] for plan in plans] == taken


@pytest.mark.parametrize("store_url", STORES, indirect=True)
async def test_every_filter_finds_what_it_should(store: Store) -> None:
    world = await World(store=store).start()
    for number in range(3):
        await world.open(f"K{number}")
    await world.run()
    world.peer.fail("register", refuse)
    await world.open("K3")
    await world.run()
    stuck = await store.find("toy.visit", "K3")
    assert stuck is not None
    await world.commands.cancel(stuck.visit_id, "wang", "a test")
    await world.run()
    world.peer.fail("register", refuse)
    await world.open("K4")
    await world.run()
    every = await store.visits(VisitFilter())
    assert [each.key for each in every] == ["K4", "K3", "K2", "K1", "K0"]
    assert {each.status for each in every} >= {Status.CLOSED, Status.STUCK, Status.WAITING}
    for flow, state, status, cause, before, limit in product(
        (None, "toy.visit", "no.flow"),
        (None, *sorted({each.state for each in every})),
        (None, *Status),
        (None, "refused"),
        (None, every[1].visit_id),
        (1, 2, 100),
    ):
        which = VisitFilter(flow=flow, state=state, status=status, cause=cause, before=before, limit=limit)
        wanted = [
            each
            for each in every
            if flow in (None, each.flow)
            and state in (None, each.state)
            and status in (None, each.status)
            and cause in (None, each.cause)
            and (before is None or each.visit_id < before)
        ]
        assert await store.visits(which) == wanted[:limit], which
