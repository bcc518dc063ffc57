"""The simulator as the process that it is: real sockets, every fault as a client sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.jiangsu import ROOT
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow


@dataclass
class Running:
    """A simulator process and how to talk to it."""

    child: subprocess.Popen[str]
    url: str
    control_url: str

    def ask(self, timeout: float = 5.0, **body: Any) -> httpx.Response:
        return httpx.post(self.url, json=body, timeout=timeout, trust_env=False)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        return httpx.request(method, self.control_url + path, json=body, timeout=PATIENCE, trust_env=False).json()

    def begin(self) -> str:
        self.ask(action="init")
        self.ask(action="transaction", transactionName="9001")
        card = self.ask(action="transaction", transactionName="1101", identifyMode="2", qrCodeInfo="QR-1").json()
        psn_no: str = card["data"]["psn_no"]
        return psn_no

    def register(self, psn_no: str, msgid: str = "M1", timeout: float = 5.0) -> httpx.Response:
        parameters = {"psn_no": psn_no, "ipt_otp_no": "MZ1", "visit_type": "1"}
        return self.ask(
            timeout, action="transaction", transactionName="2201", messageId=msgid, businessParams=parameters
        )

    @property
    def registrations(self) -> int:
        totals = self.control("GET", "/ledger")["totals"]
        return int(totals.get("MZ1", {"registrations": 0})["registrations"])

    def stop(self) -> None:
        self.child.send_signal(signal.SIGTERM)
        assert self.child.wait(timeout=PATIENCE) == 0


def start(*words: str) -> Running:
    command = [sys.executable, "-m", "simulators.jiangsu", "--port", "0", "--control-port", "0", *words]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    ready = json.loads(child.stdout.readline())
    child.stdout.close()
    assert ready["pid"] == child.pid
    return Running(child, ready["url"], ready["control"])


@pytest.fixture
def centre() -> Iterator[Running]:
    running = start()
    yield running
    if running.child.poll() is None:
        running.stop()


@pytest.mark.parametrize(
    ("fault", "applied"),
    [
        ({"fault": "lose_reply"}, 1),
        ({"fault": "lose_request"}, 0),
        ({"fault": "truncate"}, 1),
        ({"fault": "hang", "applied": True}, 1),
        ({"fault": "hang"}, 0),
    ],
)
def test_answers_get_lost(centre: Running, fault: dict[str, Any], applied: int) -> None:
    psn_no = centre.begin()
    centre.control("POST", "/faults", {"transactionCode": "2201", **fault})
    with pytest.raises(httpx.TransportError):
        centre.register(psn_no, timeout=0.5)
    assert centre.registrations == applied
    assert centre.register(psn_no, "M2").json()["success"]  # once is once


@pytest.mark.parametrize(
    ("fault", "status", "applied"),
    [
        ({"fault": "garbage"}, 200, 1),
        ({"fault": "garbage", "applied": False}, 200, 0),
        ({"fault": "http_500"}, 500, 0),
        ({"fault": "error", "code": 2001}, 200, 0),
        ({"fault": "error", "code": 2001, "applied": True}, 200, 1),
    ],
)
def test_answers_get_spoilt(centre: Running, fault: dict[str, Any], status: int, applied: int) -> None:
    psn_no = centre.begin()
    centre.control("POST", "/faults", {"transactionCode": "2201", "ipt_otp_no": "MZ1", **fault})
    response = centre.register(psn_no)
    assert response.status_code == status
    assert centre.registrations == applied
    if fault["fault"] == "error":
        assert response.json()["code"] == 2001
    else:
        with pytest.raises(ValueError):
            response.json()


def test_a_reply_comes_late(centre: Running) -> None:
    psn_no = centre.begin()
    centre.control("POST", "/faults", {"transactionCode": "2201", "fault": "late_reply", "delay": 0.4})
    began = time.monotonic()
    assert centre.register(psn_no).json()["success"]
    assert time.monotonic() - began >= 0.4


def test_an_original_comes_late(centre: Running) -> None:
    psn_no = centre.begin()
    centre.control("POST", "/faults", {"transactionCode": "2201", "fault": "late_apply", "delay": 0.4})
    with pytest.raises(httpx.TransportError):
        centre.register(psn_no)
    assert centre.registrations == 0
    deadline = time.monotonic() + PATIENCE
    while centre.registrations == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert centre.registrations == 1


def test_faults_are_skipped_and_counted(centre: Running) -> None:
    psn_no = centre.begin()
    fault = {"transactionCode": "2201", "fault": "error", "code": 3999, "skip": 1, "times": 2}
    centre.control("POST", "/faults", fault)
    codes = [centre.register(psn_no, f"M{n}").json()["code"] for n in range(4)]
    assert codes == [200, 3999, 3999, 200]
    assert centre.control("GET", "/faults")["struck"] == ["error", "error"]


def test_a_fault_that_is_none_is_refused(centre: Running) -> None:
    assert "must be one of" in centre.control("POST", "/faults", {"fault": "nonsense"})["error"]
    assert "error" in centre.control("POST", "/faults", {"fault": "hang", "nonsense": 1})


@pytest.mark.parametrize(("when", "applied"), [("before", 0), ("after", 1)])
def test_the_centre_dies_and_remembers_what_it_had_confirmed(tmp_path: Path, when: str, applied: int) -> None:
    centre = start("--data", str(tmp_path))
    psn_no = centre.begin()
    centre.control("POST", "/faults", {"transactionCode": "2201", "fault": "die", "when": when})
    with pytest.raises(httpx.TransportError):
        centre.register(psn_no)
    assert centre.child.wait(timeout=PATIENCE) == 70
    again = start("--data", str(tmp_path))
    assert again.registrations == applied
    again.stop()


def test_it_stops_while_a_request_hangs(centre: Running) -> None:
    centre.begin()
    centre.control("POST", "/faults", {"action": "stats", "fault": "hang"})
    with pytest.raises(httpx.ReadTimeout):
        centre.ask(0.2, action="stats")
    began = time.monotonic()
    centre.stop()
    assert time.monotonic() - began < 5
    assert not _exists(centre.child.pid)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
