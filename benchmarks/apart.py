"""Run one measurement in a process of its own, so that none inherits another's memory, threads or warm caches."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import parse_qs, urlsplit

import psutil

P = ParamSpec("P")
T = TypeVar("T")


def apart(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what ``function`` returns in a new process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *args, **kwargs).result()


@dataclass(frozen=True, slots=True)
class Spent:
    """What this process has used between two moments."""

    seconds: float
    cpu: float  #: seconds of all threads, user and system
    own: float  #: of these, seconds of the thread that measures (the event loop's)
    written: int  #: bytes handed to write calls


class Meter:
    """Begins to measure when made."""

    def __init__(self) -> None:
        self._written = written()
        self._cpu = time.process_time()
        self._own = time.thread_time()
        self._began = time.perf_counter()

    def stop(self) -> Spent:
        """Return what was used since."""
        seconds = time.perf_counter() - self._began
        cpu, own = time.process_time() - self._cpu, time.thread_time() - self._own
        return Spent(seconds, cpu, own, written() - self._written)


def server_cpu(url: str) -> float:
    """Return the seconds of processor that a PostgreSQL server of ours has used so far, 0 for another or none."""
    folder = parse_qs(urlsplit(url).query).get("host", [""])[0]
    file = Path(folder) / "postmaster.pid"
    if not folder or not file.exists():
        return 0.0
    return tree_cpu(int(file.read_text(encoding="ascii").split()[0]))


def tree_cpu(pid: int) -> float:
    """Return the seconds of processor that a process, its children, and those that have ended, have used so far."""
    parent = psutil.Process(pid)
    ended = parent.cpu_times()
    used = ended.children_user + ended.children_system
    for process in (parent, *parent.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used += times.user + times.system
    return float(used)


def written() -> int:
    """Return the bytes that this process has handed to write calls, 0 where the system does not count them."""
    try:
        text = Path("/proc/self/io").read_text(encoding="ascii")
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("wchar"))


def peak_memory(pid: int | None = None) -> int:
    """Return the largest resident size that a process, or this one, has had so far, in bytes."""
    for line in Path(f"/proc/{pid or 'self'}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def sync_micros(folder: Path, rounds: int = 300) -> float:
    """Return how many microseconds the folder's disk takes, in the middle, to make 4 KB durable."""
    path = folder / "sync.probe"
    handle = os.open(path, os.O_CREAT | os.O_WRONLY)
    taken = []
    try:
        for _ in range(rounds):
            os.write(handle, b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(handle)
            taken.append(time.perf_counter() - began)
    finally:
        os.close(handle)
        path.unlink()
    return sorted(taken)[rounds // 2] * 1e6
