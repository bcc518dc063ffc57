"""Idempotency-Key: the same request again is answered, not carried out, again (docs/api.md; ADR 22).

The key and the request's fingerprint are durable before anything is done; the journal names the request in the event
that carries it out. A crash between doing and answering therefore does it no second time: the repetition finds the
event. Only answers of success are kept; what was refused has changed nothing and may be asked again with the same key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from engine.environment import SECOND, Environment
from engine.errors import BadInput, NotLegal, VisitBusy
from engine.facts import dumps, loads, normalise
from service.errors import Forbidden, InProgress, KeyReused
from service.settings import Settings
from storage.registers import AskedRequest
from storage.registers.requests import RequestRegister

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
#: After so long whoever carried a request out without answering is taken for dead.
ABANDONED = 30 * SECOND
#: How long a repetition waits for the first to be answered, and how often it looks.
PATIENCE = 10 * SECOND
_LOOK_EVERY = SECOND // 20
_CHANGED_NOTHING = (BadInput, NotLegal, VisitBusy, Forbidden)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: status and body in JSON types; ``replayed`` when it is the kept one."""

    status: int
    body: Any
    replayed: bool = False


def fingerprint(method: str, path: str, body: Any) -> str:
    """Return what makes a request the same: spelling and order of members do not matter."""
    return hashlib.sha256(f"{method} {path}\n{dumps(normalise(body))}".encode()).hexdigest()


class Idempotency:
    """Carries requests with a key out once."""

    def __init__(self, register: RequestRegister, settings: Settings, environment: Environment) -> None:
        """Answers are kept for ``settings.idempotency_hours``."""
        self._register = register
        self._keep = int(settings.idempotency_hours * 3600 * SECOND)
        self._environment = environment

    async def once(
        self, scope: str, key: str | None, print_: str, work: Callable[[str | None], Awaitable[Answer]]
    ) -> Answer:
        """Run ``work`` with the request's id, or return the answer there is. Without a key, just run it.

        Raises:
            KeyReused: the key was used for another request.
            InProgress: the same request is still being carried out.
        """
        if key is None:
            return await work(None)
        if not _KEY.fullmatch(key):
            raise BadInput("expected 1 to 200 visible ASCII characters", field="Idempotency-Key")
        while True:
            now = self._environment.now()
            asked = AskedRequest(scope, key, print_, self._environment.new_id(), now, now + self._keep)
            asked, new = await self._register.begin(asked)
            if asked.fingerprint != print_:
                raise KeyReused(field="Idempotency-Key")
            found = asked if new else await self._wait(asked)
            if found is None:  # it was refused meanwhile, which changed nothing
                continue
            if found.status is not None and found.body is not None:
                return Answer(found.status, loads(found.body), replayed=True)
            return await self._carry_out(found, work)

    async def _carry_out(self, asked: AskedRequest, work: Callable[[str | None], Awaitable[Answer]]) -> Answer:
        try:
            answer = await work(asked.request_id)
        except _CHANGED_NOTHING:
            await self._register.drop(asked)
            raise
        except BaseException:  # it may have been done: only the same request, by its id, may be tried again
            await self._register.abandon(asked)
            raise
        await self._register.answer(asked, answer.status, dumps(answer.body))
        return answer

    async def _wait(self, asked: AskedRequest) -> AskedRequest | None:
        """Return the request once it is answered or abandoned by who carries it out; None when it was dropped."""
        deadline = self._environment.monotonic() + PATIENCE
        while True:
            found = await self._register.find(asked.scope, asked.key)
            if found is None or found.status is not None or self._environment.now() - found.began_at > ABANDONED:
                return found
            if self._environment.monotonic() >= deadline:
                raise InProgress
            await self._environment.sleep(_LOOK_EVERY)
