"""What has had its time is counted, then deleted; what a dispute may need stays."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError
from sqlalchemy import func, insert, select

from engine.environment import DAY, SECOND
from service.application import Application
from service.jobs import JOBS
from service.keeping.retention import overdue, sweep
from service.keeping.verifying import Opened
from service.rebuild import rebuild_store
from storage import SqlStore
from storage.registers import AuditEntry, Delivery, open_registers
from storage.registers.retention import _deliveries, _exchanges
from tests.conftest import DURABLE
from tests.service.wired import Wired, settings
from tests.toy import refuse
from tests.world import World

every_durable_store = pytest.mark.parametrize("store_url", DURABLE, indirect=True)


def wired(world: World, **periods: int) -> Application:
    found = SimpleNamespace(
        environment=world.environment, registers=open_registers(world.store), settings=settings(**periods)
    )
    return cast(Application, found)


async def rows(store: SqlStore, table: Any) -> int:
    return await store.read(lambda connection: connection.execute(select(func.count()).select_from(table)).scalar_one())


@every_durable_store
async def test_exchanges_of_closed_visits_go_and_all_others_stay(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.registers.retention.AT_ONCE", 2)
    world = await World(store=store).start()
    closed = await world.open("closed", invoice="I1")
    await world.run()
    world.peer.fail("settle", refuse)
    stuck = await world.open("stuck", invoice="I2")
    await world.run()
    world.environment.time += 400 * DAY
    young = await world.open("young", invoice="I3")
    await world.run()
    application = wired(world, keep_exchanges_days=365)
    before = {visit: len(await store.exchanges(visit)) for visit in (closed, stuck, young)}
    assert await overdue(application) == {"exchanges": before[closed]}
    assert await sweep(application, "wang", "year is over") == f"exchanges {before[closed]}"
    after = {visit: len(await store.exchanges(visit)) for visit in (closed, stuck, young)}
    assert after == before | {closed: 0}
    assert await overdue(application) == {"exchanges": 0}
    entry = (await application.registers.audit.all(None, "retention", None, 10))[0]
    assert (entry.actor, entry.reason) == ("wang", "year is over")
    for visit in (closed, stuck, young):
        await world.check(visit)


@every_durable_store
async def test_without_a_period_nothing_goes(store: SqlStore) -> None:
    world = await World(store=store).start()
    await world.open("K1", invoice="I1")
    await world.run()
    world.environment.time += 4000 * DAY
    kept = await rows(store, _exchanges)
    assert kept
    assert await sweep(wired(world), "wang", "nothing is set") == "nothing"
    assert await rows(store, _exchanges) == kept


@every_durable_store
async def test_the_newest_delivery_of_a_visit_stays_and_what_is_pending(store: SqlStore) -> None:
    world = await World(store=store).start()
    now = world.environment.now()

    def delivery(visit: str, number: int, state: str) -> dict[str, Any]:
        made = Delivery(
            *(f"{visit}{number:025d}", "his", visit * 26, number, number, "closed", "{}", state, now, now, 1),
            done_at=None if state == "pending" else now,
        )
        return asdict(made)

    values = [delivery("A", 1, "delivered"), delivery("A", 2, "dead"), delivery("A", 3, "delivered")]
    values += [delivery("B", 1, "pending"), delivery("B", 2, "delivered")]
    await store.write(lambda connection: connection.execute(insert(_deliveries), values) and None)
    world.environment.time += 31 * DAY + SECOND
    assert await sweep(wired(world, keep_deliveries_days=31), "wang", "a month") == "deliveries 2"
    left = await store.read(
        lambda connection: [
            tuple(row) for row in connection.execute(select(_deliveries.c.visit_id, _deliveries.c.number))
        ]
    )
    assert sorted((visit[0], number) for visit, number in left) == [("A", 3), ("B", 1), ("B", 2)]


@every_durable_store
async def test_the_job_does_the_same_and_says_so(store: SqlStore) -> None:
    world = await World(store=store).start()
    application = wired(world, keep_audit_days=10)
    now = world.environment.now()
    entry = AuditEntry("0" * 26, now, "wang", "admin", "sign_in", "", "", "cli", "done")
    await application.registers.audit.add(entry)
    world.environment.time += 11 * DAY
    assert await JOBS["retention"].run(application, datetime.date(2026, 11, 20)) == "audit 1"
    kept = await application.registers.audit.all(None, None, None, 10)
    assert [each.actor for each in kept] == ["schedule:retention"], "what went is told in the audit itself"


@every_durable_store
async def test_visits_are_shredded_when_their_time_is_over_and_whoever_asks_is_told(store: SqlStore) -> None:
    world = await World(store=store).start()
    old = await world.open("old", invoice="I1")
    await world.run()
    world.environment.time += 400 * DAY
    young = await world.open("young", invoice="I2")
    await world.run()
    application = wired(world, keep_journals_days=365)
    assert await overdue(application) == {"journals": 1}
    assert await sweep(application, "wang", "the year is over") == "journals 1"
    assert await sweep(application, "wang", "the year is over") == "nothing"
    entry = (await application.registers.audit.all(None, "retention", None, 10))[0]
    assert (entry.target, entry.reason) == ("journals 1", "the year is over")
    report = await rebuild_store(Opened(store, world.registry), False)
    assert (report["visits"], report["shredded"], report["differences"]) == (1, 1, [])
    service = Wired(world)
    async with service.client(await service.key("supervisor")) as client:
        for path in ("", "/journal", "/fees", "/exchanges"):
            answer = await client.get(f"/api/v1/visits/{old}{path}")
            assert (answer.status_code, answer.json()["code"]) == (410, "shredded"), path
        again = await client.post(f"/api/v1/visits/{old}/trigger", json={"trigger": "settle", "by": "li"})
        assert again.status_code == 410
        page = await client.get(f"/console/visits/{old}", headers={"Accept": "text/html"})
        assert page.status_code == 410
        listed = await client.get("/api/v1/visits")
        assert {each["visit"] for each in listed.json()} == {old, young}
        assert (await client.get(f"/api/v1/visits/{young}")).status_code == 200
    await world.check(young)


@pytest.mark.parametrize("days", [1, 29, -1])
def test_visits_are_not_shredded_while_they_are_still_compared(days: int) -> None:
    with pytest.raises(ValidationError, match="keep_journals_days"):
        settings(keep_journals_days=days)
