"""Queries are handed on to the HIS, once, outside any visit; what it says is handed back as the contract wants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from adapters.platform.calling import Method
from adapters.platform.contracts.model import Envelope
from adapters.platform.verdicts import misfits
from engine.environment import SECOND, Micros
from engine.errors import BadInput
from engine.outcomes import Busy, Done, InDoubt, NotSent, Outcome, Refused
from engine.trace import where
from service.asking import consult
from service.platform.desk import Desk
from service.platform.replies import BUSY, NOT_OPENED, Body, Refusal, accepted, pruned, refused, unfit

log = structlog.get_logger("visitflow.platform")

#: The platform itself gives up after some ten seconds (附二); nobody waits for a later answer.
PATIENCE: Micros = 20 * SECOND


@dataclass(frozen=True, slots=True)
class File:
    """A file that is answered as it is (16.1.4)."""

    content: bytes


async def ask(desk: Desk, method: Method, request: Mapping[str, Any]) -> Body | File:
    """Answer one query; ``request`` has passed its contract.

    Raises:
        Refusal: the HIS could not be asked (40001), or its answer does not fit (10003, P55).
    """
    outcome = await asked(desk, method, request)
    match outcome:
        case Done(reply):
            if method.interface.reply(method.name).envelope is Envelope.BYTES:
                return File(reply["content"])
            return accepted(method, reply)
        case Refused(code, message):
            return refused(method, code, message)
        case Busy():
            raise Refusal(BUSY, "院内系统繁忙，请稍后重试")
        case InDoubt() if members := misfits(method, outcome):
            raise unfit(method, members)
        case NotSent(reason) | InDoubt(reason):
            log.warning("platform_query_unanswered", interface=method.interface.number, reason=reason)
            raise Refusal(BUSY, "院内系统暂时没有应答，请稍后重试")


async def asked(desk: Desk, method: Method, request: Mapping[str, Any]) -> Outcome:
    """Return what a query came to. Raises Refusal 40003 where the site has no HIS behind it."""
    sent = pruned(method.interface.request, dict(request))
    try:
        return await consult(desk.application, desk.his, method.operation, sent, PATIENCE, desk.numbers)
    except BadInput:
        raise Refusal(NOT_OPENED) from None
    except Exception as error:  # an adapter that raises: a bug, and a read
        log.error("platform_query_failed", interface=method.interface.number, error=where(error))
        return InDoubt(f"the adapter failed: {type(error).__name__}")
