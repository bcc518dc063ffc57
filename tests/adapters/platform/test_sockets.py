"""Broken connections on a real socket: when it broke decides (DESIGN, 6), for a refund as for a notice to the HIS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from adapters.hospital import HospitalPort
from adapters.platform import PlatformClient
from adapters.platform.contracts import dumps
from engine.adapter import Call
from engine.environment import SECOND
from engine.outcomes import Done, InDoubt, NotSent, Outcome
from tests.adapters.platform.peers import methods, reply_of, request_of

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BOTH = [(PlatformClient, "13.2.1"), (HospitalPort, "3.1.2")]


@asynccontextmanager
async def peer_that(serve: Serve) -> AsyncIterator[str]:
    """The address of a server that does ``serve`` with each connection."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    await reader.readexactly(int(lengths[0].split(b":")[1]))


async def make(side: type[PlatformClient | HospitalPort], operation: str, url: str, timeout: int = 5) -> Outcome:
    adapter = side.from_settings({"url": url, "read_timeout": 0.3})
    method = methods(adapter)[operation]
    try:
        return await adapter.call(Call(operation, request_of(method), "M", timeout * SECOND, lambda: True))
    finally:
        await adapter.close()


def good(operation: str, side: type[PlatformClient | HospitalPort]) -> bytes:
    body = dumps(reply_of(methods(side.from_settings({}))[operation])).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(("side", "operation"), BOTH)
async def test_phases(side: type[PlatformClient | HospitalPort], operation: str) -> None:
    answer = good(operation, side)

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(answer)
        await writer.drain()

    async def closes_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        return

    async def closes_after_the_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)

    async def closes_in_the_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(answer[:-9])
        await writer.drain()

    async def is_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        await reader.read()  # until the other side gives up

    for serve, expected in (
        (answers, Done),
        (closes_at_once, InDoubt),
        (closes_after_the_request, InDoubt),
        (closes_in_the_answer, InDoubt),
        (is_silent, InDoubt),
    ):
        async with peer_that(serve) as url:
            outcome = await make(side, operation, url)
            assert isinstance(outcome, expected), (serve.__name__, outcome)
    assert isinstance(await make(side, operation, url), NotSent)  # nobody listens there any more
    assert isinstance(await make(side, operation, url, timeout=0), NotSent)
