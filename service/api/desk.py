"""What every route needs: the application, the door, and the few things between them; and how bodies are read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError

from engine import errors
from engine.commands import MAX_BYTES, Commands
from engine.facts import dumps, loads
from engine.store import Store
from service.access.door import Door
from service.access.principal import Principal
from service.access.signing_in import SigningIn
from service.acting import Acting
from service.application import Application
from service.audit import Audit
from service.batches import Batches
from service.headcount import Headcount
from service.hub import Hub
from service.idempotency import Answer, Idempotency, fingerprint

_Model = TypeVar("_Model", bound=BaseModel)
#: What a caller of one process may hold open.
MOST_STREAMS, MOST_STREAMS_EACH = 200, 20


@dataclass(slots=True)
class Desk:
    """One for each application that answers HTTP."""

    application: Application
    hub: Hub
    door: Door
    audit: Audit
    signing_in: SigningIn
    acting: Acting
    idempotency: Idempotency
    batches: Batches
    headcount: Headcount
    streams: dict[str, int] = field(default_factory=dict)  #: open streams by caller

    @classmethod
    def of(cls, application: Application) -> Desk:
        """Wire a desk."""
        registers, settings, environment = application.registers, application.settings, application.environment
        audit = Audit(registers.audit, environment)
        door = Door(registers.access, settings, environment)
        acting = Acting(application.commands, registers.approvals, settings, environment)
        return cls(
            application,
            Hub(registers.feed),
            door,
            audit,
            SigningIn(door, audit, environment),
            acting,
            Idempotency(registers.requests, settings, environment),
            Batches(application, acting),
            Headcount(application.store),
        )

    @property
    def commands(self) -> Commands:
        """Return the engine's front door."""
        return self.application.commands

    @property
    def store(self) -> Store:
        """Return the store of visits."""
        return self.application.store


def desk_of(request: Request) -> Desk:
    """Return the desk of a request."""
    desk: Desk = request.app.state.desk
    return desk


def caller_of(request: Request) -> Principal:
    """Return who calls; the door has put it there."""
    principal: Principal = request.state.principal
    return principal


async def exact_json(request: Request) -> Any:
    """Read the body with money as Decimal; FastAPI's own reading would make floats of it. Never more than allowed."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise errors.Oversize(f"more than {MAX_BYTES} bytes, which a request may hold", field="body")
    try:
        return loads(bytes(body))
    except (ValueError, RecursionError):
        raise errors.BadInput("the body is not JSON", field="body") from None


def fitted(model: type[_Model], raw: Any) -> _Model:
    """Return a body as its model. Raises BadInput."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise errors.BadInput.from_pydantic(error) from None


async def read(request: Request, model: type[_Model]) -> _Model:
    """Read a body. Raises BadInput, Oversize."""
    return fitted(model, await exact_json(request))


async def answered(request: Request, raw: Any, work: Callable[[str | None], Awaitable[Answer]]) -> Response:
    """Answer a request; with an Idempotency-Key carry it out once."""
    key = request.headers.get("idempotency-key")
    print_ = ""
    if key is not None:
        try:
            print_ = fingerprint(request.method, request.url.path, raw)
        except (TypeError, ValueError, RecursionError):
            raise errors.BadInput("the body holds something that JSON cannot", field="body") from None
    answer = await desk_of(request).idempotency.once(caller_of(request).identity, key, print_, work)
    headers = {"Idempotency-Replayed": "true"} if answer.replayed else {}
    # written as it is kept, so that a repetition is answered to the letter
    return Response(dumps(answer.body), status_code=answer.status, headers=headers, media_type="application/json")
