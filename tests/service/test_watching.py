"""Metrics, health, audit: what an operator's programs see of one process."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from adapters.clocks import PeerClock
from adapters.network import Network
from engine.environment import HOUR, MINUTE, SECOND
from engine.errors import StoreError
from engine.store import Store
from service.logs import masked
from service.watching.catalogue import metrics
from service.watching.figures import of_schedules, of_survey
from service.watching.survey import Survey
from service.watching.tally import Tally
from storage.registers import Standing, open_registers
from tests import leaks, people
from tests.conftest import DURABLE, STORES
from tests.service.wired import Wired
from tests.toy import lose_reply, lose_request
from tests.world import World

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text_: str) -> Samples:
    """Every sample by name and labels."""
    found: Samples = {}
    for family in text_string_to_metric_families(text_):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} is told twice"
            found[key] = sample.value
    return found


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def total(found: Samples, name: str) -> float:
    return sum(value for (sample, _), value in found.items() if sample == name)


@pytest.fixture
async def wired() -> AsyncIterator[Wired]:
    tally = Tally()
    yield Wired(await World(watch=tally).start(), tally=tally)


async def scraped(wired: Wired) -> Samples:
    wired.world.environment.time += MINUTE // 4  # a survey is good for a while
    async with wired.client(await wired.key("monitor")) as client:
        response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    return samples(response.text)


async def test_what_a_visit_does_is_counted_once_it_is_durable(wired: Wired) -> None:
    visit = await wired.world.open("K1")
    await wired.world.run()
    await wired.world.commands.trigger(visit, "settle", {"invoice": "FP1"})
    await wired.world.run(patience=30 * SECOND)
    found = await scraped(wired)
    assert value(found, "visitflow_visits_opened_total", flow="toy.visit") == 1
    events = [event for event in await wired.world.events(visit) if event.kind == "concluded"]
    moved = [event for event in events if getattr(event, "dest", None)]
    assert total(found, "visitflow_transitions_total") == len(moved) > 0
    assert total(found, "visitflow_calls_total") == len(wired.world.peer.received) > 0
    assert total(found, "visitflow_call_seconds_count") == total(found, "visitflow_calls_total")
    assert total(found, "visitflow_visits") + total(found, "visitflow_visits_closed") == 1


async def test_doubts_are_seen_with_their_age(wired: Wired) -> None:
    visit = await wired.world.open("K1")
    wired.world.peer.fail("register", lose_request)
    while await wired.world.step():
        pass
    assert (await wired.world.get(visit)).waiting_for == "settling"
    before = await scraped(wired)
    assert value(before, "visitflow_doubts_open", flow="toy.visit") == 1
    assert value(before, "visitflow_doubts_total", flow="toy.visit") == 1
    assert value(before, "visitflow_peer_failures_in_a_row", adapter="toy") == 1
    assert 15 <= value(before, "visitflow_doubt_age_seconds", flow="toy.visit") < 60
    await wired.world.run(patience=10 * MINUTE)
    after = await scraped(wired)
    assert total(after, "visitflow_doubts_open") == 0
    assert total(after, "visitflow_doubts_settled_total") == 1
    assert value(after, "visitflow_peer_failures_in_a_row", adapter="toy") == 0


async def test_every_metric_that_is_shown_is_in_the_catalogue_with_its_labels(wired: Wired) -> None:
    await wired.world.open("K1")
    wired.world.peer.fail("register", lose_reply)
    await wired.world.run()
    known = {sample: metric for metric in metrics().values() for sample in metric.samples}
    for name, labels in await scraped(wired):
        if name.startswith("visitflow_"):
            assert {label for label, _ in labels} - {"le"} == set(known[name].labels), name


def test_no_metric_has_a_label_for_a_visit_or_a_person() -> None:
    allowed = {"flow", "state", "status", "cause", "reason", "problem", "trigger", "direction", "operation", "verdict"}
    allowed |= {"adapter", "role", "outcome", "timer", "rule", "schedule", "result", "version", "what"}
    assert {label for metric in metrics().values() for label in metric.labels} <= allowed


async def test_labels_do_not_grow_with_visits(wired: Wired) -> None:
    await wired.world.open("K0")
    await wired.world.run(patience=MINUTE)
    few = set(await scraped(wired))
    for number in range(1, 30):
        await wired.world.open(f"K{number}")
    await wired.world.run(patience=MINUTE)
    assert set(await scraped(wired)) == few


async def test_metrics_go_on_while_the_store_is_away(wired: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    await wired.world.open("K1")
    before = await scraped(wired)

    async def away() -> list[Standing]:
        raise StoreError("reading failed")

    assert wired.registers is not None
    monkeypatch.setattr(wired.registers.census, "standings", away)
    after = await scraped(wired)
    assert value(after, "visitflow_scrape_errors_total") == 1
    assert total(after, "visitflow_visits") == total(before, "visitflow_visits") == 1


async def test_two_applications_in_a_process_do_not_mix() -> None:
    first, second = [Wired(await World(watch=tally).start(), tally=tally) for tally in (Tally(), Tally())]
    await first.world.open("K1")
    assert total(await scraped(first), "visitflow_visits_opened_total") == 1
    assert total(await scraped(second), "visitflow_visits_opened_total") == 0


def test_what_waits_is_told_by_kind_and_not_by_its_names() -> None:
    standing = Standing("f", "s", "waiting", None, "trigger:settle|cancel", 3, 0)
    found = [figure for figure in of_survey(Survey(standings=[standing]), 0) if figure[0].endswith("waiting")]
    assert found == [("visitflow_visits_waiting", ("f", "trigger"), 3)]


def test_only_the_last_result_of_a_schedule_is_told() -> None:
    told = list(of_schedules({"upload": ("failed", 5 * SECOND)}))
    assert ("visitflow_schedule_last_result", ("upload", "failed"), 1) in told
    assert ("visitflow_schedule_last_run_timestamp_seconds", ("upload",), 5) in told


# -- health
async def test_live_and_ready_without_signing_in(wired: Wired) -> None:
    await wired.key("admin")  # somebody is set up: nothing is open any more
    async with wired.client() as client:
        assert (await client.get("/livez")).json() == {"status": "live"}
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready"), ready.text
        assert (await client.get("/metrics")).status_code == 401


async def test_not_ready_when_the_store_takes_no_writes(wired: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(_counter: str, _count: int) -> int:
        raise StoreError("the write failed: disk full")

    monkeypatch.setattr(wired.world.store, "reserve", full)
    async with wired.client() as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["store_writable"] is False


async def test_not_ready_when_the_runner_stands_still(wired: Wired) -> None:
    wired.world.environment.time += MINUTE
    async with wired.client() as client:
        assert (await client.get("/readyz")).json()["checks"]["runner_claims"] is False


async def test_not_ready_when_the_disk_is_full() -> None:
    wired = Wired(await World().start())
    wired.settings.disk_free_mb = 1 << 40
    async with wired.client() as client:
        assert (await client.get("/readyz")).json()["checks"]["disk_space"] is False


async def test_asking_often_does_not_write_often(wired: Wired) -> None:
    async with wired.client() as client:
        for _ in range(20):
            await client.get("/readyz")
    assert await wired.world.store.reserve("health", 1) == 1


# -- the audit of DESIGN, section 6
@pytest.mark.parametrize("store_url", STORES, indirect=True)
async def test_every_visit_of_a_sound_store_passes_the_audit(store: Store) -> None:
    world = await World(store=store).start()
    for key in ("K1", "K2", "K3"):
        await world.open(key)
    world.peer.fail("register", lose_request)
    await world.run(patience=MINUTE)
    census = open_registers(store).census
    assert await census.audit(world.environment.now(), MINUTE, 10) == []
    assert sum(each.count for each in await census.standings()) + await census.closed() == 3
    await world.open("K4")
    (gap,) = await census.audit(world.environment.now() + 2 * MINUTE, MINUTE, 10)
    assert gap.problem == "due_and_not_taken"


@pytest.mark.parametrize("store_url", DURABLE, indirect=True)
@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ("status = 'stuck', cause = NULL", "stuck_without_cause"),
        ("status = 'waiting', waiting_for = NULL", "waits_for_nothing"),
        ("status = 'ready', due_at = NULL", "no_time"),
        ("status = 'ready', wake_at = NULL", "never_woken"),
        ("status = 'ready', wake_at = due_at + 1", "woken_at_another_time"),
        ("status = 'ready', lease_worker = 'w', lease_until = 1", "lease_ended"),
        ("status = 'ready', due_at = 5, wake_at = 5", "due_and_not_taken"),
        ("status = 'parked'", "unknown_status"),
    ],
)
async def test_the_audit_names_every_way_of_being_forgotten(store: Store, broken: str, problem: str) -> None:
    world = await World(store=store).start()
    visit = await world.open("K1")
    await cast(Any, store).write(lambda connection: connection.execute(text(f"UPDATE visits SET {broken}")) and None)
    gaps = await open_registers(store).census.audit(world.environment.now(), MINUTE, 10)
    assert [(gap.visit_id, gap.problem) for gap in gaps] == [(visit, problem)]


@pytest.mark.parametrize("store_url", STORES, indirect=True)
async def test_the_census_says_the_same_of_every_store(store: Store) -> None:
    world = await World(store=store).start()
    await world.open("K1")
    world.peer.fail("register", lose_request)
    while await world.step():
        pass
    census, now = open_registers(store).census, world.environment.now()
    assert {flow: len(since) for flow, since in (await census.doubts()).items()} == {"toy.visit": 1}
    (standing,) = await census.standings()
    assert (standing.flow, standing.waiting_for, standing.count) == ("toy.visit", "settling", 1)
    assert await census.due(now) == (0, 0)
    assert await census.due(now + HOUR) > (0, 0)
    assert await census.quiet("toy.visit", [standing.state], now + HOUR) == 1
    assert await census.quiet("toy.visit", ["elsewhere"], now + HOUR) == 0
    assert await census.quiet("toy.visit", [standing.state], 0) == 0
    await census.check_schema()


# -- clocks
@pytest.mark.parametrize(
    ("header", "ahead"),
    [
        ("Thu, 01 Jan 1970 00:01:40 GMT", 60_500_000),
        ("Thu, 01 Jan 1970 00:00:10 -0000", -29_500_000),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_a_peers_clock_is_read_from_its_date(header: str | None, ahead: int | None) -> None:
    clock = PeerClock(lambda: 40.0)
    clock.learn_date(header)
    assert clock.ahead == ahead


async def test_answers_tell_the_clock_and_silence_does_not() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/down":
            raise httpx.ConnectError("down")
        return httpx.Response(200, headers={"date": "Thu, 01 Jan 1970 00:00:00 GMT"})

    network = Network(1, httpx.MockTransport(answer))
    for path, known in (("/down", False), ("/", True), ("/down", True)):
        await network.send(network.client.build_request("GET", f"http://peer{path}"), SECOND, lambda: True)
        assert (network.clock.ahead is not None) is known
    await network.close()


# -- logs
def test_numbers_of_persons_are_masked_in_every_line() -> None:
    number = people.identity_number(3)
    line = masked(None, "", {"event": f"refused {number}", "visit": "0" * 26, "count": 3})
    assert line == {"event": "refused ***", "visit": "0" * 26, "count": 3}


# -- the scanner of the whole suite
#: Two numbers without their check digits, of a region that was never handed out; the second of a month that is none.
ELSEWHERE, NEVER = "99019919900307451", "99019919901307451"


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("identity number", f"no such person {people.identity_number(7)}!"),
        ("name", f"patient={people.name(7)}"),
        ("API key", "vfk_01jd0000000000000000000000_" + "a" * 43),
        ("exchange key", leaks.KEY),
        ("identity number", f"id={ELSEWHERE + people.check_digit(ELSEWHERE)} of another region, with its check digit"),
        ("token", "Bearer " + ".".join(["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiJub2JvZHkifQ", "a" * 43])),
        (None, "H0000120261121083410000012"),
        (None, f"{ELSEWHERE}{(int(people.check_digit(ELSEWHERE)) + 1) % 10} has another check digit"),
        (None, f"{NEVER + people.check_digit(NEVER)} was born in no month"),
    ],
)
def test_the_scanner_finds_what_is_personal(kind: str | None, told: str) -> None:
    assert leaks.found_in(told) == kind


def test_the_scanner_fails_a_test_that_logs_a_name(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makeconftest('pytest_plugins = ["tests.leaks"]')
    pytester.makepyfile(
        """
        import logging, pytest, structlog, subprocess, sys
        from engine.errors import BadInput
        from service.settings import Settings
        from service.watching.tally import Tally
        from tests import people

        def test_log():
            structlog.get_logger("x").debug("opened", person=people.name(1))

        def test_captured():
            with structlog.testing.capture_logs():
                structlog.get_logger("x").info("opened", person=people.name(1))

        def test_library():
            logging.getLogger("x").warning("%s", people.identity_number(1))

        def test_label():
            global tally
            tally = Tally()
            tally.opened[people.name(2)] += 1

        def test_file(tmp_path):
            (tmp_path / "serve.log").write_text(people.identity_number(2))

        def test_traceback():
            try:
                raise ValueError(people.name(3))
            except ValueError:
                logging.getLogger("x").exception("failed")

        def test_error():
            with pytest.raises(BadInput):
                raise BadInput("no such person", field="number", found=people.identity_number(3))

        def test_process():
            code = "import sys; from tests import people; sys.stderr.write(people.name(4))"
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

        def test_secret():
            Settings(webhook_secret="whsec-new,whsec-old", _env_file=None)
            structlog.get_logger("x").info("signed with whsec-old")

        def test_secret_of_a_process():
            subprocess.run([sys.executable, "-c", ""], env={"VISITFLOW_HIS_PASSWORD": "not-a-secret"})
            structlog.get_logger("x").info("signed in with not-a-secret")

        def test_clean():
            global tally
            tally = None
            structlog.get_logger("x").warning("opened", visit="01j")
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:randomly")
    outcomes = result.parseoutcomes()
    assert outcomes.get("errors") == 10, result.stdout.str()
    assert re.search(r"G10: log holds an invented name", result.stdout.str())
