"""The shared library's doors as the thin library meets them: real sockets, every fault."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.patience import PATIENCE
from tests.simulators.test_process import Running, start

pytestmark = pytest.mark.slow
TIME = "20261120090000"
COUNT = itertools.count(1)


class Host:
    """A process that has the library loaded."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.sign_no = ""

    def raw(self, function: str, body: bytes = b"", timeout: float = 5.0) -> tuple[int, bytes]:
        url = self.running.url.replace("/api/entry/workinjury", f"/dll/{function}")
        response = httpx.post(url, content=body, timeout=timeout, trust_env=False)
        return int(response.headers["X-Return"]), response.content

    def busi(self, infno: str, given: Any = None, timeout: float = 5.0) -> tuple[int, bytes]:
        envelope = {
            **{"infno": infno, "msgid": f"M{next(COUNT)}", "recer_sys_code": "JSYTH", "infver": "V2.1"},
            **{"opter_type": "1", "opter": "001", "opter_name": "收费员", "inf_time": TIME},
            **{"fixmedins_code": "H99999999999", "sign_no": self.sign_no, "idfi_mode": "1", "input": given or {}},
        }
        return self.raw("Si_Busi", json.dumps(envelope, ensure_ascii=False).encode("gbk"), timeout)

    def good(self, infno: str, given: Any = None) -> Any:
        value, out = self.busi(infno, given)
        answer = json.loads(out.decode("gbk"))
        assert (value, answer["infcode"]) == (0, "0"), answer
        return answer["output"]

    def begin(self) -> Host:
        self.running.control("PUT", "/reader", {"qrCodeInfo": "QR-1"})
        assert self.raw("Si_INIT") == (0, b"")
        self.sign_no = self.good("9001")["sign_no"]
        return self

    def register(self, number: str, timeout: float = 5.0) -> tuple[int, bytes]:
        person = {"psn_no": self.good("1101")["psn_no"], "qualification_id": ""}
        sent = {"ipt_otp_no": number, "med_type": "11", "adm_time": TIME, "adm_diag_dscr": "S82", **person}
        return self.busi("2201", sent, timeout)

    def registrations(self, number: str) -> int:
        totals = self.running.control("GET", "/ledger")["totals"]
        return int(totals.get(number, {"registrations": 0})["registrations"])


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    running = start()
    yield running
    running.stop()


@pytest.fixture
def host(running: Running) -> Host:
    return Host(running).begin()


@pytest.mark.parametrize(
    ("number", "fault", "applied"),
    [
        ("L1", {"fault": "lose_reply"}, 1),
        ("L2", {"fault": "lose_request"}, 0),
        ("L3", {"fault": "hang", "applied": True}, 1),
    ],
)
def test_answers_get_lost(host: Host, number: str, fault: dict[str, Any], applied: int) -> None:
    host.running.control("POST", "/faults", {"transactionCode": "2201", "ipt_otp_no": number, **fault})
    with pytest.raises(httpx.TransportError):
        host.register(number, timeout=0.3)
    assert host.registrations(number) == applied


@pytest.mark.parametrize(
    ("number", "fault", "value", "applied"),
    [
        ("S1", {"fault": "garbage"}, 0, 1),
        ("S2", {"fault": "truncate"}, 0, 1),
        ("S3", {"fault": "empty"}, 0, 1),
        ("S4", {"fault": "empty", "applied": False}, 0, 0),
        ("S5", {"fault": "error", "code": -7, "message": "超时"}, -7, 0),
        ("S6", {"fault": "error", "code": -7, "message": "超时", "applied": True}, -7, 1),
    ],
)
def test_answers_get_spoilt(host: Host, number: str, fault: dict[str, Any], value: int, applied: int) -> None:
    host.running.control("POST", "/faults", {"transactionCode": "2201", "ipt_otp_no": number, **fault})
    returned, out = host.register(number)
    assert returned == value
    assert host.registrations(number) == applied
    if fault["fault"] == "error":
        assert out == "超时".encode("gbk")
    else:
        with pytest.raises(ValueError):
            json.loads(out.decode("gbk"))


def test_a_refusal_on_demand(host: Host) -> None:
    host.running.control("POST", "/faults", {"transactionCode": "2201", "fault": "error", "code": 0, "message": "不行"})
    value, out = host.register("R1")
    answer = json.loads(out.decode("gbk"))
    assert (value, answer["infcode"], answer["err_msg"]) == (0, "-1", "不行")
    assert host.registrations("R1") == 0


def test_faults_strike_the_function_that_is_meant(host: Host) -> None:
    host.running.control("POST", "/faults", {"action": "Si_INIT", "fault": "error", "code": -1, "message": "环境检查"})
    assert host.good("1800")
    assert host.running.ask(action="init").json()["success"]
    assert host.raw("Si_INIT") == (-1, "环境检查".encode("gbk"))
    assert host.raw("INIT") == (0, b"")


def test_a_plain_client_that_reads_to_the_end(host: Host) -> None:
    address = urlsplit(host.running.url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=5) as connection:
        connection.sendall(b"POST /dll/Si_INIT HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
        received = b""
        while part := connection.recv(4096):
            received += part
    assert b"X-Return: 0\r\n" in received


def test_the_control_port_arranges_deductions_and_amounts(host: Host) -> None:
    assert host.register("C1")[0] == 0
    answer = host.running.control("POST", "/deductions", {"ipt_otp_no": "C1"})
    assert answer == {"error": "no such line"}
    assert host.running.control("PUT", "/clock", {"offset": 0})["offset"] == 0
    view = host.running.control("GET", "/ledger")
    assert {"filings", "records", "deductions", "appeals", "confirmations"} <= set(view)


def test_the_centre_dies_and_remembers_both_the_visit_and_the_sign_in(tmp_path: Path) -> None:
    first = Host(start("--data", str(tmp_path))).begin()
    first.running.control("POST", "/faults", {"transactionCode": "2201", "fault": "die"})
    with pytest.raises(httpx.TransportError):
        first.register("D1")
    assert first.running.child.wait(timeout=PATIENCE) == 70
    again = Host(start("--data", str(tmp_path), "--switch", "dll_empty_output=null"))
    again.sign_no = first.sign_no
    assert again.registrations("D1") == 1
    assert again.good("2202", {"ipt_otp_no": "D1"}) is None  # initialised and signed in as before
    again.running.stop()


def test_utf_8_by_the_command_line() -> None:
    running = start("--dll-encoding", "utf-8")
    host = Host(running)
    host.raw("Si_INIT")
    value, out = host.busi("9001")  # sent as GBK
    assert value != 0
    assert "JSON" in out.decode("utf-8")
    running.stop()
