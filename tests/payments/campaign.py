"""One campaign: payments come in, answers are lost, processes die, money goes back; then the books are compared."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.application import application
from service.rebuild import rebuild_store
from tests.payments.books import PAYMENTS, Ours, Verdict, compare, of_his, of_platform, of_us
from tests.payments.people import Supervisor
from tests.payments.stage import HIS, OURS, PLATFORM, Gone, Stage, stage
from tests.payments.trouble import BUSINESSES, MIX, Kill, chances, kills
from tests.payments.window import Window

#: Patients who pay at the same time.
_WIDTH = 64
_POLL = 0.5
#: The platform's clock when everything is over but the questions that it still asks.
_FAST = "20"
_FORM = "%Y-%m-%d %H:%M:%S"


class NeverRests(Exception):
    """Something is still under way long after the last payment."""


@dataclass(frozen=True)
class Plan:
    """What is to be played. ``ours`` kills of our process, ``others`` of each simulator."""

    count: int
    seed: int
    ours: int
    others: int
    patience: float = 900.0  #: seconds, for everything to come to rest


@dataclass
class Result:
    """What a campaign came to."""

    plan: Plan
    verdict: Verdict = field(default_factory=Verdict)
    killed: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)  #: faults of both simulators, as far as they lived to tell
    asked: Counter[str] = field(default_factory=Counter)  #: what people were asked
    window: Counter[str] = field(default_factory=Counter)
    reconciled: dict[str, str] = field(default_factory=dict)  #: state of each reconciliation visit
    ours: Ours = field(default_factory=lambda: Ours({}, [], []))
    rebuilt: int = 0  #: visits whose lists differ from their journals
    zombies: int = 0
    notices: int = 0
    paying: float = 0.0  #: seconds until the last payment was begun
    seconds: float = 0.0


@dataclass
class Campaign:
    """Plays one plan on a stage."""

    plan: Plan
    stage: Stage
    told: Callable[[str], None]
    result: Result = field(init=False)

    def __post_init__(self) -> None:
        """Nothing has happened yet."""
        self.result = Result(self.plan)
        self.window = Window(self.stage, self.plan.seed)
        self.supervisor = Supervisor(self.stage)
        self._runs = 0

    async def play(self) -> None:
        """Play it to the end; the stage's own process is asked to stop last."""
        began = time.monotonic()
        start = datetime.datetime.now() - datetime.timedelta(hours=1)
        await self.stage.control(HIS, "PUT", "/capacities", {"a day": 100_000})
        await self.window.know_cards()
        await self._set_chances(PLATFORM)
        await self._set_chances(HIS)
        async with _running(self.window.watch()), _running(self.supervisor.watch()):
            await self._pay()
            self.result.paying = time.monotonic() - began
            await self._heal()
            await self._rest()
            await self._ask_again()
            await self._rest()
            await self._reconcile(start)
        self.result.asked += self.supervisor.asked
        self.result.window = self.window.counted
        await self._read()
        self.result.seconds = time.monotonic() - began

    # -- paying
    async def _pay(self) -> None:
        """Have patients pay until there are enough orders; meanwhile kill who is to be killed."""
        waiting = kills(self.plan.seed, self.plan.count, self.plan.ours, self.plan.others)
        while (orders := await self._orders()) < self.plan.count or waiting:
            busy = await self._busy()
            if waiting and orders >= min(waiting[0].at, self.plan.count - 1):
                await self._kill(waiting.pop(0))
            elif orders < self.plan.count and busy < _WIDTH // 2:  # those who are still busy may have paid already
                await self._run(self.plan.count - orders)
            else:
                await asyncio.sleep(_POLL)
            self.told(f"{orders:,} orders, {sum(self.result.killed.values())} killed, {self.window.busy} refunds")

    async def _orders(self) -> int:
        return int((await self.stage.control(PLATFORM, "GET", "/ledger?lines=no"))["count"])

    async def _busy(self) -> int:
        """Return how many patients are at it, or still to come."""
        return sum(each["count"] - each["finished"] for each in await self.stage.control(PLATFORM, "GET", "/run"))

    async def _run(self, count: int) -> None:
        self._runs += 1
        body = {"count": count, "seed": self.plan.seed * 1000 + self._runs, "concurrency": _WIDTH, "mix": MIX}
        await self.stage.control(PLATFORM, "POST", "/run", body)

    async def _kill(self, kill: Kill) -> None:
        await self._count_struck(kill.who)
        code = await self.stage.kill(kill.who, kill.pause)
        assert code == -9, f"{kill.who} had ended by itself: {code}"
        self.result.killed[kill.who] += 1
        if kill.who != OURS:
            await self._set_chances(kill.who)

    async def _set_chances(self, who: str) -> None:
        seed = self.plan.seed * 1000 + self.result.killed[who]
        await self.stage.control(who, "PUT", "/chances", chances(seed)[who])

    async def _count_struck(self, who: str) -> None:
        if who == OURS:
            return
        said = "notice" if who == PLATFORM else "HIS"
        if who == PLATFORM:
            told = await self.stage.control(PLATFORM, "GET", "/outgoing")
            self.result.struck.update(f"notice: {each}" for each in told["struck"])
            said = "refund"
        faults = await self.stage.control(who, "GET", "/faults")
        self.result.struck.update(f"{said}: {each}" for each in faults["struck"])

    # -- coming to rest
    async def _heal(self) -> None:
        """From now on nothing goes wrong; the platform's clock runs, so that what it still asks is asked soon."""
        for who in (PLATFORM, HIS):
            await self._count_struck(who)
            await self.stage.control(who, "PUT", "/chances", {})
        await self.stage.control(PLATFORM, "PUT", "/clock", {"speed": _FAST})

    async def _rest(self) -> None:
        deadline = time.monotonic() + self.plan.patience
        while left := await self._left():
            if self.supervisor.helpless:  # it never will: the books are compared all the same
                return
            if time.monotonic() > deadline:
                raise NeverRests(left)
            self.told(left)
            await asyncio.sleep(_POLL)

    async def _left(self) -> str:
        """Return what is still under way; empty when nothing is."""
        ledger = await self.stage.control(PLATFORM, "GET", "/ledger?lines=no")
        queries = ["status=ready", "status=stuck", *(f"status=waiting&flow={flow}" for flow in PAYMENTS)]
        moving = 0
        for query in queries:
            moving += len((await self.stage.api("GET", f"/api/v1/visits?{query}&limit=1000"))[1])
        left = {
            "open orders": ledger["fates"].get("open", 0),
            "patients": await self._busy(),
            "refunds": self.window.busy,
            "visits": moving,
        }
        return ", ".join(f"{count} {what}" for what, count in left.items() if count)

    async def _ask_again(self) -> None:
        """What the platform gave up asking about, its people ask about once more."""
        ledger = await self.stage.control(PLATFORM, "GET", "/ledger")
        for each in ledger["refunds"]:
            if each["state"] == "WAITING":
                self.result.asked["the platform's people, 8.1.3 once more"] += 1
                body = {"business": "ask_again", "refund": each["refund"]}
                await self.stage.control(PLATFORM, "POST", "/play", body)
        for each in ledger["orders"]:
            if each["fate"] == "kept":
                self.result.asked["the platform's people, 13.1.1 once more"] += 1
                body = {"business": "ask_again", "patient": each["patient"], "trade": each["trade"]}
                await self.stage.control(PLATFORM, "POST", "/play", body)

    # -- comparing
    async def _reconcile(self, start: datetime.datetime) -> None:
        """Have the reconciliation flow compare the same, in one visit for each business and one for all."""
        end = datetime.datetime.now() + datetime.timedelta(days=1)
        for name, businesses in {"all": list(BUSINESSES)}.items():
            data = {"begin": f"{start:{_FORM}}", "end": f"{end:{_FORM}}", "business": businesses}
            body = {"flow": "platform.reconcile", "key": name, "data": data}
            status, said = await self.stage.api("POST", "/api/v1/visits", body)
            assert status == 201, said
            self.result.reconciled[name] = await self._reconciled(said["visit"])

    async def _reconciled(self, visit: str) -> str:
        deadline = time.monotonic() + self.plan.patience
        while True:
            _, shown = await self.stage.api("GET", f"/api/v1/visits/{visit}")
            if shown["status"] in ("closed", "stuck"):
                return str(shown["state"]) if shown["status"] == "closed" else f"stuck: {shown['stuck']['message']}"
            if time.monotonic() > deadline:
                return f"still {shown['state']}"
            await asyncio.sleep(_POLL)

    async def _read(self) -> None:
        platform, his = await of_platform(self.stage), await of_his(self.stage)
        self.result.notices = sum(
            each["notices"] for each in (await self.stage.control(PLATFORM, "GET", "/ledger"))["orders"]
        )
        await asyncio.to_thread(self.stage.processes[OURS].stop)
        async with application(self.stage.settings) as wired:
            self.result.ours = await of_us(wired.store)
            report = await rebuild_store(wired, repair=False)
            self.result.rebuilt = len(report["differences"])
            self.result.zombies = len(await wired.store.zombies(wired.environment.now(), 0))
        verdict = self.result.verdict = compare(platform, his, self.result.ours)
        verdict.wrong += [f"the window: {each}" for each in self.window.failed]
        verdict.wrong += [f"nobody can help: {each}" for each in self.supervisor.helpless.values()]
        if len(platform) < self.plan.count:
            verdict.wrong.append(f"only {len(platform)} orders")
        if self.result.rebuilt or self.result.zombies:
            verdict.wrong.append(f"{self.result.rebuilt} lists differ, {self.result.zombies} zombies")
        verdict.wrong += [f"reconcile {name}: {end}" for name, end in self.result.reconciled.items() if end != "agreed"]


@asynccontextmanager
async def _running(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
        if task.done():  # it never ends of itself
            task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Gone):
            await task


async def campaign(
    plan: Plan, folder: Path, told: Callable[[str], None], store: str = "", *, blind: bool = False
) -> Result:
    """Play a plan with empty books in ``folder``; return what it came to. ``blind``: see ``stage``.

    Raises:
        NeverRests: something is still under way long after the last payment.
    """
    async with stage(folder, store, blind=blind) as made:
        played = Campaign(plan, made, told)
        await played.play()
        return played.result
