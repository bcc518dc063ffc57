"""A transaction by itself: the flow ``jiangsu.transaction`` (J51)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from adapters.jiangsu.transactions import TRANSACTIONS
from adapters.jiangsu.transactions import Transaction as Row
from engine.errors import UnknownFlow, VisitflowError
from engine.facts import dumps, normalise
from engine.outcomes import Effect
from engine.store import Projection
from service.gateway.envelope import GatewayError
from service.gateway.front import Front, Known
from service.gateway.requests import Desk, Identity, checked
from service.gateway.telling import stopped

FLOW = "jiangsu.transaction"
_DONE, _OPENED = "done", "opened"
#: Identical transactions one after the other; more and the front end is in a loop.
_MOST_ALIKE = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, by which message, kept in which visit."""

    reply: dict[str, Any]
    message_id: str
    key: str


async def single(front: Front, row: Row, params: Mapping[str, Any], desk: Desk, message_id: str = "") -> Answer:
    """Make one transaction as a visit of its own, and wait for its reply.

    A ``once`` transaction that is asked for again while the first is not settled joins it, so that an impatient front
    end does nothing twice; so does any transaction that carries a ``messageId`` (J2).

    Raises:
        GatewayError: 1007 the parameters do not fit; 2002 it was not sent; 2003, 2004 it is not settled; 3xxx refused.
    """
    if not front.is_on(FLOW):
        raise GatewayError(1011, f"flows.yaml: {FLOW}")
    parameters = _parameters(row, params)
    opening = {"operation": row.operation, "parameters": parameters}
    commands = front.application.commands
    try:
        projection = await _join_or_open(front, row, opening, desk, message_id)
    except UnknownFlow:
        raise GatewayError(1011, f"flows.yaml: {FLOW}") from None
    known = await front.known(projection.visit_id)
    if projection.state == _OPENED and known.visit.run is None and known.visit.trouble is None:
        known = await front.ask(known, row.operation, {}, desk)
    else:
        known = await front.wait(projection.visit_id)
    if known.visit.state == _DONE:
        return Answer(_typed(row, known.data.get("reply", {})), known.message_id(row.operation), known.key)
    error = stopped(known)
    if row.effect is Effect.READ or (known.visit.trouble is not None and error.code not in (2003, 2004)):
        with suppress(VisitflowError):  # nothing happened there; if a worker has it, its retries end by themselves
            await commands.cancel(known.visit.visit_id, front.by(desk), "前台未得到结果 the front end got no result")
        if error.code in (2001, 2003):
            error = GatewayError(2002, **error.more)
    raise error


async def _join_or_open(front: Front, row: Row, opening: dict[str, Any], desk: Desk, message_id: str) -> Projection:
    store, commands = front.application.store, front.application.commands
    if message_id:
        base = f"M{message_id}"
    elif row.effect is Effect.ONCE:
        base = f"{row.number}-{hashlib.sha256(dumps(opening).encode()).hexdigest()[:24]}"
    else:
        key = f"{row.number}-{front.application.environment.new_id()}"
        return (await commands.open(FLOW, key, opening, front.by(desk)))[0]
    for number in range(1, _MOST_ALIKE):
        key = base if number == 1 else f"{base}-{number}"
        found = await store.find(FLOW, key)
        finished = found is not None and found.state == _DONE and not message_id
        if found is not None and (finished or found.state in ("cancelled", "abandoned")):
            continue
        return (await commands.open(FLOW, key, opening, front.by(desk)))[0]
    raise GatewayError(1013)


def _parameters(row: Row, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the contract takes of ``params``. Raises GatewayError 1007."""
    known = {name: value for name, value in params.items() if name in row.request.model_fields and value is not None}
    facts: dict[str, Any] = normalise(checked(row.request, known, "businessParams").model_dump(exclude_none=True))
    return facts


def _typed(row: Row, reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return a reply with its amounts as numbers again."""
    try:
        return row.reply.model_validate(reply).model_dump(exclude_none=True)
    except ValidationError:  # settled by hand, without the members of a reply
        return dict(reply)


async def read_card(front: Front, identity: Identity) -> Answer:
    """1101: who it is (J19)."""
    params = {"identify_mode": identity.identifyMode, "qr_code_info": identity.qrCodeInfo or None}
    return await single(front, TRANSACTIONS["read_card"], params, identity)


async def centre_numbers(front: Front, params: Mapping[str, Any]) -> tuple[dict[str, Any], Known | None]:
    """Return ``params`` with the centre's number in place of ours where we know the visit (J53)."""
    numbers = [params.get(name) for name in ("visit_no", "ipt_otp_no")]
    known = await front.find(*(each for each in numbers if isinstance(each, str)))
    if known is None or not known.data.get("visit_no"):
        return dict(params), known
    return {**params, "visit_no": known.data["visit_no"], "ipt_otp_no": known.key}, known
