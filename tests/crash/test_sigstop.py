"""SIGSTOP until the lease has run out, then SIGCONT: the sleeper sends nothing more, and its commits are refused.

On both stores. The visit is finished by another worker meanwhile; the books show each write once.
"""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text

from engine.environment import SECOND
from engine.faultpoints import FaultPoint
from storage import SqlStore
from tests.conftest import DURABLE
from tests.crash.hospital import Hospital, Worker, eventually, hospital

LEASE = 1.5
KEY = "SLEEPS"

every_durable_store = pytest.mark.parametrize("store_url", DURABLE, indirect=True)


def sleeper(place: Hospital, operation: str, point: FaultPoint, action: str = "stop") -> Worker:
    """Start a worker that stops itself at a point of an operation of the visit ``KEY``."""
    trap = {"key": KEY, "operation": operation, "point": point, "action": action}
    return place.nursery.spawn(lease=LEASE, trap=trap)


async def held_by(place: Hospital, worker: Worker) -> int:
    """Return how many visits the store says a worker holds."""
    store = place.wired.store
    assert isinstance(store, SqlStore)
    name = worker.wait_for("started")["worker"]
    with store.engine.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM visits WHERE lease_worker = :name"), {"name": name})
        return int(count.scalar_one())


@pytest.mark.slow
@every_durable_store
@pytest.mark.parametrize(
    ("operation", "point"),
    [
        ("settle", FaultPoint.BEFORE_INTENT),  # about to write the intent down
        ("settle", FaultPoint.AFTER_INTENT),  # about to send
        ("settle", FaultPoint.AFTER_REPLY),  # about to write the reply down
        ("cancel_settlement", FaultPoint.AFTER_INTENT),
    ],
)
async def test_a_worker_that_slept_past_its_lease_sends_and_writes_nothing(
    store_url: str, tmp_path: Path, operation: str, point: FaultPoint
) -> None:
    cancel = operation == "cancel_settlement"
    async with hospital(tmp_path, store_url) as place:
        asleep = sleeper(place, operation, point)
        asleep.order(KEY, cancel=cancel)
        await eventually(asleep.stands_still, "the worker stops")
        assert await held_by(place, asleep) == 1
        awake = place.nursery.spawn(lease=LEASE)
        await place.all_closed()
        assert awake.wait_for("started")["taken_over"] == 0, "the sleeper is alive: its lease had to run out"
        arrived = place.messages()
        seqs = [each.seq for each in await place.projections()]
        asleep.signal(signal.SIGCONT)
        asleep.wait_until(lambda line: line.get("lost", 0) == 1, "lease lost")
        asleep.stop()
        awake.stop()
        assert place.messages() == arrived, "it sent something after its lease"
        assert [each.seq for each in await place.projections()] == seqs, "it wrote something after its lease"
        await place.check(cancelled=frozenset({KEY} if cancel else ()))


@pytest.mark.slow
@every_durable_store
async def test_two_healthy_workers_and_one_that_sleeps_never_advance_a_visit_twice(
    store_url: str, tmp_path: Path
) -> None:
    """Thirty visits: the sleeper holds many at once, in every stage, when it stops; two others finish them all."""
    keys = [KEY, *(f"CROWD{number:02d}" for number in range(29))]
    cancelled = frozenset(keys[1:30:5])
    async with hospital(tmp_path, store_url) as place:
        place.fault(fault="late_reply", transaction="2204", delay=0.2, times=10)  # some are in the air
        asleep = sleeper(place, "settle", FaultPoint.AFTER_INTENT)
        for key in keys:
            asleep.order(key)
        await eventually(asleep.stands_still, "the worker stops")
        held = await held_by(place, asleep)
        assert held > 1
        others = [place.nursery.spawn(lease=LEASE) for _ in range(2)]
        for key in keys:  # the one who was to open them sleeps
            others[0].order(key, cancel=key in cancelled)
        for key in cancelled:
            others[0].wait_for("cancelling", key=key)
        await place.all_closed(60)
        arrived = place.messages()
        seqs = [each.seq for each in await place.projections()]
        asleep.signal(signal.SIGCONT)
        asleep.wait_until(lambda line: line.get("lost", 0) >= held, f"{held} leases lost")
        assert asleep.figure("lost") == held
        asleep.stop()
        for worker in others:
            worker.stop()
        codes = Counter(each["code"] for each in place.messages()[len(arrived) :])
        assert not codes, "it sent something after its leases"
        assert [each.seq for each in await place.projections()] == seqs
        assert sum(worker.figure("claimed") > 0 for worker in others) == 2, "both have worked"
        await place.check(cancelled=cancelled)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("store_url", DURABLE[1:], indirect=True)
async def test_a_worker_that_sleeps_inside_a_transaction_keeps_no_visit_from_the_others(
    store_url: str, tmp_path: Path
) -> None:
    """The server ends a transaction that nobody continues; its locks would hide the visit from every claim."""
    async with hospital(tmp_path, store_url) as place:
        asleep = sleeper(place, "settle", FaultPoint.BEFORE_INTENT, "stop_writing")
        asleep.order(KEY)
        await eventually(asleep.stands_still, "the worker stops")
        awake = place.nursery.spawn(lease=LEASE)
        await place.all_closed()
        arrived = place.messages()
        asleep.signal(signal.SIGCONT)
        asleep.wait_until(lambda line: line.get("failed", 0) + line.get("lost", 0) == 1, "its commit is refused")
        asleep.stop()
        awake.stop()
        assert place.messages() == arrived
        await place.check()


@pytest.mark.slow
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_a_worker_that_sleeps_inside_a_transaction_of_sqlite_is_waited_for(
    store_url: str, tmp_path: Path
) -> None:
    """SQLite has one writer; while it sleeps nobody writes. When it goes on, so does everybody, and nothing is sent
    under the lease that has run out."""
    async with hospital(tmp_path, store_url) as place:
        asleep = sleeper(place, "settle", FaultPoint.BEFORE_INTENT, "stop_writing")
        asleep.order(KEY)
        await eventually(asleep.stands_still, "the worker stops")
        awake = place.nursery.spawn(lease=LEASE)

        async def lease_has_run_out() -> bool:
            wake = await place.wired.store.next_wake()
            return wake is not None and wake < place.wired.environment.now() - SECOND

        await eventually(lease_has_run_out, "the lease runs out")
        assert not any(line["event"] == "started" for line in awake.told), "nobody else writes meanwhile"
        asleep.signal(signal.SIGCONT)
        awake.wait_for("started")
        await place.all_closed()
        asleep.stop()
        awake.stop()
        await place.check()
