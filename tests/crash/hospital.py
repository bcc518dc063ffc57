"""What the crash tests stand on: a simulated centre and workers as real processes, one store, and what must hold."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import yaml

from engine import tables
from engine.environment import SECOND
from engine.errors import ActionNotLegal, TriggerNotLegal, VisitBusy
from engine.events import AnyEvent, decode
from engine.facts import loads
from engine.store import Projection, Status, VisitFilter
from engine.visit import Visit, fold
from service import demo
from service.application import Application, application
from service.rebuild import rebuild_store
from service.settings import Settings
from tests.conftest import TEST_KEY
from tests.crash import truth
from tests.crash.scenarios import Desk, Scenario, shipped
from tests.crash.script import Script
from tests.jiangsu import ROOT
from tests.patience import PATIENCE

FLOW = "jiangsu.outpatient"
_SOON = {"first": "100ms", "factor": 1, "cap": "200ms"}
_SETTLING = {
    "first_look": "100ms",
    "look_again": "100ms",
    "late_look": "300ms",
    "tries": 30,
    "backoff": _SOON,
}
_CALL = {"timeout": "1500ms"}


def impatient(
    flow: str, adapter: str, settings: Mapping[str, Any], settling: Mapping[str, Any] = _SETTLING
) -> dict[str, Any]:
    """Return a site's changes to a shipped flow: little patience, so that a doubt is settled within seconds."""
    definition = shipped()[flow]
    changes: dict[str, Any] = {
        "adapters": dict.fromkeys(definition.adapters, adapter),
        "settings": dict(settings),
        "settling": dict(settling),
        "policies": {name: _SOON | {"attempts": 100} for name in definition.policies if name != "default"},
        "transitions": {
            each.trigger: _CALL | ({"undo": _CALL} if each.undo is not None and each.undo.step else {})
            for each in definition.transitions
            if each.step is not None
        },
    }
    return changes


async def eventually(condition: Callable[[], Awaitable[Any]], what: str, patience: float = PATIENCE) -> Any:
    """Return the first true value of ``condition``; fail when there is none in time."""
    deadline = time.monotonic() + patience
    while not (found := await condition()):
        assert time.monotonic() < deadline, f"not in {patience} s: {what}"
        await asyncio.sleep(0.01)
    return found


@dataclass
class Worker:
    """One life of a worker process."""

    number: int
    nursery: Nursery
    orders: Path
    log: Path
    pid: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)

    def order(self, key: str, *, cancel: bool = False, **changes: Any) -> None:
        """Have the worker open an outpatient, unless there is one; with ``cancel``, take it back when it is closed."""
        self.open(FLOW, key, handed_over(key) | changes, cancel=cancel)

    def open(self, flow: str, key: str, data: Mapping[str, Any], *, cancel: bool = False) -> None:
        """Have the worker open a visit of any flow."""
        with self.orders.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"flow": flow, "key": key, "data": data, "cancel": cancel}) + "\n")

    def wait_for(self, event: str, patience: float = PATIENCE, **wanted: Any) -> dict[str, Any]:
        """Return the first line of this kind, with these values, that the worker tells or has told."""
        return self.wait_until(
            lambda line: line["event"] == event and wanted.items() <= line.items(), f"{event} {wanted}", patience
        )

    def wait_until(self, fits: Callable[[dict[str, Any]], bool], what: str, patience: float = PATIENCE) -> Any:
        """Return the first line that ``fits``."""
        deadline = time.monotonic() + patience
        with self.nursery.news:
            while (line := next((each for each in self.told if fits(each)), None)) is None:
                left = deadline - time.monotonic()
                ended = any(each["event"] == "died" for each in self.told)
                assert left > 0 and not ended, f"worker {self.number}: no {what} but {self.told[-3:]}; see {self.log}"
                self.nursery.news.wait(left)
            return line

    def figure(self, name: str) -> int:
        """Return what the runner has counted of ``name``."""
        with self.nursery.news:
            return next((line[name] for line in reversed(self.told) if name in line and "claimed" in line), 0)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, by the process whose child it is."""
        self.nursery.say({"signal": int(number), "pid": self.pid})

    def kill(self) -> None:
        """End it as a power cut would."""
        self.signal(signal.SIGKILL)

    @property
    def has_ended(self) -> bool:
        """Tell whether it is gone."""
        with self.nursery.news:
            return any(each["event"] == "died" for each in self.told)

    def ended(self) -> int:
        """Return how it ended: negative the signal, as in ``subprocess``."""
        code: int = self.wait_for("died")["code"]
        return code

    def stop(self) -> None:
        """Ask it to end in good order, and see that it does."""
        self.wait_for("started")
        self.signal(signal.SIGTERM)
        assert self.ended() == 0, f"worker {self.number}; see {self.log}"

    async def stands_still(self) -> bool:
        """Tell whether the operating system says so."""
        return bool(self.pid) and psutil.Process(self.pid).status() == psutil.STATUS_STOPPED


class Nursery:
    """The process that forks workers, seen from the test."""

    def __init__(self, folder: Path, site: Path, store: str, more: Mapping[str, str]) -> None:
        """``more`` is added to the workers' environment."""
        self._folder, self._store = folder, store
        self._numbers = itertools.count(1)
        self._lives: dict[int, Worker] = {}
        self._by_pid: dict[int, Worker] = {}
        self.news = threading.Condition()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VISITFLOW_")}
        with (folder / "nursery.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.worker", str(site)],
                cwd=ROOT,
                env=environment | dict(more),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(PATIENCE), f"the nursery did not start; see {folder / 'nursery.log'}"

    def spawn(
        self,
        *,
        lease: float = 30.0,
        trap: dict[str, Any] | None = None,
        page_limit: Path | None = None,
        store: str = "",
        dispatch: str = "embedded",
        in_flight: int = 500,
        namespace: str = "",
    ) -> Worker:
        """Start a worker; ``store`` is its own way to the store, ``namespace`` the file of its own network."""
        number = next(self._numbers)
        base = self._folder / f"life-{number:03d}"
        life = Worker(number, self, base.with_suffix(".orders"), base.with_suffix(".log"))
        self._lives[number] = life
        spec = {
            "life": number,
            "store": store or self._store,
            "dispatch": dispatch,
            "in_flight": in_flight,
            "namespace": namespace,
            "keys": TEST_KEY,
            "lease": lease,
            "grace": 5.0,
            "log": str(life.log),
            "orders": str(life.orders),
            "trap": trap,
            "page_limit": str(page_limit or ""),
        }
        self.say({"spawn": spec})
        return life

    def say(self, order: dict[str, Any]) -> None:
        """Give the nursery an order."""
        assert self._process.stdin is not None
        self._process.stdin.write((json.dumps(order) + "\n").encode())
        self._process.stdin.flush()

    def close(self) -> None:
        """End it; it ends the workers that are left."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=PATIENCE)
        finally:
            self._process.kill()
            self._reader.join()
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        early: dict[int, list[dict[str, Any]]] = {}  # a child may tell something before its parent does
        for raw in self._process.stdout:
            line = json.loads(raw)
            if line["event"] == "ready":
                self._ready.set()
                continue
            with self.news:
                if line["event"] == "spawned":
                    life = self._lives[line["life"]]
                    life.pid = line["child"]
                    self._by_pid[life.pid] = life
                    life.told[:0] = early.pop(life.pid, [])
                elif line["pid"] in self._by_pid:
                    self._by_pid[line["pid"]].told.append(line)
                    if line["event"] == "died":  # the number may be given to another process now
                        del self._by_pid[line["pid"]]
                else:
                    early.setdefault(line["pid"], []).append(line)
                self.news.notify_all()


@dataclass
class Hospital:
    """One store, one centre, workers on demand, and the test's own view of all three."""

    folder: Path
    centre: demo.Process
    nursery: Nursery
    wired: Application
    scripts: dict[str, Script] = field(default_factory=dict)  #: of visits that are played, by their key
    _over: set[str] = field(default_factory=set)
    _seen: dict[str, int] = field(default_factory=dict)  #: event at which there was nothing to do for anybody

    # -- the centre
    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call the centre's control port."""
        url = f"{self.centre.ready['control']}{path}"
        return loads(httpx.request(method, url, json=body, timeout=PATIENCE, trust_env=False).content)

    def fault(self, **fault: Any) -> None:
        """Set a fault at the centre."""
        answer = self.control("POST", "/faults", fault)
        assert "waiting" in answer, answer

    def struck(self, fault: str) -> int:
        """Return how often a fault of this kind has struck."""
        return int(self.control("GET", "/faults")["struck"].count(fault))

    def messages(self, key: str | None = None) -> list[dict[str, Any]]:
        """Return the messages that arrived at the centre, of one visit or of all."""
        arrived: list[dict[str, Any]] = self.control("GET", "/ledger")["messages"]
        return [message for message in arrived if key in (None, message["ipt_otp_no"])]

    # -- our side
    async def visit(self, visit_id: str) -> Visit:
        """Fold a visit's journal."""
        return fold(visit_id, await self.wired.store.history(visit_id))

    async def projections(self) -> list[Projection]:
        """Return all visits."""
        return await self.wired.store.visits(VisitFilter(limit=100_000))

    async def all_closed(self, patience: float = PATIENCE) -> list[Projection]:
        """Wait until every visit is closed; return them."""
        deadline = time.monotonic() + patience
        while True:
            found = await self.projections()
            waiting = [each for each in found if each.status is not Status.CLOSED]
            if not waiting:
                return found
            stand = [(each.key, each.state, each.status.value, each.cause, each.waiting_for) for each in waiting]
            assert time.monotonic() < deadline, f"not closed after {patience} s: {stand}"
            assert all(each.status is not Status.STUCK for each in waiting), f"stuck: {stand}"
            await self.wired.environment.sleep(SECOND // 50)

    async def no_zombies(self) -> None:
        """Assert that nobody is forgotten: each open visit is due, leased, or waits for something until some time."""
        assert await self.wired.store.zombies(self.wired.environment.now(), 60 * SECOND) == []

    async def events(self) -> dict[str, list[AnyEvent]]:
        """Return all journals."""
        store = self.wired.store
        return {
            each.visit_id: [decode(stored.payload) for stored in await store.journal(each.visit_id)]
            for each in await self.projections()
        }

    async def unannounced(self) -> list[dict[str, Any]]:
        """Return the writes that arrived at the centre and whose intent no journal holds."""
        journals = await self.events()
        return truth.unannounced(self.books(), [event for events in journals.values() for event in events])

    async def check(self, *, cancelled: frozenset[str] = frozenset()) -> None:
        """Assert what must hold once every visit is closed, whatever happened before."""
        await self.no_zombies()
        books = self.books()
        assert truth.arrived_twice(books) == []
        assert await self.unannounced() == [], "something was sent whose intent is not in the journal (G1)"
        journals = await self.events()
        for projection in await self.projections():
            key, events = projection.key, journals[projection.visit_id]
            visit = await self.visit(projection.visit_id)
            script = self.scripts.get(key)
            wanted = script.ends if script else "cancelled" if key in cancelled else "discharged"
            assert (projection.state, projection.status) == (wanted, Status.CLOSED), key
            assert truth.blind_repeats(events) == [], key
            truth.compare(visit, events, books, records=script.scenario.records if script else 0)
        report = await rebuild_store(self.wired, repair=False)
        assert report["differences"] == []

    # -- visits that are played
    def books(self) -> dict[str, Any]:
        """Return what the centre's control port shows."""
        shown: dict[str, Any] = self.control("GET", "/ledger")
        return shown

    def begin(self, worker: Worker, scenario: Scenario, key: str) -> None:
        """Have a worker open the visit of a scenario, unless there is one; :meth:`play` goes on with it."""
        if key in self.scripts:
            worker.open(scenario.flow, key, scenario.opening(key, {}))
            return
        self.scripts[key] = Script(scenario)
        known = scenario.before(Desk(self._ask, lambda body: self.control("POST", "/deductions", body)), key)
        worker.open(scenario.flow, key, scenario.opening(key, known))

    def _ask(self, body: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(self.centre.ready["url"], json=body, timeout=PATIENCE, trust_env=False)
        found: dict[str, Any] = loads(answer.content)
        return found

    async def play(self) -> list[Projection]:
        """Do what HIS and people do with the visits that rest now; return those that have not come to their end."""
        left = []
        for projection in await self.projections():
            script = self.scripts.get(projection.key)
            if projection.visit_id in self._over or (script is None and projection.status is Status.CLOSED):
                continue
            left.append(projection)
            resting = projection.status is not Status.READY and self._seen.get(projection.visit_id) != projection.seq
            if script is None or not resting:
                continue
            visit = await self.visit(projection.visit_id)
            if script.over(visit):
                self._over.add(projection.visit_id)
                continue
            with suppress(VisitBusy, TriggerNotLegal, ActionNotLegal):  # a worker was faster: the next time
                if not await script.go_on(self.wired.commands, visit, projection.status, self.books):
                    self._seen[projection.visit_id] = visit.seq
        return left

    async def played_until(self, condition: Callable[[], Awaitable[Any]], what: str) -> None:
        """Play until ``condition`` holds."""

        async def holds() -> Any:
            await self.play()
            return await condition()

        await eventually(holds, what)

    async def all_over(self, patience: float = PATIENCE) -> None:
        """Play until every visit has come to its end."""

        async def over() -> bool:
            return not await self.play()

        await eventually(over, "every visit has come to its end", patience)


def handed_over(key: str) -> dict[str, Any]:
    """Return what a HIS hands over at once: person, lines and invoice; the person exists nowhere."""
    return demo.invented_visit(key, 1 + sum(key.encode()) % 50) | {"invoice_no": f"FP{key}"}


@contextmanager
def _centre(folder: Path, host: str) -> Iterator[demo.Process]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VISITFLOW_")}
    ready = folder / "centre.ready"
    command = [sys.executable, "-m", "simulators.jiangsu", "--host", host, "--port", "0", "--control-port", "0"]
    centre = demo.Process("centre", [*command, "--ready-file", str(ready)], environment, folder / "centre.log", ready)
    centre.start()
    try:
        yield centre
    finally:
        centre.stop()


@dataclass(frozen=True)
class Way:
    """How the workers reach the centre: through its gateway, or through a ``library``."""

    library: Path | None = None

    @property
    def adapter(self) -> str:
        """The adapter's name."""
        return "jiangsu_gateway" if self.library is None else "jiangsu_dll"

    def settings(self, url: str) -> dict[str, Any]:
        """Return what the site says of the adapter."""
        if self.library is None:
            return {"url": url}
        return {
            "library": str(self.library),
            "fixmedins_code": "H32132200561",
            "shortest_call": 0.1,
            "first_pause": 0.1,
            "longest_pause": 0.2,
        }


GATEWAY = Way()


def _site(folder: Path, way: Way, url: str, scenarios: Sequence[Scenario], settling: Mapping[str, Any]) -> Path:
    """Write a site file beside the shipped one: the simulated centre's address, short patience."""
    original = ROOT / "flows.yaml"
    site = tables.load(original.read_text(encoding="utf-8"))
    site["include"] = [str((original.parent / pattern).resolve()) for pattern in site["include"]]
    site["adapters"] = {way.adapter: site["adapters"].get(way.adapter, {}) | way.settings(url)}
    flows = {FLOW: {}} | {each.flow: each.settings for each in scenarios}
    site["flows"], site["schedules"] = list(flows), []  # no sessions: these tests count what happens
    site["overrides"] = {flow: impatient(flow, way.adapter, settings, settling) for flow, settings in flows.items()}
    with (folder / "flows.yaml").open("w", encoding="utf-8") as file:
        yaml.safe_dump(site, file, allow_unicode=True, sort_keys=False)
    return folder / "flows.yaml"


@asynccontextmanager
async def hospital(
    folder: Path,
    store: str,
    *,
    way: Way = GATEWAY,
    scenarios: Sequence[Scenario] = (),
    settling: Mapping[str, Any] = _SETTLING,
    dispatch: str = "embedded",
    host: str = "127.0.0.1",
) -> AsyncIterator[Hospital]:
    """Start a centre and a nursery for the empty, upgraded store at this URL; stop both at the end.

    The outpatients' flow is on, and those of ``scenarios``. ``dispatch`` is that of the test's own commands; the
    centre listens at ``host``.
    """
    with _centre(folder, host) as centre:
        url = centre.ready["url"]
        site = _site(folder, way, url, scenarios, settling)
        nursery = Nursery(folder, site, store, {"VF_DLL_PORT": str(urlsplit(url).port)})
        try:
            settings = Settings(
                store=store,
                site=site,
                exchange_keys=TEST_KEY,
                dispatch=dispatch,
                _env_file=None,  # type: ignore[call-arg]
            )
            async with application(settings) as wired:
                yield Hospital(folder, centre, nursery, wired)
        finally:
            nursery.close()
