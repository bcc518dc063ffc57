"""Which processes there are: who am I, and is that one still alive? Tests own the answers."""

from __future__ import annotations

import socket
from typing import Protocol

import psutil

from engine.environment import SECOND, Micros
from engine.store import Worker


class Processes(Protocol):
    """The processes that may hold leases."""

    def host(self) -> str:
        """Return the name of this host."""

    def described(self, worker: str, now: Micros) -> Worker:
        """Return this process as others may recognise it, under the name ``worker``."""

    def alive(self, worker: Worker) -> bool:
        """Tell whether a process of this host still runs."""


class SystemProcesses:
    """The real thing, by process number and start time."""

    def host(self) -> str:
        """Return the host's name."""
        return socket.gethostname()

    def described(self, worker: str, now: Micros) -> Worker:
        """Return this process."""
        process = psutil.Process()
        return Worker(worker, self.host(), process.pid, int(process.create_time() * SECOND), now)

    def alive(self, worker: Worker) -> bool:
        """Tell whether a worker's process still runs: same number, and started at the same time."""
        try:
            process = psutil.Process(worker.pid)
            same = abs(int(process.create_time() * SECOND) - worker.process_started) < 2 * SECOND
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True
