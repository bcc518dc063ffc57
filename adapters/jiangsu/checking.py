"""What every adapter that speaks these transactions checks, on the way out and on the way in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from adapters.jiangsu.contracts.base import Sent
from adapters.jiangsu.contracts.visit import LinesRequest
from adapters.jiangsu.transactions import Transaction
from engine.outcomes import Category, Done, Exchange, InDoubt, Refused

#: Members of a request that point to a person and must not come back in a peer's words (G10).
_PERSONAL = ("psn_no", "qr_code_info", "tel")


def check_request(transaction: Transaction, request: Mapping[str, Any], batch_size: int) -> Sent | Refused:
    """Return the request if it fits the contract and the batch is no larger than allowed."""
    try:
        checked = transaction.request.model_validate(request)
    except ValidationError as error:
        return Refused("contract", f"the request does not fit the contract: {_fields(error)}", Category.DATA)
    if isinstance(checked, LinesRequest) and len(checked.feedetail) > batch_size:
        message = f"feedetail: {len(checked.feedetail)} lines, the batch may hold {batch_size}"
        return Refused("contract", message, Category.DATA)
    return checked


def check_reply(transaction: Transaction, data: Any, exchange: Exchange) -> Done | InDoubt:
    """Accept a success whose data the contract can read; otherwise it is in doubt (G8)."""
    try:
        read = transaction.reply.model_validate(data)
    except ValidationError as error:
        return InDoubt(f"the reply does not fit the contract: {_fields(error)}", exchange)
    return Done(read.model_dump(exclude_none=True), exchange)


def secrets_of(request: Sent) -> list[str]:
    """Return what a peer's words about ``request`` must not carry on."""
    parameters = request.model_dump()
    return [str(parameters[name]) for name in _PERSONAL if parameters.get(name)]


def _fields(error: ValidationError) -> str:
    return ", ".join(".".join(str(part) for part in each["loc"]) for each in error.errors())
