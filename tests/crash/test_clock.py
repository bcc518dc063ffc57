"""Two real processes with the same schedules: one keeps the time, also when it is stopped, woken or killed."""

from __future__ import annotations

import datetime
import itertools
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.environment import SECOND
from storage import SqlStore, Vault, open_store
from storage.registers import ScheduleRun, open_registers
from tests.conftest import DURABLE
from tests.crash.clockwork import LEASE_SECONDS
from tests.jiangsu import ROOT
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow
Line = dict[str, Any]


class Clockwork:
    """One process, and what it has told."""

    def __init__(self, folder: Path, name: str, store: str, at: str, hold: Path) -> None:
        self.out, self.log = folder / f"{name}.out", folder / f"{name}.log"
        command = [sys.executable, "-m", "tests.crash.clockwork", "--store", store, "--at", at, "--hold", str(hold)]
        with self.out.open("wb") as out, self.log.open("wb") as log:
            self.child = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=log, stdin=subprocess.DEVNULL)

    def lines(self, what: str, job: str | None = None) -> list[Line]:
        text = self.out.read_text(encoding="utf-8")
        found = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return [line for line in found if line["what"] == what and job in (None, line.get("job"))]

    def logged(self, event: str) -> bool:
        return f'"event": "{event}"' in self.log.read_text(encoding="utf-8")

    def stop_between_writes(self, store: str) -> None:
        """Stop the process where it holds no lock of the database's.

        A file has one lock for all writers and no server that could take it back, so that a process stopped inside a
        write holds up everyone until it is woken or killed (docs/operations.md). PostgreSQL ends such a write itself.
        """
        self.child.send_signal(signal.SIGSTOP)
        while store.startswith("sqlite") and not is_free(Path(store.removeprefix("sqlite:///"))):
            self.child.send_signal(signal.SIGCONT)
            time.sleep(0.005)
            self.child.send_signal(signal.SIGSTOP)

    def end(self) -> None:
        for number in (signal.SIGKILL, signal.SIGCONT):
            if self.child.poll() is None:
                self.child.send_signal(number)
        self.child.wait()


def is_free(database: Path) -> bool:
    """Tell whether a write can begin; one that is merely under way is given time to end."""
    connection = sqlite3.connect(database, timeout=1.0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def until(reached: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)


@contextmanager
def two(folder: Path, store: str, hold: Path, soon: float) -> Iterator[tuple[Clockwork, Clockwork]]:
    """Start two processes, the first of which keeps the time; ``once`` is due in so many seconds."""
    due = datetime.datetime.now(ZoneInfo("Asia/Shanghai")) + datetime.timedelta(seconds=soon)
    at = f"{due:%H:%M:%S}"
    first = Clockwork(folder, "first", store, at, hold)
    until(lambda: first.lines("started"), "the first starts")
    second = Clockwork(folder, "second", store, at, hold)
    try:
        until(lambda: second.lines("started"), "the second starts")
        assert [each.lines("started")[0]["keeps_time"] for each in (first, second)] == [True, False]
        yield first, second
    finally:
        first.end()
        second.end()


async def runs_of(store_url: str, vault: Vault, schedule: str) -> list[ScheduleRun]:
    store = open_store(store_url, vault)
    assert isinstance(store, SqlStore)
    await store.start()
    try:
        return (await open_registers(store).schedules.runs(schedule, None, 1000))[::-1]
    finally:
        await store.close()


def assert_never_two_at_once(*processes: Clockwork, job: str, frozen: float | None = None) -> None:
    """Hold what the processes' own clocks say of beginnings and ends: one after the other.

    ``frozen`` is when the first was stopped: the run that it was in then ends when it is woken, whatever has been done
    meanwhile. That no record can prevent; it is why a run opens a visit by a key.
    """
    spans = []
    for each in processes:
        ends = [line["at"] for line in each.lines("end", job)]
        for begin in (line["at"] for line in each.lines("begin", job)):
            end = next((at for at in ends if at > begin), None)
            if end is not None and not (frozen is not None and each is processes[0] and begin < frozen < end):
                spans.append((begin, end))
    spans.sort()
    assert len(spans) >= 4
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))


@pytest.mark.parametrize("store_url", DURABLE, indirect=True)
async def test_a_clock_that_is_stopped_in_the_middle_of_a_run(store_url: str, tmp_path: Path, vault: Vault) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    with two(tmp_path, store_url, hold, soon=20) as (first, second):
        until(lambda: first.lines("begin", "once"), "the run begins")
        first.stop_between_writes(store_url)
        stopped = time.monotonic()
        until(lambda: second.lines("begin", "once"), "the other takes the run over")
        took = second.lines("begin", "once")[0]["at"] - stopped
        assert LEASE_SECONDS * 0.5 < took < PATIENCE, "not before the leases have run out"
        hold.unlink()
        until(lambda: second.lines("end", "once"), "the run ends")
        until(lambda: second.lines("end", "tick"), "it keeps the time for all schedules")
        first.child.send_signal(signal.SIGCONT)
        until(lambda: first.logged("schedule_lost") and first.logged("clock_lost"), "the sleeper sees what it lost")
        woken = time.monotonic()
        until(lambda: len([each for each in second.lines("end", "tick") if each["at"] > woken]) >= 3, "three ticks")
        assert [each for each in first.lines("begin") if each["at"] > woken] == [], "it stands by"
        second.child.send_signal(signal.SIGKILL)
        second.child.wait()
        killed = time.monotonic()
        until(lambda: [each for each in first.lines("end", "tick") if each["at"] > killed], "it takes over again")
        assert len(first.lines("begin", "once")) == len(second.lines("begin", "once")) == 1
    (once,) = await runs_of(store_url, vault, "once")
    assert (once.result, once.attempts, once.holder) == ("done", 2, second.lines("started")[0]["worker"])
    assert_never_two_at_once(first, second, job="tick", frozen=stopped)
    ticks = await runs_of(store_url, vault, "tick")
    assert len({each.due_at for each in ticks}) == len(ticks) >= 4
    for before, after in itertools.pairwise(ticks):
        assert before.ended_at is None or before.ended_at <= after.began_at, "one after the other, on record as well"
        assert (after.due_at - before.due_at) % SECOND == 0


@pytest.mark.parametrize("store_url", DURABLE, indirect=True)
async def test_a_clock_that_is_killed_is_followed_at_once(store_url: str, tmp_path: Path, vault: Vault) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    with two(tmp_path, store_url, hold, soon=20) as (first, second):
        until(lambda: first.lines("begin", "once"), "the run begins")
        first.child.send_signal(signal.SIGKILL)
        first.child.wait()
        until(lambda: second.lines("begin", "once"), "the other takes the run over")
        hold.unlink()
        until(lambda: second.lines("end", "once"), "the run ends")
        until(lambda: second.lines("end", "tick"), "it keeps the time")
    (once,) = await runs_of(store_url, vault, "once")
    assert (once.result, once.attempts) == ("done", 2)
    assert_never_two_at_once(first, second, job="tick")
