"""The program that is killed: a nursery that imports once, and forks a real worker process for every life.

``python -m tests.crash.worker`` reads JSON lines: ``{"spawn": {...}}`` starts a worker, ``{"signal": 9, "pid": ...}``
signals one of its own children. It writes JSON lines: what the workers tell (each write is one line and shorter than
a pipe's atomic write), and ``died`` with the exit status. A worker composes the same application as ``serve`` and runs
the real runner; a *trap* kills or stops its own process at one point of one operation of one visit.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import select
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import psycopg
import structlog
from sqlalchemy.engine import Connection

from engine.environment import SECOND
from engine.errors import VisitflowError
from engine.faultpoints import FaultPoint
from engine.store import Status
from flows import Site, load_catalogue, load_site
from service.application import Application, application
from service.settings import Settings
from service.tuning import tune_collector
from storage import SqlStore
from storage.group_commit import GroupCommit, Request
from storage.hot import driver_of
from storage.jobs import AppendJob, Job, OtherJob
from tests.crash.network import enter

_LOOK_EVERY = 0.01


def tell(event: str, **more: Any) -> None:
    """Write one line to whoever started the nursery."""
    os.write(1, (json.dumps({"event": event, "pid": os.getpid(), **more}) + "\n").encode())


class Trap:
    """Springs once: at one point of the ``number``-th call of one operation of one visit, the process kills or stops
    itself."""

    def __init__(self, spec: dict[str, Any] | None) -> None:
        self.armed = spec is not None
        self.spec = spec or {}
        self.visit: str | None = self.spec.get("visit")
        self.passed = 0
        self.wired: Application | None = None

    def hook(self, point: FaultPoint, operation: str) -> None:
        """Stand in for the engine's empty hook. The runner names each visit's task by its id."""
        if not self.armed or (point, operation) != (self.spec["point"], self.spec["operation"]):
            return
        task = asyncio.current_task()
        if task is None or task.get_name() != self.visit:
            return
        self.passed += 1
        if self.passed < self.spec.get("number", 1):
            return
        self.armed = False
        tell("trapped", visit=self.visit, point=point, operation=operation)
        if self.spec["action"] == "stop_writing":
            assert self.wired is not None
            _stop_inside_the_next_write(self.wired, self.visit)
            return
        if self.spec["action"] == "stop":
            assert self.wired is not None
            _finish_writes(self.wired)
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        os.kill(os.getpid(), signal.SIGKILL)


def _finish_writes(wired: Application) -> None:
    """Wait until the writer has nothing left. The event loop stands still meanwhile, so nothing new comes.

    A process that is stopped inside a transaction keeps its locks; that is another story than a lease that runs out.
    """
    store = wired.store
    assert isinstance(store, SqlStore)
    commits: queue.SimpleQueue[int] = queue.SimpleQueue()
    last = OtherJob(lambda _connection: commits.put(store.figures.commits))
    store._writer._queue.put([Request(last, asyncio.get_running_loop().create_future())])
    before = commits.get()
    while store.figures.commits == before:
        time.sleep(0.001)


def _stop_inside_the_next_write(wired: Application, visit: str | None) -> None:
    """Let the writer thread stop the process when the visit's next events are written and not yet committed."""
    store = wired.store
    assert isinstance(store, SqlStore)
    ordinary = store._writer._perform

    def perform(connection: Connection, batch: Sequence[Request[Job]]) -> None:
        ordinary(connection, batch)
        if any(isinstance(each.job, AppendJob) and each.job.append.lease.visit_id == visit for each in batch):
            store._writer._perform = ordinary
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # this thread first: not one statement more

    store._writer._perform = perform


def _limit_pages(flag: Path) -> None:
    """While ``flag`` exists, no SQLite database of this process may grow: the page count is held where it is."""

    ordinary = GroupCommit._transaction

    def limited(self: GroupCommit[Job], connection: Connection) -> AbstractContextManager[None]:
        most = 1 if flag.exists() else 1_000_000_000
        driver_of(connection).execute(f"PRAGMA max_page_count={most}")
        return ordinary(self, connection)

    GroupCommit._transaction = limited  # type: ignore[method-assign]


async def _live(spec: dict[str, Any], site: Site) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = Settings(
        store=spec["store"],
        exchange_keys=spec["keys"],
        lease_seconds=spec["lease"],
        grace_seconds=spec["grace"],
        dispatch=spec["dispatch"],
        in_flight=spec["in_flight"],
        _env_file=None,  # type: ignore[call-arg]
    )
    trap = Trap(spec.get("trap"))
    async with application(settings, site=site, hook=trap.hook) as wired:
        trap.wired = wired
        # A serving process is woken by its own commands; tests hand visits over through the store as well.
        wired.runner.settings = replace(wired.runner.settings, poll=SECOND // 50)
        tune_collector()
        await wired.runner.start()
        tell("started", worker=wired.runner.worker, taken_over=wired.runner.figures.taken_over)
        following = [
            asyncio.create_task(_obey(Path(spec["orders"]), wired, trap)),
            asyncio.create_task(_report(wired)),
            asyncio.create_task(_keep_peers(wired)),
        ]
        await stop.wait()
        await wired.runner.stop()
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        tell("stopped", **asdict(wired.runner.figures))


async def _keep_peers(wired: Application) -> None:
    """Call back what waits for a peer, as a serving process does."""
    while True:
        try:
            await wired.peers.run()
        except VisitflowError as error:  # the database is away
            structlog.get_logger("visitflow").info("peers_not_kept", error=error.message)
            await asyncio.sleep(1.0)


async def _obey(orders: Path, wired: Application, trap: Trap) -> None:
    """Carry out the lines of the orders file, and those that are added later, each by itself."""
    done, tasks = 0, set()
    while True:
        text = orders.read_text(encoding="utf-8") if orders.exists() else ""
        lines = text[: text.rfind("\n") + 1].splitlines()
        for line in lines[done:]:
            task = asyncio.create_task(_carry_out(json.loads(line), wired, trap))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        done = len(lines)
        await asyncio.sleep(_LOOK_EVERY)


async def _carry_out(order: dict[str, Any], wired: Application, trap: Trap) -> None:
    key = order["key"]
    try:
        projection, _ = await wired.commands.open(order["flow"], key, order["data"], "HIS")
        visit = projection.visit_id
        if trap.spec.get("key") == key:
            trap.visit = visit
        tell("opened", key=key, visit=visit)
        if order["cancel"]:
            while (await wired.store.get(visit)).status is not Status.CLOSED:
                await asyncio.sleep(_LOOK_EVERY)
            await wired.commands.cancel(visit, "supervisor", "wrong number")
            tell("cancelling", key=key, visit=visit)
    except VisitflowError as error:
        tell("refused", key=key, error=error.message)


async def _report(wired: Application) -> None:
    """Tell the runner's figures whenever they change."""
    told: dict[str, int] = {}
    while True:
        if told != (figures := asdict(wired.runner.figures)):
            told = figures
            tell("figures", **figures)
            tell("fleet", **wired.runner.dispatch.counts())
        await asyncio.sleep(_LOOK_EVERY)


# -- the nursery
def _spawn(spec: dict[str, Any], site: Site) -> int:
    """Fork a worker; return its process id. Nothing is open yet that two processes must not share."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        if spec.get("namespace"):
            enter(spec["namespace"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        log = os.open(spec["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 2)
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=False),
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(20),
            logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        )
        if spec.get("page_limit"):
            _limit_pages(Path(spec["page_limit"]))
        asyncio.run(_live(spec, site))
        code = 0
    except BaseException as error:
        tell("failed", error=f"{type(error).__name__}: {error}")
        raise
    finally:
        with suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def _reap(children: set[int]) -> None:
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            children.discard(pid)
            line = {"event": "died", "pid": pid, "code": os.waitstatus_to_exitcode(status)}
            os.write(1, (json.dumps(line) + "\n").encode())


def main() -> None:
    """Serve until standard input ends; then end the workers that are left."""
    site, catalogue = load_site(sys.argv[1]), load_catalogue()
    imported = [*catalogue.modules.values(), *catalogue.adapters.values()]
    assert imported, "before the first fork, so that no life has to"
    assert psycopg.pq.version(), "the same for the driver"
    children: set[int] = set()
    pending = b""
    tell("ready")
    try:
        while True:
            readable, _, _ = select.select([0], [], [], 0.01)
            if readable:
                received = os.read(0, 65536)
                if not received:
                    return
                *lines, pending = (pending + received).split(b"\n")
                for line in lines:
                    order = json.loads(line)
                    if "spawn" in order:
                        pid = _spawn(order["spawn"], site)
                        children.add(pid)
                        tell("spawned", life=order["spawn"]["life"], child=pid)
                    elif order["pid"] in children:
                        os.kill(order["pid"], order["signal"])
            _reap(children)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
