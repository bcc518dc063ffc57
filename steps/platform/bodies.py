"""Bodies of 003 as a visit keeps them: checked by contract when they come, cut to it when they go out (P100)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.platform.contracts import INTERFACES, Misfit, build_reply, validate_request
from adapters.platform.contracts.model import Field


def checked(number: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request as its contract reads it: amounts as Decimal, blank members left out.

    Raises:
        ValueError: no such interface, or members that do not fit; names members and return codes, never values (G10).
    """
    if number not in INTERFACES:
        raise ValueError("expected the number of an interface of 003, for example 3.1.2")
    read = validate_request(INTERFACES[number], body)
    if isinstance(read, Misfit):
        raise ValueError(f"{read.code}: " + ", ".join(each.member or "body" for each in read.problems))
    if not isinstance(read, dict):
        raise ValueError("expected an object")
    return read


def fitted(contract: Field, value: Any) -> Any:
    """Return ``value`` without members that the contract does not know: the HIS is told what the document says."""
    if isinstance(value, Mapping) and contract.fields:
        known = contract.fields
        return {name: fitted(known[name], each) for name, each in value.items() if name in known}
    if isinstance(value, list):
        return [fitted(contract, each) for each in value]
    return value


def answers(number: str, answer: Mapping[str, Any]) -> None:
    """Hold an answer that a person hands over to its contract.

    Raises:
        ValueError: a member is missing or does not fit.
    """
    try:
        build_reply(INTERFACES[number], answer.get("data"))
    except Misfit as error:
        raise ValueError(f"{error.code}: " + ", ".join(each.member or "data" for each in error.problems)) from None
