"""Both sides as the processes that they are, with a small bridge between: whose money is where, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.common.faults import KINDS
from simulators.platform.outgoing import KINDS as OUTGOING
from simulators.platform.plays import PLAYS
from simulators.platform.switches import BOARD
from simulators.wechat.people import card_number
from tests.patience import PATIENCE
from tests.simulators.platform.bridge import bridge, refund
from tests.simulators.running import Running, command, help_of, start

pytestmark = pytest.mark.slow
_HOSPITAL = ("--patients", "40", "--capacity", "10000", "--switch", "endless_bills=true")
_FAST = {"notice_every": "1", "query_every": "1", "job_every": "1", "deposit_every": "1", "limit": "3"}
_SPEED = 20  #: of the platform's clock


@pytest.fixture
def hospital() -> Iterator[Running]:
    found = start("simulators.hospital", *_HOSPITAL)
    yield found
    found.stop()


@pytest.fixture
def platform() -> Iterator[Running]:
    found = start("simulators.platform", "--patients", "40")
    found.control("PUT", "/switches", _FAST)
    found.control("PUT", "/clock", {"speed": _SPEED})
    yield found
    found.stop()


async def told(running: Running, method: str, path: str, body: Any = None) -> Any:
    """Ask a control port without holding up the bridge."""
    return await asyncio.to_thread(running.control, method, path, body)


async def play(platform: Running, business: str, patient: int = 1, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = await told(platform, "POST", "/play", {"business": business, "patient": patient, **options})
    return found


async def ran(platform: Running, **options: Any) -> dict[str, Any]:
    await told(platform, "POST", "/run", options)
    while True:
        found: dict[str, Any] = (await told(platform, "GET", "/run"))[-1]
        if found["done"]:
            return found
        await asyncio.sleep(0.05)


async def differences(platform: Running, hospital: Running) -> dict[str, tuple[str, str]]:
    """Return the orders of which the two ledgers hold different amounts."""
    ours, theirs = await told(platform, "GET", "/ledger"), await told(hospital, "GET", "/ledger")
    left: dict[str, float] = {}
    for payment in theirs["payments"]:
        left[payment["trade"]] = left.get(payment["trade"], 0) + float(payment["amount"])
    for back in theirs["refunds"]:
        left[back["trade"]] -= float(back["amount"]) if back["state"] == "done" else 0
    money = {order["trade"]: float(order["left"]) for order in ours["orders"]}
    return {
        trade: (f"{money.get(trade, 0):.2f}", f"{left.get(trade, 0):.2f}")
        for trade in money.keys() | left.keys()
        if f"{money.get(trade, 0):.2f}" != f"{left.get(trade, 0):.2f}"
    }


@pytest.mark.parametrize("fault", ["lose_reply", "twice", "again"])
async def test_without_a_bridge_the_hospital_takes_a_notice_twice(
    hospital: Running, platform: Running, fault: str
) -> None:
    await told(platform, "PUT", "/hospital", {"url": hospital.url})
    await told(platform, "POST", "/outgoing", {"fault": fault, "interface": "3.1.2"})

    assert (await play(platform, "pay_bill"))["fate"] == "booked"

    assert len((await told(hospital, "GET", "/ledger"))["twice"]) == 1
    assert await differences(platform, hospital)


@pytest.mark.parametrize("fault", ["lose_reply", "lose_request", "twice", "again", "delay", "late_request"])
@pytest.mark.parametrize("business", ["pay_bill", "top_up", "register_today"])
async def test_with_it_the_ledgers_agree(hospital: Running, platform: Running, fault: str, business: str) -> None:
    async with bridge(hospital.url) as (url, _):
        await told(platform, "PUT", "/hospital", {"url": url})
        await told(platform, "POST", "/outgoing", {"fault": fault, "delay": 0.1, "times": 1, "skip": _skip(business)})

        assert (await play(platform, business))["fate"] == "booked"
        await asyncio.sleep(0.15)

    assert (await told(hospital, "GET", "/ledger"))["twice"] == []
    assert await differences(platform, hospital) == {}


def _skip(business: str) -> int:
    """Return how many queries come before the notice."""
    return {"pay_bill": 1, "top_up": 1, "register_today": 4}[business]


async def test_a_late_notice_of_a_refunded_order_is_refused(hospital: Running, platform: Running) -> None:
    async with bridge(hospital.url) as (url, _):
        await told(platform, "PUT", "/hospital", {"url": url})
        fault = {"fault": "late_request", "interface": "3.1.2", "delay": 0.3, "times": 3}
        await told(platform, "POST", "/outgoing", fault)

        assert (await play(platform, "pay_bill"))["fate"] == "refunded"
        await asyncio.sleep(0.5)

    assert (await told(hospital, "GET", "/ledger"))["count"] == 0
    assert await differences(platform, hospital) == {}


async def test_nobody_refunds_what_is_still_under_way(hospital: Running, platform: Running) -> None:
    await told(hospital, "POST", "/faults", {"fault": "lose_reply", "interface": "3.1.2"})
    async with bridge(hospital.url) as (url, found):
        await told(platform, "PUT", "/hospital", {"url": url})

        assert (await play(platform, "pay_bill"))["fate"] == "kept"
        assert len(found.unknown) == 1

    assert await differences(platform, hospital) == {}


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "error", "code": 10002, "applied": True},
        {"fault": "error", "code": 10002, "applied": False},
        {"fault": "lose_reply"},
        {"fault": "lose_request"},
        {"fault": "http_500", "applied": True},
        {"fault": "garbage"},
        {"fault": "truncate"},
    ],
)
async def test_a_refund_of_the_hospital_goes_through_once(
    hospital: Running, platform: Running, fault: dict[str, Any]
) -> None:
    await told(platform, "PUT", "/hospital", {"url": hospital.url})
    order = await play(platform, "top_up")
    asked = await told(hospital, "POST", "/refunds", {"trade": order["trade"], "amount": "30.00"})
    await told(platform, "POST", "/faults", fault | {"interface": "13.2.1", "refund": asked["refund_no"], "times": 2})

    sent = {"outTradeNo": order["trade"], "refundNo": asked["refund_no"], "amount": "30.00"}
    answer = await refund(platform.url, medicalCardNumber=card_number(1), **sent)
    done = {"refund_no": asked["refund_no"], "platform_no": answer["data"]["refundNo"]}
    await told(hospital, "PUT", "/refunds", done)

    assert len((await told(platform, "GET", "/ledger"))["refunds"]) == 1
    assert await differences(platform, hospital) == {}


async def test_hundreds_at_random_with_faults_both_ways(hospital: Running, platform: Running) -> None:
    mix = {"pay_bill": 5, "top_up": 4, "refund_balance": 2, "deposit": 1, "register_today": 1, "cancel_today": 1}
    chances = {"lose_reply": 0.05, "lose_request": 0.05, "twice": 0.05, "again": 0.05, "late_request": 0.02}
    await told(hospital, "PUT", "/capacities", {"a day": 100000})
    await told(platform, "PUT", "/chances", {"seed": 7, "out": chances})
    async with bridge(hospital.url) as (url, found):
        await told(platform, "PUT", "/hospital", {"url": url})

        run = await ran(platform, count=300, seed=7, concurrency=16, mix=mix)
        await asyncio.sleep(0.2)
        assert found.unknown == set()

    assert run["finished"] == 300
    assert run["fates"]["booked"] > 150
    assert await differences(platform, hospital) == {}
    ledger = await told(hospital, "GET", "/ledger?lines=no")
    assert (ledger["twice"], ledger["refunded_twice"]) == ([], [])
    assert len((await told(platform, "GET", "/outgoing"))["struck"]) > 20


async def test_the_same_seed_plays_the_same(hospital: Running, platform: Running) -> None:
    await told(platform, "PUT", "/hospital", {"url": hospital.url})
    first = await ran(platform, count=40, seed=3, concurrency=1)
    before = [order["business"] for order in (await told(platform, "GET", "/ledger"))["orders"]]
    await ran(platform, count=40, seed=3, concurrency=1, rate=400)
    after = [order["business"] for order in (await told(platform, "GET", "/ledger"))["orders"]]

    assert after == before + before
    assert first["fates"]["booked"] + first["fates"].get("Nothing", 0) == 40


async def test_a_day_passes_when_the_clock_jumps(hospital: Running, platform: Running) -> None:
    await told(platform, "PUT", "/hospital", {"url": hospital.url})
    await told(platform, "PUT", "/switches", {"deposit_every": "3600"})
    await told(hospital, "POST", "/faults", {"fault": "error", "interface": "10.1.2", "code": 30001, "times": -1})
    await play(platform, "deposit", 4, wait=False)
    for _ in range(26):
        await asyncio.sleep(0.03)
        await told(platform, "PUT", "/clock", {"jump": 3600})
    while (await told(platform, "GET", "/plays"))[0]["fate"] == "running":
        await asyncio.sleep(0.02)

    [order] = (await told(platform, "GET", "/ledger"))["orders"]
    assert (order["fate"], order["state"]) == ("refunded", "REFUND")
    assert order["notices"] >= 24


@pytest.mark.parametrize(("when", "count"), [("before", 0), ("after", 1)])
async def test_it_dies_while_it_tells_the_hospital_and_goes_on(
    tmp_path: Path, hospital: Running, when: str, count: int
) -> None:
    words = ("--data", str(tmp_path), "--hospital")
    async with bridge(hospital.url) as (url, _):
        first = start("simulators.platform", *words, url)
        first.control("POST", "/outgoing", {"fault": "die", "interface": "7.1.2", "when": when})
        with pytest.raises(httpx.HTTPError):
            await play(first, "top_up")
        assert first.child.wait(timeout=PATIENCE) == 70
        await asyncio.sleep(0.1)
        assert (await told(hospital, "GET", "/ledger"))["count"] == count

        second = await asyncio.to_thread(start, "simulators.platform", *words, url)
        while (await told(second, "GET", "/ledger"))["orders"][0]["fate"] == "open":
            await asyncio.sleep(0.02)

        [order] = (await told(second, "GET", "/ledger"))["orders"]
        assert order["fate"] == "booked"
        assert await differences(second, hospital) == {}
        second.stop()


async def test_a_killed_platform_remembers_its_ledger(tmp_path: Path, hospital: Running) -> None:
    first = start("simulators.platform", "--data", str(tmp_path), "--hospital", hospital.url)
    first.control("PUT", "/clock", {"set": "2026-11-20T07:00:00"})
    order = await play(first, "top_up")
    await refund(
        *(first.url,), medicalCardNumber=card_number(1), outTradeNo=order["trade"], refundNo="TK1", amount="1.00"
    )
    first.post("prefront/patient/genCard", name="虚", gender="1", birthdate="1979-07-02", phone="1")
    before = first.control("GET", "/ledger"), first.control("GET", "/books")
    first.kill()

    second = start("simulators.platform", "--data", str(tmp_path), "--hospital", hospital.url)
    after = second.control("GET", "/ledger"), second.control("GET", "/books")

    assert after[1] == before[1]
    assert {**after[0], "received": {}, "time": ""} == {**before[0], "received": {}, "time": ""}
    second.stop()


async def test_every_business_from_beginning_to_end(hospital: Running, platform: Running) -> None:
    await told(platform, "PUT", "/hospital", {"url": hospital.url})
    fates = {}
    for business, patient, options in _ALL:
        found = await play(platform, business, patient, **options)
        fates[business] = found["fate"]
        assert found["fate"] in ("booked", "done", "cancelled", "refunded"), found

    others = {"cancel_examination", "cancel_insurance", "repeat_notice", "ask_refund", "ask_again"}
    assert set(fates) | others == set(PLAYS)


_ALL: list[tuple[str, int, dict[str, Any]]] = [
    *((name, 4, {}) for name in ("pay_bill", "pay_insurance", "top_up", "refund_balance", "deposit")),
    *((name, 4, {}) for name in ("register_today", "check_in", "cancel_today", "book", "cancel_booked")),
    ("triage", 4, {"doctor": "D003"}),
    *((name, 4, {}) for name in ("book_examination", "book_physical", "cancel_physical", "choose_package")),
    *((name, 4, {}) for name in ("cancel_package", "book_laboratory", "cancel_laboratory", "copy_records")),
    *((name, 4, {}) for name in ("add_companion", "pay_prescription", "claim_prescription", "consult")),
    *(("admit", 1, {}), ("cancel_admission", 1, {}), ("sign_lesson", 2, {}), ("create_card", 41, {})),
    *(("bind_card", 41, {}), ("compare", 1, {})),
]


def test_what_is_no_business(platform: Running) -> None:
    assert "error" in platform.control("POST", "/play", {"business": "dance"})
    assert "error" in platform.control("POST", "/run", {"mix": {"dance": 1}})
    assert "error" in platform.control("POST", "/outgoing", {"fault": "dance"})
    assert "error" in platform.control("PUT", "/chances", {"out": {"dance": 1}})
    assert platform.control("POST", "/play", {"business": "top_up", "patient": 99})["fate"] == "error"
    assert platform.post("prefront/nothing").status_code == 404


def test_the_command_starts_it() -> None:
    found = command("platform", "--switch", "whole_only=true", "--patients", "3")

    assert found.control("GET", "/switches")["whole_only"] is True
    assert len(found.control("GET", "/books")["wallets"]) == 3
    found.stop()


def test_help_names_every_switch_fault_and_business() -> None:
    text = help_of("simulators.platform")

    assert all(word in text for word in (*KINDS, *OUTGOING, *BOARD.defaults, *PLAYS))


async def test_its_people_look_again_at_what_it_gave_up(hospital: Running, platform: Running) -> None:
    await told(platform, "PUT", "/hospital", {"url": hospital.url})
    await told(platform, "PUT", "/switches", {"queries": "1", "job_rounds": "1"})
    lost = {"fault": "lose_request", "times": 3}
    await told(platform, "POST", "/outgoing", lost | {"interface": "7.1.2"})
    await told(platform, "POST", "/outgoing", {"fault": "lose_request", "interface": "13.1.1"})
    kept = await play(platform, "top_up")
    assert kept["fate"] == "kept"
    assert (await play(platform, "ask_again", trade=kept["trade"]))["fate"] == "refunded"
    assert (await play(platform, "ask_again", trade=kept["trade"]))["fate"] == "nothing"

    paid = await play(platform, "top_up", patient=2)
    await told(platform, "POST", "/outgoing", {"fault": "lose_reply", "interface": "8.1.2"})
    await told(platform, "POST", "/outgoing", {"fault": "lose_request", "interface": "8.1.3"})
    given_up = await play(platform, "refund_balance", patient=2, trade=paid["trade"])
    assert (given_up["state"], given_up["fate"]) == ("WAITING", "desk")
    assert (await play(platform, "ask_again", refund=given_up["refund"]))["fate"] == "refunded"
    assert (await play(platform, "ask_again", refund=given_up["refund"]))["fate"] == "nothing"
    assert await differences(platform, hospital) == {}
