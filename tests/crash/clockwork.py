"""A process with schedules, for tests that stop it and end it: ``python -m tests.crash.clockwork --store URL ...``.

Two schedules: ``once``, at a time of today, whose job lasts as long as the file ``hold`` is there, and ``tick``, every
second. Each job tells when it begins and ends on a line of standard output; the clock is one for all processes.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from engine.environment import SECOND
from flows import load_site
from flows.schedules import Schedule
from service.application import Application, application
from service.jobs import Job
from service.scheduling import Scheduler
from service.scheduling import scheduler as scheduling
from service.settings import Settings
from tests.conftest import TEST_KEY
from tests.jiangsu import ROOT

LEASE_SECONDS = 1.5


def tell(what: str, **more: Any) -> None:
    """Write a line that the test reads."""
    print(json.dumps({"what": what, "pid": os.getpid(), "at": time.monotonic(), **more}), flush=True)


def schedules(at: str) -> list[Schedule]:
    """Return both; the second runs more often than a site may declare."""
    once = Schedule.model_validate({"name": "once", "at": at, "job": "once"})
    tick = Schedule.model_validate({"name": "tick", "every": "10s", "job": "tick"})
    return [once, tick.model_copy(update={"every": SECOND})]


def jobs(hold: Path) -> dict[str, Job]:
    """Return what they do."""

    async def once(_made: Application, _day: datetime.date) -> None:
        tell("begin", job="once")
        while hold.exists():
            await asyncio.sleep(0.02)
        tell("end", job="once")

    async def tick(_made: Application, _day: datetime.date) -> None:
        tell("begin", job="tick")
        await asyncio.sleep(0.05)
        tell("end", job="tick")

    return {"once": Job(once), "tick": Job(tick)}


async def work(store: str, at: str, hold: Path) -> None:
    """Keep the time, or stand by, until the process is ended."""
    site = replace(load_site(ROOT / "flows.yaml"), schedules=schedules(at))
    settings = Settings(  # type: ignore[call-arg]
        store=store,
        exchange_keys=TEST_KEY,  # type: ignore[arg-type]
        lease_seconds=LEASE_SECONDS,
        _env_file=None,
    )
    async with application(settings, site=site) as wired:
        await wired.runner.start()
        scheduler = Scheduler(wired, jobs(hold))
        await scheduler.start()
        tell("started", worker=wired.runner.worker, keeps_time=scheduler.keeps_time)
        await asyncio.Event().wait()


def main() -> None:
    """Read the command line and work."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", required=True)
    parser.add_argument("--at", required=True)
    parser.add_argument("--hold", type=Path, required=True)
    arguments = parser.parse_args()
    scheduling._TURN_SECONDS = 0.1
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    asyncio.run(work(arguments.store, arguments.at, arguments.hold))


if __name__ == "__main__":
    main()
