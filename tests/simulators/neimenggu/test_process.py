"""The simulator as the process that it is: real sockets, every fault as a client sees it, killed and started anew."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.jiangsu import ROOT
from tests.patience import PATIENCE
from tests.simulators.neimenggu.desk import FORM, KEY, PDF, PUBLIC, STAY, Desk, credentials, day_key, invoice, sealed

pytestmark = pytest.mark.slow
_TIME = "2026-11-20T12:00:00"


@dataclass
class Running:
    """A simulator process and how to talk to it; the clock stands on the desk's day when it begins."""

    child: subprocess.Popen[str]
    url: str
    control_url: str
    desk: Desk = field(default_factory=Desk)  #: makes what is sent
    session: str = ""

    def control(self, method: str, path: str, body: Any = None) -> Any:
        return httpx.request(method, self.control_url + path, json=body, timeout=PATIENCE, trust_env=False).json()

    def request(self, method: str, **members: Any) -> dict[str, Any]:
        text = json.dumps({"sessionid": self.session} | members)
        return {
            "url": self.url + PUBLIC.format(method),
            "data": {"message": sealed(KEY, text)},
            "headers": {"sessionid": self.session},
        }

    def ask(self, method: str, timeout: float = 5.0, **members: Any) -> httpx.Response:
        return httpx.post(**self.request(method, **members), timeout=timeout, trust_env=False)

    def begin(self) -> None:
        message = sealed(day_key(self.desk.now.date()), json.dumps(credentials()))
        answer = httpx.post(
            self.url + PUBLIC.format("login"), data={"message": message}, trust_env=False, timeout=PATIENCE
        ).json()
        self.session = answer["sessionid"]

    def register(self) -> None:
        answer = self.ask("register", isnewinjure="0", kc21=self.desk.kc21()).json()
        assert answer["code"] == 0, answer

    def upload(self, timeout: float = 5.0) -> httpx.Response:
        return self.ask("sendMedInfo", timeout, **self.batch)

    @property
    def batch(self) -> dict[str, Any]:
        return {"akc190": STAY, "meds": {"med": [self.desk.med()]}}

    @property
    def lines(self) -> int:
        count: int = self.control("GET", f"/ledger?akc190={STAY}")["stays"][-1]["count"]
        return count

    def stop(self) -> None:
        self.child.send_signal(signal.SIGTERM)
        assert self.child.wait(timeout=PATIENCE) == 0


def start(*words: str, clock: bool = True) -> Running:
    command = [sys.executable, "-m", "simulators.neimenggu", "--port", "0", "--control-port", "0", *words]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    ready = json.loads(child.stdout.readline())
    child.stdout.close()
    assert ready["pid"] == child.pid
    running = Running(child, ready["url"], ready["control"])
    if clock:
        running.control("PUT", "/clock", {"set": _TIME})
    return running


@pytest.fixture
def centre() -> Iterator[Running]:
    running = start()
    running.begin()
    running.register()
    yield running
    if running.child.poll() is None:
        running.stop()


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    """One process for the faults that leave it alive."""
    running = start()
    running.begin()
    running.register()
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("fault", "applied"),
    [
        ({"fault": "lose_reply"}, True),
        ({"fault": "lose_request"}, False),
        ({"fault": "truncate"}, True),
    ],
)
def test_a_connection_that_dies(shared: Running, fault: dict[str, Any], applied: bool) -> None:
    before = shared.lines
    shared.control("POST", "/faults", {"interface": "4.10", "akc190": STAY, **fault})

    with pytest.raises(httpx.TransportError):
        shared.upload()

    assert shared.lines == before + applied


@pytest.mark.parametrize(
    ("fault", "status", "body", "applied"),
    [
        ({"fault": "garbage"}, 200, b"\x00\xff<html>\xe9\xb8", True),
        ({"fault": "garbage", "applied": False}, 200, b"\x00\xff<html>\xe9\xb8", False),
        ({"fault": "empty"}, 200, b"", True),
        ({"fault": "http_500"}, 500, b"Internal Server Error", False),
        ({"fault": "http_500", "applied": True}, 500, b"Internal Server Error", True),
    ],
)
def test_an_answer_that_means_nothing(
    shared: Running, fault: dict[str, Any], status: int, body: bytes, applied: bool
) -> None:
    before = shared.lines
    shared.control("POST", "/faults", {"method": "sendMedInfo", **fault})

    answer = shared.upload()

    assert (answer.status_code, answer.content) == (status, body)
    assert shared.lines == before + applied


@pytest.mark.parametrize(
    ("fault", "answer", "applied"),
    [
        ({}, {"code": 99999, "msg": "系统发生异常,请与sunreal管理员联系"}, False),
        ({"code": 81019}, {"code": 81019, "msg": "F81019-医嘱信息保存失败"}, False),
        ({"code": 777, "message": "未知", "applied": True}, {"code": 777, "msg": "未知"}, True),
    ],
)
def test_an_error_on_demand(shared: Running, fault: dict[str, Any], answer: dict[str, Any], applied: bool) -> None:
    before = shared.lines
    shared.control("POST", "/faults", {"fault": "error", "interface": "4.10", **fault})

    assert shared.upload().json() == answer
    assert shared.lines == before + applied


def test_faults_strike_whom_they_are_meant_for(shared: Running) -> None:
    fault = {"fault": "error", "interface": "4.10", "akc190": "ZY9", "skip": 1, "times": 1}
    shared.control("POST", "/faults", fault)
    assert shared.upload().json()["code"] == 0
    other = {**shared.batch, "akc190": "ZY9"}
    codes = [shared.ask("sendMedInfo", **other).json()["code"] for _ in range(3)]

    assert codes == [81001, 99999, 81001]


def test_no_answer_until_the_client_gives_up(shared: Running) -> None:
    before = shared.lines
    shared.control("POST", "/faults", {"fault": "hang", "interface": "4.10", "applied": True})

    with pytest.raises(httpx.ReadTimeout):
        shared.upload(timeout=0.2)

    assert shared.lines == before + 1


def test_a_late_original_makes_another_leaving_wait(shared: Running) -> None:
    shared.ask("discharge", akc190=STAY, aaca07="1", rolltype="0")
    leaving = shared.desk.leaving()
    shared.control("POST", "/faults", {"fault": "late_apply", "interface": "4.13", "delay": 0.3})
    with pytest.raises(httpx.TransportError):
        shared.ask("leaveHos", **leaving)
    answers = []
    while (code := shared.ask("leaveHos", **leaving).json()["code"]) == 110021:
        answers.append(code)

    assert answers
    assert code == 110010  # the late one has come
    assert shared.ask("leaveHosUndo", akc190=STAY).json()["code"] == 0


def test_a_form_over_the_wire(shared: Running) -> None:
    shared.ask("discharge", akc190=STAY, aaca07="1", rolltype="0")
    assert shared.ask("leaveHos", **shared.desk.leaving()).json()["code"] == 0
    file = PDF + b"\r\n--b\r\n\r\n" + bytes(range(256)) + b"\r"
    form = {"sessionid": shared.session, "akc190": STAY, "invoiceType": "pdf", "rolltype": "0", "filetype": "01"}
    answer = httpx.post(
        shared.url + FORM,
        data=form | {"invoiceNo": invoice()["invoiceNo"], "invoiceMoney": "1"},
        files={"file": ("发票.pdf", file, "application/pdf")},
        headers={"sessionid": shared.session},
        trust_env=False,
        timeout=PATIENCE,
    )

    assert answer.json() == {"code": 0, "msg": ""}
    (kept,) = shared.control("GET", f"/ledger?akc190={STAY}")["stays"][0]["invoices"]
    assert kept["digest"] == hashlib.sha256(file).hexdigest()
    assert shared.ask("leaveHosUndo", akc190=STAY).json()["code"] == 0


async def test_two_uploads_of_one_stay_are_both_stored(shared: Running) -> None:
    before = shared.lines
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        answers = await asyncio.gather(
            *(client.post(**shared.request("sendMedInfo", **shared.batch)) for _ in range(8))
        )

    assert [each.json()["counts"] for each in answers] == [1] * 8
    assert shared.lines == before + 8


@pytest.mark.parametrize(("when", "lines"), [("before", 0), ("after", 1)])
def test_the_books_survive_a_death_in_the_middle(tmp_path: Path, when: str, lines: int) -> None:
    first = start("--data", str(tmp_path))
    first.begin()
    first.register()
    first.control("POST", "/faults", {"fault": "die", "interface": "4.10", "when": when})
    with pytest.raises(httpx.TransportError):
        first.upload()
    assert first.child.wait(timeout=PATIENCE) == 70

    second = start("--data", str(tmp_path), clock=False)
    second.session = first.session

    assert second.lines == lines
    assert second.upload().json()["code"] == 0  # clock, session and stay are as they were
    second.stop()


def test_a_killed_centre_remembers_what_it_confirmed(tmp_path: Path) -> None:
    first = start("--data", str(tmp_path), "--switch", "counts=lines")
    first.begin()
    first.register()
    assert first.upload().json() == {"code": 0, "msg": "", "counts": 1}
    before = first.control("GET", f"/ledger?akc190={STAY}")
    os.kill(first.child.pid, signal.SIGKILL)
    first.child.wait(timeout=PATIENCE)
    with (tmp_path / "centre.jsonl").open("a", encoding="utf-8") as book:
        book.write('{"at": "2026-11')  # a torn line

    second = start("--data", str(tmp_path), clock=False)

    after = second.control("GET", f"/ledger?akc190={STAY}")
    assert {**after, "time": ""} == {**before, "time": ""}
    second.stop()


def test_the_command_starts_it() -> None:
    words = ["simulate", "neimenggu", "--port", "0", "--control-port", "0", "--switch", "counts=lines"]
    command = [sys.executable, "-c", "from service.cli import main; main()", *words]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    told = json.loads(child.stdout.readline())
    child.stdout.close()
    running = Running(child, told["url"], told["control"])

    assert running.control("GET", "/switches")["counts"] == "lines"
    running.stop()


def test_help_names_every_switch_and_every_fault() -> None:
    command = [sys.executable, "-m", "simulators.neimenggu", "--help"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    for word in ("invoices_after_undo", "late_apply", "visitflow simulate neimenggu"):
        assert word in text
