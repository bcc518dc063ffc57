"""Ask a peer something outside any visit: a clerk's question, answered on the screen and kept nowhere (G10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.adapter import Call
from engine.environment import SECOND, Micros
from engine.errors import BadInput, NotLegal, VisitflowError
from engine.numbers import MessageNumbers
from engine.outcomes import Busy, Category, Done, InDoubt, NotSent, Outcome, Refused
from service.application import Application

PATIENCE: Micros = 60 * SECOND


class PeerRefused(NotLegal):
    """The peer refused."""

    code = "peer_refused"


class PeerRefusedData(BadInput):
    """The peer says that what was asked is not valid."""

    code = "peer_refused_data"


class PeerHasNone(BadInput):
    """The peer has nothing of the kind."""

    code = "peer_has_none"


class PeerUnavailable(VisitflowError):
    """The peer cannot be asked right now; try again."""

    code = "peer_unavailable"


_REFUSALS: Mapping[Category, type[VisitflowError]] = {
    Category.DATA: PeerRefusedData,
    Category.NOT_FOUND: PeerHasNone,
    Category.LATER: PeerUnavailable,
}


async def consult(
    application: Application,
    adapter: str,
    operation: str,
    request: Mapping[str, Any],
    patience: Micros = PATIENCE,
    numbers: MessageNumbers | None = None,
) -> Outcome:
    """Return what one call came to. For operations that may be repeated; nothing of it is journalled.

    Who asks often brings ``numbers``, which are taken from the store in blocks.

    Raises:
        BadInput: the site has no such adapter.
    """
    peer = application.adapters.get(adapter)
    if peer is None:
        raise BadInput(f"flows.yaml configures no adapter {adapter}", field="adapters")
    number = await (numbers or MessageNumbers(application.store, 1)).next(adapter)
    message_id = peer.message_id(application.environment.now(), number)
    return await peer.call(Call(operation, request, message_id, patience, lambda: True))


async def ask(
    application: Application, adapter: str, operation: str, request: Mapping[str, Any], patience: Micros = PATIENCE
) -> Mapping[str, Any]:
    """Return the reply to one call. For operations that may be repeated; nothing of it is journalled.

    Raises:
        BadInput: the site has no such adapter.
        PeerRefused, PeerRefusedData, PeerHasNone: the peer said no, and how.
        PeerUnavailable: it was not reached, is busy, or its answer was lost.
    """
    match await consult(application, adapter, operation, request, patience):
        case Done(reply):
            return reply
        case Refused(code, message, category):
            raise _REFUSALS.get(category, PeerRefused)(f"{code} {message}", peer_code=code, category=category.value)
        case Busy(_, reason):
            raise PeerUnavailable(f"busy: {reason}")
        case NotSent(reason) | InDoubt(reason):
            raise PeerUnavailable(reason)
