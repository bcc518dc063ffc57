"""Two hundred bills: answers lost, the HIS killed, tokens expired. Every bill is settled once, and both books agree."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from engine.facts import loads
from engine.store import Projection, Status, VisitFilter
from engine.visit import Visit, fold
from service import demo
from service.application import Application, application
from service.rebuild import rebuild_store
from service.settings import Settings
from storage import upgrade
from tests import his
from tests.conftest import TEST_KEY
from tests.jiangsu import ROOT
from tests.patience import PATIENCE

VISITS = 200
PASSWORD = "not-a-secret-of-anybody"
_SOON = {"first": "100ms", "factor": 1.5, "cap": "1s"}
_PATIENCE = {
    "settling": {"first_look": "200ms", "look_again": "300ms", "late_look": "500ms", "tries": 60, "backoff": _SOON},
    "policies": {"patient": _SOON, "paid": _SOON},
    "transitions": {name: {"timeout": "2s"} for name in ("ask_bill", "verify", "settle", "check_refusal")},
}
#: What happens to SettleByDoctor of the first half, by the visit's number.
FAULTS: dict[int, dict[str, Any]] = {
    **{number: {"fault": "lose_reply"} for number in range(0, 30)},
    **{number: {"fault": "lose_request"} for number in range(30, 50)},
    **{number: {"fault": "truncate"} for number in range(50, 58)},
    **{number: {"fault": "garbage"} for number in range(58, 64)},
    **{number: {"fault": "garbage", "applied": False} for number in range(64, 68)},
    **{number: {"fault": "error", "code": 2, "applied": True} for number in range(68, 74)},
    **{number: {"fault": "error", "code": 500} for number in range(74, 78)},
    **{number: {"fault": "http_500", "applied": True} for number in range(78, 82)},
    **{number: {"fault": "late_reply", "delay": 3.0} for number in range(82, 86)},
    **{number: {"fault": "empty"} for number in range(86, 90)},
}
LOST = [number for number, fault in FAULTS.items() if fault["fault"] in ("lose_reply", "truncate", "empty")]
WRONG_MONEY = range(90, 95)
AT_THE_WINDOW = range(95, 100)


class BackEnd:
    """The simulator as a process that may be killed, and comes back on the same port with its book."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            second.bind(("127.0.0.1", 0))
            ports = first.getsockname()[1], second.getsockname()[1]
        command = [sys.executable, "-m", "simulators.his", "--port", str(ports[0]), "--control-port", str(ports[1])]
        ready = folder / "his.ready"
        more = ["--data", str(folder / "his"), "--ready-file", str(ready), "--password", PASSWORD]
        self.process = demo.Process("his", command + more, dict(os.environ), folder / "his.log", ready)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        url = f"{self.process.ready['control']}{path}"
        answer = httpx.request(method, url, json=body, timeout=PATIENCE, trust_env=False)
        assert answer.status_code == 200, answer.text
        return loads(answer.content)

    async def die(self) -> None:
        """End it as a power cut would, and start it again a moment later."""
        child = self.process.child
        assert child is not None
        child.send_signal(signal.SIGKILL)
        child.wait()
        await asyncio.sleep(0.2)
        await asyncio.to_thread(self.process.start)


@pytest.fixture
def back_end(tmp_path: Path) -> Iterator[BackEnd]:
    running = BackEnd(tmp_path)
    running.process.start()
    yield running
    running.process.stop()


@asynccontextmanager
async def till(folder: Path, url: str) -> AsyncIterator[Application]:
    """Our side with its runner: one process's life, on the store in ``folder``."""
    site = {
        "include": [str(ROOT / "flows/his/*.yaml")],
        "flows": [his.FLOW],
        "adapters": {"his": {"url": url}},
        "overrides": {his.FLOW: _PATIENCE},
    }
    with (folder / "flows.yaml").open("w", encoding="utf-8") as file:
        yaml.safe_dump(site, file, allow_unicode=True, sort_keys=False)
    store = f"sqlite:///{folder / 'visitflow.db'}"
    upgrade(store)
    settings = Settings(store=store, site=folder / "flows.yaml", exchange_keys=TEST_KEY, _env_file=None)  # type: ignore[call-arg]
    async with application(settings) as wired:
        await wired.runner.start()
        try:
            yield wired
        finally:
            await wired.runner.stop()


def key_of(number: int) -> str:
    return f"R{number:04d}"


async def until(wired: Application, *states: str, closed: bool = False, most: float = 90.0) -> dict[str, Projection]:
    """Wait until every visit stands in one of ``states`` and has nothing to do there.

    ``closed`` waits for its last look as well, which a visit takes some time after its last state is reached.
    """
    quiet = {Status.CLOSED} if closed else set(Status) - {Status.READY}
    for _ in range(int(most / 0.05)):
        found = await wired.store.visits(VisitFilter(limit=1000))
        assert all(each.status is not Status.STUCK for each in found), [
            (each.key, each.state, each.cause) for each in found if each.status is Status.STUCK
        ]
        if all(each.state in states and each.status in quiet for each in found):
            return {each.key: each for each in found}
        await asyncio.sleep(0.05)
    left = Counter((each.state, each.status.value) for each in found)
    raise AssertionError(f"not in {most} s: {left}")


async def paid(wired: Application, visits: dict[str, Projection], numbers: range) -> None:
    """Tell of the payments."""
    for number in numbers:
        money = "26.00" if number in WRONG_MONEY else his.PERSONAL
        data = his.payment(f"PAY{number}", money)
        await wired.commands.trigger(visits[key_of(number)].visit_id, "paid", data, "platform")


def order(back_end: BackEnd, numbers: range) -> list[str]:
    """Register patients, and have doctors order something for each; return the bills."""
    bills = []
    for number in numbers:
        back_end.control("POST", "/registrations", {"RegNo": key_of(number)})
        bill = back_end.control("POST", "/bills", {"RegNo": key_of(number), "items": list(his.ITEMS)})
        bills.append(str(bill["BILLID"]))
    return bills


async def folded(wired: Application, projection: Projection) -> Visit:
    return fold(projection.visit_id, await wired.store.history(projection.visit_id))


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_every_bill_is_settled_once(tmp_path: Path, back_end: BackEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISITFLOW_HIS_PASSWORD", PASSWORD)
    url = back_end.process.ready["url"]
    first, second = range(VISITS // 2), range(VISITS // 2, VISITS)
    bills = order(back_end, range(VISITS))
    async with till(tmp_path, url) as wired:
        for number in range(VISITS):
            await wired.commands.open(his.FLOW, key_of(number), his.opening(key_of(number)))
        visits = await until(wired, "priced")
        # answers are lost, tokens expire
        for number, fault in FAULTS.items():
            about = {"interface": "SettleByDoctor", "RegSerNo": key_of(number)}
            back_end.control("POST", "/faults", about | fault)
        for number in AT_THE_WINDOW:
            back_end.control("POST", "/window", {"BILLID": bills[number]})
        await paid(wired, visits, first)
        for _ in range(5):
            back_end.control("PUT", "/tokens", {"expire": True})
            await asyncio.sleep(0.1)
        await until(wired, "settled", "refund_due", "priced")
        struck = back_end.control("GET", "/faults")["struck"]
        assert len(struck) == len(FAULTS)
        assert back_end.control("GET", "/ledger")["tokens"] >= 3
    # both sides die: ours while payments come in, the HIS three times while it settles
    async with till(tmp_path, url) as wired:
        await paid(wired, visits, range(second.start, second.start + 50))
    async with till(tmp_path, url) as wired:
        for start in (second.start + 50, second.start + 70, second.start + 90):
            await paid(wired, visits, range(start, min(start + 20, VISITS)))
            await back_end.die()
        found = await until(wired, "settled", "refund_due")
        for number in (*WRONG_MONEY, *AT_THE_WINDOW):
            money = "26.00" if number in WRONG_MONEY else his.PERSONAL
            refund = {"his": {"refund": {"refund_no": f"RF{number}", "money": money}}}
            await wired.commands.trigger(found[key_of(number)].visit_id, "refunded", refund, "wang")
        found = await until(wired, "settled", "refunded", closed=True)

        ledger = back_end.control("GET", "/ledger")
        assert {row["RegNo"]: row["settled"] for row in ledger["bills"]} == {
            key_of(number): int(number not in WRONG_MONEY) for number in range(VISITS)
        }
        receipts: Counter[str] = Counter()
        for number in range(VISITS):
            projection = found[key_of(number)]
            theirs = [row for row in ledger["settlements"] if row["RegNo"] == key_of(number) and row["door"] == "api"]
            visit = await folded(wired, projection)
            his.agree(visit.data, theirs)
            owed = number in WRONG_MONEY or number in AT_THE_WINDOW
            assert visit.state == ("refunded" if owed else "settled"), number
            if not owed:
                receipts[visit.data["his"]["settlement"]["receipt"]] += 1
        assert receipts["missing"] >= len(LOST)
        assert receipts["complete"] >= 90
        assert (await rebuild_store(wired, repair=False))["differences"] == []
        assert await wired.store.zombies(wired.environment.now(), 0) == []
    for name in ("visitflow.db", "his.log"):
        assert PASSWORD.encode() not in (tmp_path / name).read_bytes()
