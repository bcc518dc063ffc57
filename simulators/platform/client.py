"""A small HTTP client on asyncio streams: connections are kept, and can be dropped where no other client would."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from urllib.parse import urlsplit

_KEPT = 256


class NoAnswer(Exception):
    """Nothing came back, or not all of it."""


@dataclass
class _Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def close(self) -> None:
        self.writer.transport.abort()


class Client:
    """One for all hosts."""

    def __init__(self) -> None:
        """Nothing is open yet."""
        self._idle: dict[tuple[str, int], deque[_Line]] = {}

    async def post(self, url: str, body: bytes, limit: float, *, read: bool = True) -> tuple[int, bytes]:
        """Post JSON; return status and body. Not ``read``: hang up once it is sent. Raises NoAnswer."""
        parts = urlsplit(url)
        at = parts.hostname or "127.0.0.1", parts.port or 80
        head = (
            f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {at[0]}:{at[1]}\r\n"
            f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        line: _Line | None = None
        try:
            async with asyncio.timeout(limit):
                line = await self._open(at)
                line.writer.write(head.encode() + body)
                await line.writer.drain()
                if not read:
                    line.writer.close()
                    raise NoAnswer("hung up")
                status, answer, keep = await _answer(line.reader)
        except BaseException as error:
            if line is not None and not isinstance(error, NoAnswer):
                line.close()
            if isinstance(error, OSError | EOFError | ValueError | TimeoutError):
                raise NoAnswer(type(error).__name__) from None
            raise
        if keep and len(idle := self._idle.setdefault(at, deque())) < _KEPT:
            idle.append(line)
        else:
            line.close()
        return status, answer

    def close(self) -> None:
        """Close what is idle."""
        for lines in self._idle.values():
            for line in lines:
                line.close()
        self._idle.clear()

    async def _open(self, at: tuple[str, int]) -> _Line:
        idle = self._idle.get(at, deque())
        while idle:
            line = idle.pop()
            if not line.reader.at_eof() and not line.writer.is_closing():
                return line
            line.close()
        return _Line(*await asyncio.open_connection(*at))


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ", 2)[1])
    headers = {name.strip().lower(): value.strip() for name, _, value in (row.partition(":") for row in head[1:-2])}
    keep = headers.get("connection", "").lower() != "close"
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return status, await _chunks(reader), keep
    if "content-length" in headers:
        return status, await reader.readexactly(int(headers["content-length"])), keep
    return status, await reader.read(), False


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return bytes(body)
