"""Server-Sent Events: one visit, or the board. A stream holds a position and nothing else.

``id`` is the event's number in the visit's journal, or its place in the feed; a browser that comes back sends it as
Last-Event-ID and misses nothing. What was forgotten meanwhile is said (``event: reset``): read the list anew.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from engine.errors import BadInput
from engine.events import decode
from engine.store import StoredEvent
from service.api.desk import MOST_STREAMS, MOST_STREAMS_EACH, Desk, caller_of, desk_of
from service.errors import TooManyStreams
from service.views import moment

router = APIRouter(prefix="/api/v1", tags=["streams"])

#: Seconds between two signs of life; then it is also asked whether the caller may still listen.
KEEP_ALIVE = 15.0
_PAGE = 100
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_SHOWN = ("trigger", "source", "dest", "target", "state", "operation", "outcome", "verdict", "cause", "by", "timer")

#: Returns events after a position, as (id, name, data); an empty list when there are none.
Look = Callable[[int], Awaitable[list[tuple[int, str, dict[str, Any]]]]]


def progress(stored: StoredEvent) -> dict[str, Any]:
    """Return what a stream says of an event: what happened, nothing that may be personal."""
    event = decode(stored.payload).model_dump(mode="json", exclude_none=True)
    return {"seq": stored.seq, "at": moment(stored.at), "kind": stored.kind} | {
        name: event[name] for name in _SHOWN if event.get(name)
    }


def position_of(told: str | None, asked: int | None) -> int | None:
    """Return where a listener was. Raises BadInput."""
    if told is None:
        return asked
    if not told.isdecimal() or len(told) > 18:
        raise BadInput("expected the id of an event", field="Last-Event-ID")
    return int(told)


@router.get("/visits/{visit}/events", response_class=StreamingResponse)
async def visit_events(
    request: Request,
    visit: str,
    after: Annotated[int | None, Query(ge=0, le=10**15, description="event number; default: the beginning")] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Follow one visit; the id is the event's number in its journal."""
    desk = desk_of(request)
    begin = position_of(last_event_id, after) or 0
    await desk.store.get(visit)

    async def look(seq: int) -> list[tuple[int, str, dict[str, Any]]]:
        if (await desk.store.get(visit)).seq <= seq:
            return []
        journal = await desk.store.journal(visit)
        return [(each.seq, each.kind, progress(each)) for each in journal[seq : seq + _PAGE]]

    return _stream(request, desk, begin, look)


@router.get("/events", response_class=StreamingResponse)
async def board_events(
    request: Request,
    flow: Annotated[list[str] | None, Query(description="only these flows")] = None,
    after: Annotated[int | None, Query(ge=0, le=10**15, description="place in the feed; default: from now on")] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Follow all visits; the id is the event's place in the feed."""
    desk = desk_of(request)
    first, last = await desk.hub.feed.ends()
    begin = position_of(last_event_id, after)
    wanted = None if flow is None else set(flow)
    forgotten = begin is not None and (begin + 1 < first or begin > last)

    async def look(position: int) -> list[tuple[int, str, dict[str, Any]]]:
        found = await desk.hub.feed.read(position, _PAGE)
        return [
            (
                each.position,
                "" if wanted is not None and each.flow not in wanted else each.kind,
                {"visit": each.visit_id, "flow": each.flow, "key": each.key}
                | progress(StoredEvent(each.seq, each.at, each.kind, each.payload)),
            )
            for each in found
        ]

    return _stream(request, desk, last if begin is None or forgotten else begin, look, reset=forgotten)


def _stream(request: Request, desk: Desk, begin: int, look: Look, *, reset: bool = False) -> StreamingResponse:
    caller = caller_of(request)
    _check_room(desk, caller.identity)

    async def lines() -> AsyncIterator[str]:
        position = begin
        with _room(desk, caller.identity):
            yield "retry: 3000\n\n"
            if reset:
                yield f"id: {position}\nevent: reset\ndata: {{}}\n\n"
            while not desk.hub.closed:
                ticket = desk.hub.ticket()
                found = await look(position)
                for position, name, data in found:
                    if name:
                        yield f"id: {position}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
                if found or await desk.hub.wait(ticket, KEEP_ALIVE):
                    continue
                if not await desk.door.still(caller):
                    return
                yield f"id: {position}\n: keep-alive\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream", headers=_HEADERS)


def _check_room(desk: Desk, identity: str) -> None:
    if sum(desk.streams.values()) >= MOST_STREAMS or desk.streams.get(identity, 0) >= MOST_STREAMS_EACH:
        raise TooManyStreams(retry_after=10)


@contextmanager
def _room(desk: Desk, identity: str) -> Any:
    desk.streams[identity] = desk.streams.get(identity, 0) + 1
    try:
        yield
    finally:
        desk.streams[identity] -= 1
        if not desk.streams[identity]:
            del desk.streams[identity]
