"""A small HTTP server on asyncio streams, because a real one will not cut a connection in the middle of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import h11

_LIMIT = 64_000_000  #: documents come as base64 in a message


@dataclass(frozen=True)
class Request:
    """One request."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)  #: names in lower case
    last: bool = False  #: the client wants the connection closed afterwards

    @property
    def target(self) -> tuple[str, dict[str, str]]:
        """Return the path and what its query says."""
        path, _, query = self.path.partition("?")
        return path, dict(parse_qsl(query, keep_blank_values=True))


@dataclass(frozen=True)
class Response:
    """One answer. ``promised`` is the Content-Length when it shall differ from what is sent."""

    body: bytes
    status: int = 200
    content_type: str = "application/json; charset=utf-8"
    promised: int | None = None
    headers: tuple[tuple[str, str], ...] = ()


#: Returns the answer, or None to cut the connection without one.
Handler = Callable[[Request], Awaitable[Response | None]]


class Server:
    """Serves one handler on one loopback port."""

    def __init__(self, handler: Handler) -> None:
        """``handler`` answers every request."""
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port."""
        self._server = await asyncio.start_server(self._accept, host, port)
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def stop(self) -> None:
        """Close everything at once, also what hangs."""
        if self._server is not None:
            self._server.close()
        for task in list(self._open):
            task.cancel()
        if self._open:
            await asyncio.wait(self._open, timeout=2)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, h11.RemoteProtocolError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read a request, answer it; False when the connection shall end."""
        connection = h11.Connection(h11.SERVER)
        request = await _read(connection, reader)
        if request is None:
            return False
        response = await self._handler(request)
        if response is None:
            transport = writer.transport
            transport.abort()  # reset: the client sees the connection die, not end
            return False
        promised = len(response.body) if response.promised is None else response.promised
        head = h11.Response(
            status_code=response.status,
            headers=[
                ("Content-Type", response.content_type),
                ("Content-Length", str(promised)),
                *response.headers,
                *([("Connection", "close")] if request.last else []),
            ],
        )
        writer.write(connection.send(head) or b"")
        writer.write(response.body)
        await writer.drain()
        return promised == len(response.body) and not request.last


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> Request | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            received = await reader.read(65536)
            if not received and head is None:
                return None
            connection.receive_data(received)
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _LIMIT:
                return None
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            headers = {name.decode().lower(): value.decode("latin-1") for name, value in head.headers}
            last = head.http_version != b"1.1" or "close" in headers.get("connection", "").lower()
            return Request(head.method.decode(), head.target.decode(), bytes(body), headers, last)
        else:
            return None
