"""The way from one worker to the database, which can be cut, or held up: a small TCP proxy in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.patience import PATIENCE

_CHUNK = 65536


class Door:
    """Listens on a free port of this host and passes on to the server of ``url``.

    ``shut``: all connections die, new ones are refused. ``hold``: nothing is lost and nothing gets through, as on a
    network that drops packets for a while. ``open``: what was held goes on.
    """

    def __init__(self, url: str, here: str = "127.0.0.1") -> None:
        """``url``: of a database, on a host and port or behind a Unix socket; ``here``: the address to listen on."""
        self._here = here
        parts = urlsplit(url)
        self._folder = parse_qs(parts.query).get("host", [""])[0]
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 5432
        self._login = f"{parts.username or 'postgres'}" + (f":{parts.password}" if parts.password else "")
        self._database = parts.path
        self._shut = False
        self._passing: asyncio.Event
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._listening = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._serve()], daemon=True)
        self._ended: asyncio.Event
        self.port = 0

    def __enter__(self) -> Door:
        self._thread.start()
        assert self._listening.wait(PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(PATIENCE)
        self._loop.close()

    @property
    def url(self) -> str:
        """Return the database's URL through the door."""
        return f"postgresql://{self._login}@{self._here}:{self.port}{self._database}"

    def shut(self) -> None:
        """Cut all connections, refuse new ones."""
        self._do(self._cut)

    def hold(self) -> None:
        """Let nothing through."""
        self._do(self._passing.clear)

    def open(self) -> None:
        """Let everything through again."""
        self._do(self._reopen)

    def _do(self, act: Callable[[], None]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (act(), done.set()))
        assert done.wait(PATIENCE)

    def _cut(self) -> None:
        self._shut = True
        for writer in self._writers:
            writer.transport.abort()

    def _reopen(self) -> None:
        self._shut = False
        self._passing.set()

    async def _serve(self) -> None:
        self._passing, self._ended = asyncio.Event(), asyncio.Event()
        self._passing.set()
        server = await asyncio.start_server(self._accepted, self._here, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._ended.wait()
        server.close()
        self._cut()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._shut:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            if self._folder:
                there = await asyncio.open_unix_connection(f"{self._folder}/.s.PGSQL.{self._port}")
            else:
                there = await asyncio.open_connection(self._host, self._port)
        except OSError:  # the server is away
            self._writers.discard(writer)
            writer.transport.abort()
            return
        self._writers.add(there[1])
        self._begin(self._pump(reader, there[1]))
        self._begin(self._pump(there[0], writer))

    def _begin(self, pump: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(pump)
        self._pumps.add(task)
        task.add_done_callback(self._pumps.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(_CHUNK):
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            with suppress(OSError, RuntimeError):
                writer.close()
