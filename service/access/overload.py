"""Turning work away before it costs memory: what is let in is carried out, what is too much is told to come again.

Asked before anything of a request is read. Whoever watches or helps (health, metrics, pages, reading) has room of its
own, so that a flood from one side does not lock the others out.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psutil
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.environment import SECOND, Environment, Micros
from engine.store import StoreFigures
from service.settings import Settings

#: Never turned away: without them nobody sees what is going on.
ALWAYS: Final = ("/healthz", "/livez", "/readyz", "/metrics")
#: Held open on purpose and limited by themselves.
STREAMS: Final = "/events"
OPENING: Final = "/api/v1/visits"
#: How often the memory of the process is looked at.
_LOOK: Micros = SECOND
_MB = 1024 * 1024
#: Clients are told to come back after so many seconds, by turns, lest all come at once.
_AFTER = (1, 2, 3, 4, 5)


@dataclass(slots=True)
class Room:
    """So many requests at once."""

    most: int
    used: int = 0


class TooMuch(Exception):
    """A request cannot be taken now; ``why`` is a code, ``after`` seconds to come back in."""

    def __init__(self, why: str, after: int) -> None:
        self.why, self.after = why, after
        super().__init__(why)


class Overload:
    """Knows how much a process has to do. ``due`` returns how many visits are due and not taken."""

    def __init__(
        self, settings: Settings, environment: Environment, figures: StoreFigures, due: Callable[[], int]
    ) -> None:
        """``figures`` are the store's."""
        self._settings, self._environment, self._figures, self._due = settings, environment, figures, due
        self.working = Room(settings.requests_at_once)  #: what changes visits
        self.looking = Room(max(1, settings.requests_at_once // 2))  #: everything else
        self.refused: Counter[str] = Counter()
        self._times: deque[Micros] = deque(maxlen=1000)
        self._process = psutil.Process()
        self._memory = (-_LOOK, 0)
        self._turn = 0

    @contextmanager
    def place(self, room: Room, *, opens: bool = False) -> Iterator[None]:
        """Take a place in ``room`` for a request; ``opens``: it opens a visit. Raises TooMuch."""
        if (why := self._why_not(room, opens)) is not None:
            raise TooMuch(why, self._refuse(why))
        room.used += 1
        try:
            yield
        finally:
            room.used -= 1

    def own_room(self) -> Room:
        """Return the room of an endpoint with a port of its own: who waits there takes no place of the API's."""
        return Room(self._settings.requests_at_once)

    def _why_not(self, room: Room, opens: bool) -> str | None:
        if self._figures.waiting >= self._settings.commits_waiting:
            return "commits"
        if self._settings.memory_mb and self.memory() >= self._settings.memory_mb * _MB:
            return "memory"
        if room.used >= room.most:
            return "requests"
        if opens and 0 < self._settings.due_most <= self._due():
            return "backlog"
        return None

    def room(self, method: str, path: str) -> Room:
        """Return which room a request of the API or the console needs."""
        changes = method not in ("GET", "HEAD", "OPTIONS") and path.startswith("/api/v1/")
        return self.working if changes else self.looking

    def memory(self) -> int:
        """Return the resident bytes of this process, as of the last second."""
        now = self._environment.monotonic()
        if now - self._memory[0] >= _LOOK:
            self._memory = (now, int(self._process.memory_info().rss))
        return self._memory[1]

    def _refuse(self, why: str) -> int:
        """Count a refusal; return after how many seconds to come back."""
        self.refused[why] += 1
        self._times.append(self._environment.monotonic())
        self._turn = (self._turn + 1) % len(_AFTER)
        return _AFTER[self._turn]

    def lately(self, now: Micros) -> int:
        """Return how many were refused within the last minute, at most a thousand."""
        while self._times and now - self._times[0] > 60 * SECOND:
            self._times.popleft()
        return len(self._times)


class Sluice:
    """The middleware that asks."""

    def __init__(self, app: ASGIApp, overload: Overload) -> None:
        """Stand before ``app``."""
        self._app, self._overload = app, overload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer 503 with Retry-After."""
        if scope["type"] != "http" or scope["path"] in ALWAYS or scope["path"].endswith(STREAMS):
            await self._app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        try:
            room = self._overload.room(method, path)
            with self._overload.place(room, opens=method == "POST" and path == OPENING):
                await self._app(scope, receive, send)
        except TooMuch as refused:
            await _refuse(send, refused.why, refused.after)


async def _refuse(send: Send, why: str, after: int) -> None:
    problem = {
        "type": "urn:visitflow:overloaded",
        "title": "too much to do; nothing was done, come again",
        "status": 503,
        "code": "overloaded",
        "reason": why,
        "retry_after": after,
    }
    body = json.dumps(problem).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", str(after).encode()),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
