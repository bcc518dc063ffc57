"""Connections cut at each phase, on a real socket: when it broke decides (DESIGN, 6). And where the guard is asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from engine.environment import SECOND
from engine.outcomes import Done, InDoubt, NotSent
from tests.adapters.neimenggu.centre import Desk
from tests.adapters.neimenggu.examples import PDF
from tests.patience import PATIENCE

GOOD = b'{"code": 0, "msg": ""}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def centre_that(serve: Serve) -> AsyncIterator[Desk]:
    """A desk that is logged in, at a server of bytes that does ``serve`` with each connection."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    logging_in = Desk()
    assert isinstance(await logging_in.call("log_in"), Done)
    real = httpx.AsyncHTTPTransport()
    settings = {"url": f"http://127.0.0.1:{port}/nm-his", "log_out_after": None}
    desk = Desk(logging_in.environment, logging_in.centre, logging_in.book, logging_in.shelf, settings, real)
    await desk.shelf.add(PDF, "application/pdf", "发票.pdf", 0)
    try:
        yield desk
    finally:
        await desk.adapter.close()
        server.close()
        await server.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    return head + await reader.readexactly(length)


async def at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hang up as soon as somebody calls."""


async def after_the_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def after_the_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def reset_after_the_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.transport.abort()


async def in_the_answers_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(HEAD[:20])
    await writer.drain()


async def in_the_answers_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(HEAD % len(GOOD) + GOOD[:10])
    await writer.drain()


async def no_http_at_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"220 smtp ready\r\n")
    await writer.drain()


async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await reader.read()


async def well(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(HEAD % len(GOOD) + GOOD)
    await writer.drain()


CUTS = [
    at_once,
    after_the_head,
    after_the_request,
    reset_after_the_request,
    in_the_answers_head,
    in_the_answers_body,
    no_http_at_all,
    never,
]


@pytest.mark.parametrize("serve", CUTS, ids=lambda serve: serve.__name__)
@pytest.mark.parametrize("operation", ["upload_lines", "send_material", "list_stays"])
async def test_cut_after_the_first_byte_is_in_doubt(serve: Serve, operation: str) -> None:
    async with centre_that(serve) as desk:
        timeout = SECOND // 5 if serve is never else 5 * SECOND
        outcome = await desk.call(operation, timeout=timeout)
    assert isinstance(outcome, InDoubt), outcome


@pytest.mark.parametrize("operation", ["upload_lines", "send_material"])
async def test_well(operation: str) -> None:
    async with centre_that(well) as desk:
        outcome = await desk.call(operation)
    assert isinstance(outcome, Done if operation == "send_material" else Done | InDoubt)


@pytest.mark.parametrize("operation", ["upload_lines", "send_material"])
async def test_nobody_listens(operation: str) -> None:
    async with centre_that(well) as desk:
        gone = Desk(
            desk.environment, desk.centre, desk.book, desk.shelf, {"url": "http://127.0.0.1:9/nm-his"}, desk.transport
        )
        assert isinstance(await gone.call(operation), NotSent)


@pytest.mark.parametrize("operation", ["upload_lines", "send_material"])
@pytest.mark.parametrize("asked", range(1, 6))
async def test_the_guard_is_asked_up_to_the_last_moment(operation: str, asked: int) -> None:
    """Before logging in, before sending, when the connection stands, before the body: a request without it is none."""
    arrived: list[bytes] = []
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            arrived.append(await reader.readuntil(b"\r\n\r\n"))
            arrived.append(await reader.readexactly(1))
            writer.write(HEAD % len(GOOD) + GOOD)
            await writer.drain()
        closed.set()

    answers = iter([True] * (asked - 1) + [False] * 9)
    async with centre_that(serve) as desk:
        outcome: Any = await desk.call(operation, guard=lambda: next(answers))
        if asked <= 4:
            assert isinstance(outcome, NotSent), outcome
            assert outcome.reason == "lease lost"
            if asked >= 3:
                await asyncio.wait_for(closed.wait(), PATIENCE)
            assert len(arrived) == (1 if asked == 4 else 0), "at most the headers"
        else:
            assert len(arrived) == 2
            assert not isinstance(outcome, NotSent)
