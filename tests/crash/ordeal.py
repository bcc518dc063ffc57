"""A fleet of workers in trouble: one run of a plan, and what must hold after it."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import VisitflowError
from engine.events import Cause
from engine.store import Projection, Status
from service.dispatch.schema import upgrade_jobs
from storage import upgrade
from tests import postgres
from tests.crash import truth
from tests.crash.door import Door
from tests.crash.hospital import FLOW, Hospital, Worker, handed_over, hospital
from tests.crash.network import Cable, network
from tests.crash.troubles import Plan, Trouble

#: More patience than elsewhere in these tests: with many processes on few cores a message may be seconds on its way.
_SETTLING = {
    **{"first_look": "1s", "look_again": "500ms", "late_look": "3s", "tries": 50},
    "backoff": {"first": "200ms", "factor": 1, "cap": "500ms"},
}
#: Visits that a worker moves at once: what it holds when it dies has to wait for its leases.
IN_FLIGHT = 64
#: Seconds after mending in which everything has to come to its end.
MENDED = 180.0
_LOOK = 0.5
_WHO = ("wang", "asked the centre by telephone")


@dataclass
class Told:
    """What a run came to."""

    struck: Counter[str] = field(default_factory=Counter)
    lives: int = 0
    asked: int = 0  #: doubts that a person had to answer
    refused: int = 0  #: commands of the HIS that failed or came too early, and were made again
    settled_after: float = 0.0  #: seconds from mending to the last end
    events: int = 0
    messages: int = 0
    figures: Counter[str] = field(default_factory=Counter)


class Fleet:
    """One run."""

    def __init__(
        self,
        place: Hospital,
        server: postgres.OwnServer,
        doors: list[Door],
        fate: Plan,
        kind: str,
        cables: Sequence[Cable] = (),
    ) -> None:
        """``doors``, ``cables``: one for each worker, if any; ``kind``: the dispatch."""
        self._cables = cables
        self.told = Told()
        self._place, self._server, self._doors, self._plan, self._kind = place, server, doors, fate, kind
        self._lives: list[list[Worker]] = [[] for _ in doors]
        self._down = [0] * len(doors)  #: troubles under way that keep a worker from being started again
        self._busy = [False] * len(doors)
        self._known: dict[str, Projection] = {}

    async def run(self) -> Told:
        """Bring all troubles, mend everything, and check."""
        self._began = time.monotonic()
        for number in range(len(self._doors)):
            self._spawn(number)
        doing = [
            asyncio.create_task(each) for each in (self._keep_alive(), self._trouble(), self._faults(), self._his())
        ]
        try:
            await self._until(self._plan.seconds)
            await asyncio.gather(*doing[1:3])
            self._mend()
            mended = time.monotonic()
            while left := [key for key in self._plan.opened if not self._ended(key)]:
                if time.monotonic() - mended > MENDED:
                    raise AssertionError(await self._stands(left))
                for each in doing:
                    if each.done():
                        each.result()
                await asyncio.sleep(_LOOK)
            self.told.settled_after = time.monotonic() - mended
        finally:
            for each in doing:
                each.cancel()
            await asyncio.gather(*doing, return_exceptions=True)
        await self._check()
        return self.told

    # -- workers
    def _spawn(self, number: int) -> None:
        door = self._doors[number]
        worker = self._place.nursery.spawn(
            lease=self._plan.lease,
            store=door.url,
            dispatch=self._kind,
            in_flight=IN_FLIGHT,
            namespace=self._cables[number].file if self._cables else "",
        )
        self._lives[number].append(worker)
        self.told.lives += 1

    async def _keep_alive(self) -> None:
        """Start workers again that have ended, as a service manager does."""
        while True:
            for number, lives in enumerate(self._lives):
                if lives[-1].has_ended and not self._down[number]:
                    self._spawn(number)
            await asyncio.sleep(1.0)

    # -- troubles
    async def _trouble(self) -> None:
        async with asyncio.TaskGroup() as group:
            for trouble in self._plan.troubles:
                await self._until(trouble.at)
                order = [(trouble.worker + step) % len(self._doors) for step in range(len(self._doors))]
                idle = [number for number in order if not self._busy[number]]  # one trouble at a time for a worker
                if trouble.kind.endswith("database") or idle:
                    group.create_task(self._strike(trouble, *idle[:1]))

    async def _strike(self, trouble: Trouble, number: int = 0) -> None:
        self.told.struck[trouble.kind] += 1
        if trouble.kind.endswith("database"):
            end = self._server.kill if trouble.kind == "kill_database" else self._server.stop_immediately
            await asyncio.to_thread(end)
            await asyncio.sleep(trouble.lasts)
            await asyncio.to_thread(self._server.start)
            return
        worker, door = self._lives[number][-1], self._doors[number]
        self._busy[number] = True
        try:
            match trouble.kind:
                case "kill":
                    self._down[number] += 1
                    worker.kill()
                    await asyncio.sleep(trouble.lasts)
                    self._down[number] -= 1
                case "stop":
                    worker.signal(signal.SIGSTOP)
                    await asyncio.sleep(trouble.lasts)
                    worker.signal(signal.SIGCONT)
                case "cut" | "hold":
                    (door.shut if trouble.kind == "cut" else door.hold)()
                    await asyncio.sleep(trouble.lasts)
                    door.open()
                case "unplug":
                    await asyncio.to_thread(self._cables[number].pull)
                    await asyncio.sleep(trouble.lasts)
                    await asyncio.to_thread(self._cables[number].plug)
        finally:
            self._busy[number] = False

    async def _faults(self) -> None:
        for at, fault in self._plan.faults:
            await self._until(at)
            await asyncio.to_thread(self._place.control, "POST", "/faults", fault)

    def _mend(self) -> None:
        for door in self._doors:
            door.open()
        for cable in self._cables:
            cable.plug()
        self._place.control("DELETE", "/faults")

    # -- the HIS, and people
    async def _his(self) -> None:
        """Open visits when their time has come, and again until they are there; cancel; answer for the centre."""
        asked: dict[str, float] = {}
        while True:
            now = time.monotonic() - self._began
            with suppress(VisitflowError):
                self._known = {each.key: each for each in await self._place.projections()}
            for key, at in self._plan.opened.items():
                if at <= now and key not in self._known and now - asked.get(key, -9.0) > 3.0:
                    await self._open(key, first=key not in asked)
                    asked[key] = now
            for projection in list(self._known.values()):
                if projection.status is Status.STUCK:
                    await self._carefully(lambda which=projection.visit_id: self._answer(which))  # type: ignore[misc]
                elif projection.key in self._plan.cancelled and projection.state == "discharged":
                    await self._carefully(
                        lambda which=projection.visit_id: self._place.wired.commands.cancel(which, *_WHO)  # type: ignore[misc]
                    )
            await asyncio.sleep(_LOOK)

    async def _open(self, key: str, *, first: bool) -> None:
        if first and key in self._plan.by_worker:
            number = sum(key.encode()) % len(self._lives)
            self._lives[number][-1].open(FLOW, key, handed_over(key))
            return
        data = handed_over(key)
        await self._carefully(lambda: self._place.wired.commands.open(FLOW, key, data, "HIS"))

    async def _carefully(self, command: Callable[[], Awaitable[object]]) -> None:
        """Give a command; when it fails, it is given again at the next look, if it is still wanted."""
        try:
            await command()
        except VisitflowError:
            self.told.refused += 1

    async def _answer(self, visit_id: str) -> None:
        """Do what a supervisor does with a stuck visit: look into the centre's books, and say what stands there."""
        visit = await self._place.visit(visit_id)
        assert visit.trouble is not None
        if visit.trouble.cause is Cause.DOUBT:
            assert visit.call is not None
            books = await asyncio.to_thread(self._place.books)
            verdict, data = truth.told(visit.call, visit, books)
            await self._place.wired.commands.settle(visit_id, verdict, *_WHO, data)
        else:
            await self._place.wired.commands.resume(visit_id, *_WHO)
        self.told.asked += 1

    def _ended(self, key: str) -> bool:
        known = self._known.get(key)
        wanted = "cancelled" if key in self._plan.cancelled else "discharged"
        return known is not None and known.status is Status.CLOSED and known.state == wanted

    async def _until(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, self._began + seconds - time.monotonic()))

    async def _stands(self, left: list[str]) -> str:
        """Tell what is not at its end; journals and the centre's messages of the first of it are kept in a file."""
        file = self._place.folder / "left.json"
        told = {}
        for key in left[:5]:
            known = self._known.get(key)
            stored = [] if known is None else await self._place.wired.store.journal(known.visit_id)
            told[key] = {"journal": [each.payload for each in stored], "messages": self._place.messages(key)}
        file.write_text(json.dumps(told, ensure_ascii=False, indent=1, default=str), encoding="utf-8")
        return f"{len(left)} not at their end, see {file}: {[(key, self._known.get(key)) for key in left[:5]]}"

    # -- what must hold
    async def _check(self) -> None:
        for lives in self._lives:
            if not lives[-1].has_ended:
                lives[-1].stop()
        await self._place.check(cancelled=self._plan.cancelled)
        assert set(self._known) == set(self._plan.opened)
        self.told.events = sum(each.seq for each in self._known.values())
        self.told.messages = len(self._place.messages())
        for worker in (worker for lives in self._lives for worker in lives):
            for kind in ("figures", "fleet"):
                last = next((line for line in reversed(worker.told) if line["event"] == kind), {})
                self.told.figures.update({name: value for name, value in last.items() if isinstance(value, int)})


async def trouble(folder: Path, fate: Plan, dispatch: str, *, cables: bool = False) -> Told:
    """Run one plan on a server of its own; with ``cables``, each worker in a network of its own."""
    with ExitStack() as stack:
        host, ways = stack.enter_context(network(fate.workers)) if cables else ("127.0.0.1", [])
        server = stack.enter_context(postgres.own_server())
        url = stack.enter_context(postgres.database(server.url))
        upgrade(url)
        if dispatch != "embedded":
            upgrade_jobs(url)
        doors = [stack.enter_context(Door(url, host)) for _ in range(fate.workers)]
        async with hospital(folder, url, settling=_SETTLING, dispatch=dispatch, host=host) as place:
            return await Fleet(place, server, doors, fate, dispatch, ways).run()
