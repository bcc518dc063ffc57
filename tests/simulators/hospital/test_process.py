"""The hospital as the process that it is: real sockets, every fault as a client sees it, killed and started anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.common.faults import KINDS
from simulators.hospital.switches import BOARD
from simulators.wechat.people import card_number
from tests.patience import PATIENCE
from tests.simulators.running import Running, command, help_of, start

pytestmark = pytest.mark.slow
_PAID = {"payTime": "2026-11-20 07:00:00", "payType": "WeChatPay", "payAmount": "10.00"}


def top_up(hospital: Running, trade: str = "JZKCZ-1", timeout: float = 5.0) -> httpx.Response:
    sent = _PAID | {"medicalCardNumber": card_number(1), "outTradeNo": trade}
    return hospital.post("hospital.interface.paySuccess", timeout, **sent)


def booked(hospital: Running) -> int:
    return int(hospital.control("GET", "/ledger?lines=no")["count"])


@pytest.fixture(scope="module")
def hospital() -> Iterator[Running]:
    found = start("simulators.hospital")
    yield found
    found.stop()


@pytest.mark.parametrize(
    ("fault", "applied"),
    [({"fault": "lose_reply"}, True), ({"fault": "lose_request"}, False), ({"fault": "truncate"}, True)],
)
def test_a_connection_that_dies(hospital: Running, fault: dict[str, Any], applied: bool) -> None:
    before = booked(hospital)
    hospital.control("POST", "/faults", {"interface": "7.1.2", "trade": "JZKCZ-7", **fault})

    assert top_up(hospital, "JZKCZ-8").json()["success"] is True
    with pytest.raises(httpx.TransportError):
        top_up(hospital, "JZKCZ-7")

    assert booked(hospital) == before + 1 + applied


@pytest.mark.parametrize(
    ("fault", "status", "body", "applied"),
    [
        ({"fault": "garbage"}, 200, b"\x00\xff<html>\xe9\xb8", True),
        ({"fault": "empty", "applied": False}, 200, b"", False),
        ({"fault": "http_500", "applied": True}, 500, b"Internal Server Error", True),
    ],
)
def test_an_answer_that_means_nothing(
    hospital: Running, fault: dict[str, Any], status: int, body: bytes, applied: bool
) -> None:
    before = booked(hospital)
    hospital.control("POST", "/faults", {"interface": "pay_success", **fault})
    answer = top_up(hospital)

    assert (answer.status_code, answer.content) == (status, body)
    assert booked(hospital) == before + applied


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ({}, {"success": False, "msg": "系统未知错误", "code": "90001", "data": None}),
        ({"code": 40004, "applied": True}, {"success": False, "msg": "业务处理中", "code": "40004", "data": None}),
    ],
)
def test_an_error_on_demand(hospital: Running, fault: dict[str, Any], answer: dict[str, Any]) -> None:
    before = booked(hospital)
    hospital.control("POST", "/faults", {"fault": "error", "interface": "7.1.2", **fault})

    assert top_up(hospital).json() == answer
    assert booked(hospital) == before + ("code" in fault)


def test_a_late_original_makes_the_repeat_wait_and_the_refund_query_unsure(hospital: Running) -> None:
    hospital.control("POST", "/faults", {"fault": "late_apply", "interface": "7.1.2", "delay": 0.4})
    with pytest.raises(httpx.TransportError):
        top_up(hospital, "JZKCZ-L")
    question = {"medicalCardNumber": card_number(1), "outTradeNo": "JZKCZ-L"}
    assert top_up(hospital, "JZKCZ-L").json()["code"] == "40004"
    assert hospital.post("13.1.1", **question).json()["data"] == "nonrefundable"
    while not hospital.control("GET", "/ledger?trade=JZKCZ-L")["count"]:
        pass

    assert hospital.post("13.1.1", **question).json()["data"] == "nonrefundable"
    assert hospital.control("GET", "/ledger?trade=JZKCZ-L")["count"] == 1


def struck_by_chance(seed: int) -> tuple[list[bool], list[bool]]:
    """Which of thirty top-ups and thirty queries got no answer."""
    found = start("simulators.hospital")
    found.control("PUT", "/chances", {"seed": seed, "write": {"lose_reply": 0.3}, "read": {"lose_request": 0.2}})

    def lost(call: Callable[[], object]) -> bool:
        try:
            call()
        except httpx.TransportError:
            return True
        return False

    writes = [lost(partial(top_up, found, f"JZKCZ-{number}")) for number in range(30)]
    reads = [lost(partial(found.post, "7.1.1", medicalCardNumber=card_number(1))) for _ in range(30)]
    assert booked(found) == 30  # replies were lost, not requests
    assert found.control("GET", "/faults")["struck"] == ["lose_reply"] * sum(writes) + ["lose_request"] * sum(reads)
    found.stop()
    return writes, reads


def test_chance_strikes_writes_and_queries_alike_from_a_seed(hospital: Running) -> None:
    first = struck_by_chance(5)

    assert 2 < sum(first[0]) < 20
    assert 0 < sum(first[1]) < 16
    assert struck_by_chance(5) == first
    assert struck_by_chance(6) != first
    for wrong in ({"write": {"dance": 1}}, {"read": {"lose_reply": 0.7, "hang": 0.7}}, {"write": {"hang": -1}}):
        assert "error" in hospital.control("PUT", "/chances", wrong)


def test_slow_answers(hospital: Running) -> None:
    hospital.control("PUT", "/switches", {"slow": "0.5"})
    with pytest.raises(httpx.ReadTimeout):
        top_up(hospital, timeout=0.1)
    hospital.control("PUT", "/switches", {"slow": "0"})


def test_what_it_does_not_serve(hospital: Running) -> None:
    assert hospital.post("hospital.interface.nothing").status_code == 404
    assert httpx.get(f"{hospital.url}/3.1.1", trust_env=False, timeout=PATIENCE).status_code == 405
    assert hospital.post("3.1.1").json()["code"] == "20001"
    assert (
        httpx.post(f"{hospital.url}/3.1.1", content=b"[", trust_env=False, timeout=PATIENCE).json()["code"] == "20002"
    )
    image = httpx.get(
        f"{hospital.url}/hospital.interface.pacsReportDcmFile?dcmId=DCM-P1-1", trust_env=False, timeout=PATIENCE
    )
    assert image.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("body", [{"fault": "nothing"}, {"fault": "hang", "interface": "99"}, {"fault": "die", "x": 1}])
def test_a_fault_that_is_none(hospital: Running, body: dict[str, Any]) -> None:
    assert "error" in hospital.control("POST", "/faults", body)


@pytest.mark.parametrize(("when", "count"), [("before", 0), ("after", 1)])
def test_the_books_survive_a_death_in_the_middle(tmp_path: Path, when: str, count: int) -> None:
    first = start("simulators.hospital", "--data", str(tmp_path), "--switch", "dedupe=true")
    first.control("POST", "/faults", {"fault": "die", "interface": "7.1.2", "when": when})
    with pytest.raises(httpx.TransportError):
        top_up(first)
    assert first.child.wait(timeout=PATIENCE) == 70

    second = start("simulators.hospital", "--data", str(tmp_path))

    assert booked(second) == count
    assert top_up(second).json()["code"] == "10001"
    assert booked(second) == 1  # it dedupes by what it has in its book
    second.stop()


def test_a_killed_hospital_remembers_what_it_confirmed(tmp_path: Path) -> None:
    first = start("simulators.hospital", "--data", str(tmp_path))
    first.control("PUT", "/clock", {"set": "2026-11-20T07:00:00"})
    answer = top_up(first).json()
    first.control("POST", "/bills", {"patient": "P2", "lines": [{"item": "甲", "price": "1.00"}]})
    before = first.control("GET", "/ledger"), first.control("GET", "/books")
    first.kill()
    with (tmp_path / "centre.jsonl").open("a", encoding="utf-8") as book:
        book.write('{"at": "2026-11')  # a torn line

    second = start("simulators.hospital", "--data", str(tmp_path))
    after = second.control("GET", "/ledger"), second.control("GET", "/books")

    assert after[1] == before[1]
    assert {**after[0], "time": ""} == {**before[0], "time": ""}
    assert after[0]["payments"][0]["receipt"] == answer["data"]["outPrepayId"]
    assert after[0]["time"].startswith("2026-11-20")
    second.stop()


def test_the_command_starts_it() -> None:
    found = command("hospital", "--switch", "dedupe=true", "--patients", "3", "--capacity", "7")

    assert found.control("GET", "/switches")["dedupe"] is True
    assert len(found.control("GET", "/world")["patients"]) == 3
    found.stop()


def test_help_names_every_switch_and_every_fault() -> None:
    text = help_of("simulators.hospital")

    assert all(word in text for word in (*KINDS, *BOARD.defaults))
