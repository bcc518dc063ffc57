"""Reads requests and replies that came over the wire: requests strictly member by member, replies as well as can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from adapters.platform.contracts.members import broken, path, spread
from adapters.platform.contracts.model import Envelope, Field, Interface, Type
from adapters.platform.contracts.problems import MISSING, TYPE, Misfit, Problem
from adapters.platform.contracts.values import Unreadable, blank, read

_SUCCESS = "10001"
_TRUTH = {"true": True, "false": False}
#: Text of a body that is answered in a reason, not kept.
_LONGEST = 500


@dataclass(slots=True)
class _Reader:
    """One pass over a body. A value that cannot be read is left out of a request and left as it came in a reply."""

    keep: bool
    problems: list[Problem] = field(default_factory=list)

    def value(self, value: Any, each: Field, at: str) -> Any:
        """Return one member's value, typed."""
        if each.type is Type.OBJECT:
            return self.object(value, each, at)
        if each.type is Type.LIST:
            return self.list(value, each, at)
        return self.simple(value, each, at, each.type)

    def simple(self, value: Any, each: Field, at: str, kind: Type) -> Any:
        try:
            return read(value, each, kind)
        except Unreadable as error:
            self.problems.append(Problem(at, error.code, error.reason))
            return value if self.keep else None

    def list(self, value: Any, each: Field, at: str) -> Any:
        elements = value if isinstance(value, list) else [value]
        if each.of is not None:
            return [self.simple(one, each, f"{at}[{number}]", each.of) for number, one in enumerate(elements)]
        return [self.object(one, each, f"{at}[{number}]") for number, one in enumerate(elements)]

    def object(self, value: Any, each: Field, at: str) -> Any:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, Mapping):
            self.problems.append(Problem(at, TYPE, "expected an object"))
            return value if self.keep else None
        return self.members(value, each, at)

    def members(self, came: Mapping[Any, Any], each: Field, at: str) -> dict[str, Any]:
        """Return the members of one object, typed; unknown ones under their own names."""
        known, values = spread(came, each.fields)
        for member in each.fields.values():
            where = path(at, member.name)
            said = known.get(member.name)
            if blank(said) or (said == [] and member.required and not self.keep):
                there = member.name in known
                if member.required and not (there and (member.empty or self.keep)):
                    self.problems.append(Problem(where, MISSING, "required"))
                if there and self.keep:
                    values[member.name] = [] if member.type is Type.LIST else None
                continue
            typed = self.value(said, member, where)
            if typed is not None:
                values[member.name] = typed
        self.problems += broken(each.rules, values, at)
        return values


def validate_request(interface: Interface, body: Any) -> dict[str, Any] | list[Any] | Misfit:
    """Check a request and return it typed, blank members left out, unknown ones kept as they came.

    Never raises, whatever ``body`` is. A list for the interfaces that take one (21.1.2, 21.1.4 to 21.1.6). With
    problems it returns ``Misfit``: each names its member and one of 20001 to 20004; ``code`` and ``message`` are what
    to answer.
    """
    reader = _Reader(keep=False)
    contract = interface.request
    if contract.type is Type.LIST and not body:
        return Misfit([Problem("", MISSING, "an empty list")])
    if contract.type is Type.OBJECT and not isinstance(body, Mapping):
        return Misfit([Problem("", TYPE, "expected an object")])
    values = reader.value(body, contract, "")
    return Misfit(reader.problems) if reader.problems else values


class Verdict(StrEnum):
    """Whether the peer says that it was done."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"
    """``success`` is missing, or contradicts the code: for a write, in doubt (G8)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reply says, read as well as can be."""

    verdict: Verdict
    code: str
    """Empty where the reply has none (21.1.1 to 21.1.6, 14.1.2)."""
    message: str
    data: Any
    beside: Mapping[str, Any]
    """Members beside ``success`` and ``data``, also those that the contract does not know."""
    problems: tuple[Problem, ...]
    """What does not fit the contract. Money that a reply should have named may be among it: look before believing."""


def read_reply(interface: Interface, body: Any, name: str | None = None) -> Answer:
    """Read what an interface answered when it was called by ``name``. Never raises.

    A value that cannot be read stays as it came, and is listed in ``problems``; so is a required member that is not
    there. ``data`` is None when it is missing, ``null``, or a text that says nothing.
    """
    if not isinstance(body, Mapping):
        return Answer(Verdict.UNCLEAR, "", "", None, {}, (Problem("", TYPE, "expected an object"),))
    contract = interface.reply(name)
    fields = {**_envelope(contract.envelope), **contract.beside}
    known, others = spread(body, {**fields, "data": contract.data or _DATA})
    said = _verdict(contract.envelope, known)
    reader = _Reader(keep=True)
    data = _data(reader, contract.data, known, said)
    near = {member: known[member] for member in contract.beside if member in known}
    beside = reader.members(near, Field("", Type.OBJECT, fields=contract.beside), "")
    if said is not Verdict.YES:
        reader.problems.clear()
    return Answer(
        verdict=_done(contract.data, data, said),
        code=_word(known.get("code")),
        message=_word(known.get("msg") or known.get("message"))[:_LONGEST],
        data=data,
        beside={**others, **beside},
        problems=tuple(reader.problems),
    )


_DATA = Field("data", Type.NOTHING)


def _envelope(envelope: Envelope) -> Mapping[str, Field]:
    # Peers mix the spellings up (14.1.2 has message for msg): each is taken everywhere.
    return {name: Field(name, Type.TEXT) for name in ("success", "code", "msg", "message", "status")}


def _data(reader: _Reader, contract: Field | None, known: Mapping[str, Any], said: Verdict) -> Any:
    value = known.get("data")
    if contract is None or contract.type is Type.NOTHING:
        return value
    if blank(value):
        if contract.required and "data" not in known and said is Verdict.YES:
            reader.problems.append(Problem("data", MISSING, "required"))
        return [] if contract.type is Type.LIST and "data" in known else None
    return reader.value(value, contract, "data")


def _word(value: Any) -> str:
    return "" if isinstance(value, bool | Mapping | list) or value is None else str(value).strip()


def _verdict(envelope: Envelope, known: Mapping[str, Any]) -> Verdict:
    success = known.get("success")
    if isinstance(success, str):
        success = _TRUTH.get(success.strip().lower())
    if envelope is Envelope.STANDARD:
        agrees = _word(known.get("code")) == _SUCCESS
    elif envelope is Envelope.STATUS:
        agrees = _word(known.get("status")) == "1"
    else:
        agrees = success is True
    if success is True and agrees:
        return Verdict.YES
    return Verdict.NO if success is False and not agrees else Verdict.UNCLEAR


def _done(contract: Field | None, data: Any, said: Verdict) -> Verdict:
    """Return the verdict of replies whose ``data`` says once more whether it was done (5.1.3, 5.1.4, 5.2.1, 6.2.5)."""
    if said is Verdict.YES and contract is not None and contract.table == "done":
        return {"1": Verdict.YES, "0": Verdict.NO}.get(str(data), Verdict.UNCLEAR)
    return said
