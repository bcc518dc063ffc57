"""A disk that is full: what cannot be written down is not sent, everybody is told, and with room it goes on by itself.

For a real worker on SQLite, twice over: the database may not grow (SQLite's own limit: "disk is full"), and the
operating system lets the process write to no file at all, its own log included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest

from engine.environment import SECOND
from tests.crash.hospital import Hospital, Worker, eventually, hospital

LEASE = 1.0
KEYS = [f"DISK{number:02d}" for number in range(8)]

Full = Callable[[Worker, Path], AbstractContextManager[None]]


@contextmanager
def no_page(_worker: Worker, flag: Path) -> Iterator[None]:
    """The database may not grow by a page."""
    flag.touch()
    yield
    flag.unlink()


@contextmanager
def no_byte(worker: Worker, _flag: Path) -> Iterator[None]:
    """No file of the process may grow at all: neither database nor log."""
    process = psutil.Process(worker.pid)
    before = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (0, before[1]))
    yield
    process.rlimit(psutil.RLIMIT_FSIZE, before)


async def given_up_twice(place: Hospital, worker: Worker) -> bool:
    """Tell whether leases have come and gone: each visit has failed again, or nobody can take it any more."""
    now = place.wired.environment.now()
    overdue = await place.wired.store.zombies(now, int(LEASE * SECOND))
    return len(overdue) > 0 or worker.figure("failed") > 2 * len(KEYS)


@pytest.mark.slow
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("full", "words"), [(no_page, "disk is full"), (no_byte, "disk I/O error")])
async def test_a_full_disk_stops_everything_and_room_sets_it_going_again(
    store_url: str, tmp_path: Path, full: Full, words: str
) -> None:
    flag = tmp_path / "full"
    async with hospital(tmp_path, store_url) as place:
        worker = place.nursery.spawn(lease=LEASE, page_limit=flag)
        place.fault(fault="late_reply", transaction="2207", delay=0.5, times=len(KEYS))
        for key in KEYS:
            worker.order(key)

        async def settling() -> bool:
            return place.struck("late_reply") >= 3

        await eventually(settling, "settlements are in the air")
        with full(worker, flag):
            refused = [f"LATE{number:02d}" for number in range(40)]
            for key in refused:
                worker.order(key)
            told = worker.wait_for("refused")
            assert "the write failed" in told["error"]
            assert words in told["error"]
            worker.wait_until(lambda line: line.get("failed", 0) > 0, "a visit in flight fails")
            await eventually(lambda: given_up_twice(place, worker), "leases come and go")
            assert await place.unannounced() == [], "something was sent that could not be written down (G1)"
        await place.all_closed()
        for key in refused:  # what was refused left no trace, and may come again
            worker.order(key)
        await eventually(lambda: _opened(place, KEYS + refused), "visits are opened again")
        await place.all_closed()
        worker.stop()
        await place.check()


async def _opened(place: Hospital, keys: list[str]) -> bool:
    return {each.key for each in await place.projections()} >= set(keys)
