"""The HIS's day: it opens and drives visits by the API, hands lines over in bulk, and learns of everything by webhook.

The HIS is written with ``service/client.py`` and a loopback server of its own that is down for a while and sometimes
says no; the centre is a process and loses answers; ours is killed in the middle and started again. Nobody polls. At the
end the HIS's books, the centre's ledger and ours agree, and each visit's messages came at least once and in order.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from collections import Counter, defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest

from service import demo
from service.client import ApiError, AsyncClient, Plan, Unreachable, calls
from service.signed_post import verify
from tests.jiangsu import ROOT
from tests.patience import PATIENCE

T = TypeVar("T")
SECRET = "whsec-of-a-day"
OUTPATIENTS, INPATIENTS, LINES = 10, 4, 60
#: What a trigger may be refused with because the visit is just on its way; asked again a moment later.
_ON_ITS_WAY = {"trigger_not_legal", "visit_busy", "request_in_progress"}
_SOON = {"first": "200ms", "factor": 1.5, "cap": "2s"}
_IMPATIENT = {"first_look": "300ms", "look_again": "500ms", "late_look": "1s", "backoff": _SOON}
SITE = {
    "jiangsu.outpatient": {"settling": _IMPATIENT, "policies": {"patient": _SOON}},
    "jiangsu.inpatient": {
        "settling": _IMPATIENT,
        "policies": {"patient": _SOON},
    },
}
#: Calls whose answers are lost, by the HIS's own number; the hung one is in the air when ours is killed.
FAULTS = (
    {"transactionCode": "2207", "ipt_otp_no": "O02", "fault": "lose_reply"},
    {"transactionCode": "2201", "ipt_otp_no": "O03", "fault": "lose_reply"},
    {"transactionCode": "2204", "ipt_otp_no": "I01", "fault": "lose_reply"},
    {"transactionCode": "2207", "ipt_otp_no": "I02", "fault": "lose_request"},
    {"transactionCode": "2207", "ipt_otp_no": "O05", "fault": "hang", "applied": True},
)


class Desk:
    """Where the HIS listens: verifies, refuses now and then, and hands on what it takes."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.requests, self.forged, self.down = 0, 0, False
        self.refused: Counter[str] = Counter()  #: by delivery
        self.arrived: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        desk = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = desk.taken(self.headers["Visitflow-Signature"], body)
                if status == 204:
                    loop.call_soon_threadsafe(desk.arrived.put_nowait, json.loads(body))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/visitflow"

    def taken(self, signature: str, body: bytes) -> int:
        """Return the status for a message; every fifth is not taken although nothing is wrong with it.

        None more than twice, though: the third and fourth time it would come a minute and five minutes later.
        """
        self.requests += 1
        if not verify(SECRET, signature, body):
            self.forged += 1
            return 401
        told: dict[str, Any] = json.loads(body)
        if self.down or (self.requests % 5 == 0 and self.refused[told["delivery"]] < 2):
            self.refused[told["delivery"]] += 1
            return 503
        self.told.append(told)
        return 204

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass
class Stay:
    """A visit, as the HIS has it in its own books."""

    key: str
    flow: str
    visit: str = ""
    lines: dict[str, Decimal] = field(default_factory=dict)
    seen: int = 0  #: the highest number of a webhook message that was acted upon
    charged: bool = False  #: lines that are handed over while registered lead to where the visit stands: told again
    closed: bool = False

    @property
    def total(self) -> Decimal:
        return sum(self.lines.values(), Decimal(0))


class His:
    """Opens visits, reacts to what it is told, and asks again for the same thing until it has an answer."""

    def __init__(self, url: str, key: str, desk: Desk) -> None:
        self.client = AsyncClient(url, key)
        self.desk = desk
        self.stays: dict[str, Stay] = {}
        self._work: set[asyncio.Task[None]] = set()

    async def do(self, plan: Plan[T]) -> T:
        """Carry a plan out for sure: the same plan is the same request, however often ours dies meanwhile."""
        while True:
            try:
                return await self.client.do(plan)
            except Unreachable:
                await asyncio.sleep(0.2)
            except ApiError as error:
                if error.problem.code not in _ON_ITS_WAY:
                    raise
                await asyncio.sleep(0.2)

    async def admit(self, number: int, flow: str, key: str) -> None:
        """Open a visit of a person who exists nowhere."""
        stay = self.stays[key] = Stay(key, flow)
        data = {name: value for name, value in demo.invented_visit(key, number).items() if name != "fee_lines"}
        if flow == demo.FLOW:
            stay.lines = {"1": Decimal("80.00"), "2": Decimal(f"{31 + 2 * number}.00")}
            data["fee_lines"] = demo.invented_visit(key, number)["fee_lines"]
        else:
            data |= {"ipt_no": f"N{key}", "adm_bed": "12"}
        stay.visit = (await self.do(calls.open_visit(flow, key, data, by="desk 3"))).visit

    async def listen(self) -> None:
        """Act upon each message once, in the order in which they come."""
        while not all(stay.closed for stay in self.stays.values()):
            told = await self.desk.arrived.get()
            stay = self.stays[told["key"]]
            if told["number"] <= stay.seen:
                continue  # had before: at least once
            assert told["number"] == stay.seen + 1, "a gap or out of order"
            stay.seen = told["number"]
            stay.closed = told["event"] == "closed"
            assert told["event"] != "stuck", told
            if told["event"] == "moved" and (react := self._reaction(stay, told["state"])) is not None:
                task = asyncio.create_task(react)
                self._work.add(task)
                task.add_done_callback(self._work.discard)
        await asyncio.gather(*self._work)

    def _reaction(self, stay: Stay, state: str) -> Coroutine[Any, Any, None] | None:
        match stay.flow, state:
            case ("jiangsu.inpatient", "registered") if not stay.charged:
                stay.charged = True
                return self._charge(stay)
            case (_, "pre_settled"):
                return self._settle(stay)
            case _:
                return None

    async def _settle(self, stay: Stay) -> None:
        bill = {"invoice_no": f"FP{stay.key}"}
        plan = calls.trigger(stay.visit, "settle", bill, by="cashier", key=f"settle-{stay.visit}")
        await self.do(plan)

    async def _charge(self, stay: Stay) -> None:
        """Hand lines over in bulk, have the first half uploaded, and let the patient leave with the rest."""
        made = [self._line(stay, number) for number in range(1, LINES + 1)]
        first, rest = made[: LINES // 2], made[LINES // 2 :]
        await self.do(calls.hand_over(stay.visit, first, by="ward"))
        await self.do(calls.trigger(stay.visit, "upload", by="ward", key=f"upload-{stay.visit}"))
        await self.do(calls.hand_over(stay.visit, rest, by="ward"))
        today = demo.invented_visit("x", 1)["adm_time"]
        leave = {"dscg_time": today, "dscg_trt_rslt": "1", "dscg_diagnosis": "S62.600"}
        await self.do(calls.trigger(stay.visit, "leave", leave, by="ward", key=f"leave-{stay.visit}"))

    def _line(self, stay: Stay, number: int) -> dict[str, Any]:
        amount = Decimal(number) + Decimal("0.25")
        stay.lines[str(number)] = amount
        like = demo.invented_visit(stay.key, 1)["fee_lines"][0]
        return like | {"feedetl_sn": str(number), "pric": f"{amount:.4f}", "cnt": "1", "umamt": f"{amount:.2f}"}


def his_key(stage: demo.Stage) -> str:
    """Make a key for the HIS, as an administrator does before it is let in."""
    words = [*stage.service.command[:3], "keys", "add", "his", "--role", "his", "--json"]
    done = subprocess.run(
        words, check=True, env=stage.service.environment, capture_output=True, text=True, timeout=PATIENCE
    )
    return str(json.loads(done.stdout)["key"])


def keep_port(stage: demo.Stage) -> None:
    """Have the service come back where the HIS knows it."""
    command, port = stage.service.command, str(stage.api).rpartition(":")[2]
    command[command.index("--port") + 1] = port


async def kill_in_the_middle(stage: demo.Stage, desk: Desk) -> None:
    """End ours with a settlement in the air, leave everybody alone for a moment, and start it again."""
    while "hang" not in (await asyncio.to_thread(stage.control, "GET", "/faults"))["struck"]:
        await asyncio.sleep(0.05)
    desk.down = True
    await asyncio.to_thread(stage.service.kill)
    await asyncio.sleep(1.0)
    await asyncio.to_thread(stage.service.start)
    desk.down = False


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_day_of_the_his(tmp_path: Path) -> None:
    desk = Desk()
    hook = {"VISITFLOW_WEBHOOK_URL": desk.url, "VISITFLOW_WEBHOOK_SECRET": SECRET}
    try:
        with demo.stage(tmp_path, ROOT / "flows.yaml", overrides=SITE, more=hook) as stage:
            keep_port(stage)
            for fault in FAULTS:
                stage.control("POST", "/faults", fault)
            his = His(stage.api, his_key(stage), desk)
            admitted = [his.admit(n, demo.FLOW, f"O{n:02d}") for n in range(OUTPATIENTS)]
            admitted += [his.admit(n, "jiangsu.inpatient", f"I{n:02d}") for n in range(INPATIENTS)]
            killed = asyncio.create_task(kill_in_the_middle(stage, desk))
            await asyncio.gather(*admitted)
            async with asyncio.timeout(200):
                await his.listen()
                await killed
            shown = {each.key: await his.do(calls.visit(each.visit)) for each in his.stays.values()}
            await his.client.close()
            ledger = stage.control("GET", "/ledger")
            struck = stage.control("GET", "/faults")["struck"]
        assert Counter(struck) == Counter(fault["fault"] for fault in FAULTS), "every fault has happened"
        agree(his, {key: each.data for key, each in shown.items()}, ledger)
        told_in_order(desk, his)
        assert {each.state for each in shown.values()} == {"discharged"}
    finally:
        desk.close()


def agree(his: His, ours: dict[str, dict[str, Any]], ledger: dict[str, Any]) -> None:
    """Hold the three books against each other, to the cent, and the centre's to one settlement each."""
    for key, stay in his.stays.items():
        centre, own = demo.centre_books(ledger["totals"], key), demo.our_books({"data": ours[key]})
        assert own == centre, key
        assert centre.registrations == 1
        assert centre.lines == centre.settled == stay.total, key
    applied = Counter(m["ipt_otp_no"] for m in ledger["messages"] if m["code"] == "2207" and m["result"] == "applied")
    assert applied == dict.fromkeys(his.stays, 1), "nothing is settled twice"


def told_in_order(desk: Desk, his: His) -> None:
    """Each message at least once; the first time that each came, in order and without gaps."""
    assert desk.forged == 0
    numbers: dict[str, list[int]] = defaultdict(list)
    for told in desk.told:
        numbers[told["key"]].append(told["number"])
    assert numbers.keys() == his.stays.keys()
    for key, came in numbers.items():
        first = list(dict.fromkeys(came))
        assert first == list(range(1, len(first) + 1)), key
        mine = [told for told in desk.told if told["key"] == key]
        assert (mine[0]["event"], mine[-1]["event"]) == ("opened", "closed")
        assert [told["seq"] for told in mine] == sorted(told["seq"] for told in mine)
    assert desk.requests > len(desk.told), "some were not taken at first"
