"""Requests on their way out: strict. What the tables say is compiled once into plain functions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from adapters.neimenggu.contracts.problems import told
from adapters.neimenggu.contracts.rules import RULES, Checked, Place, holds
from adapters.neimenggu.contracts.tables import Condition, Member, Rule, Shape, contracts
from adapters.neimenggu.contracts.values import Bad, checker
from adapters.neimenggu.interfaces import Interface
from engine.outcomes import Category, Refused


@dataclass(frozen=True, slots=True)
class Strictness:
    """What a site may decide about what is sent (docs/assumptions.md, N12, N23, N26)."""

    lengths: Literal["characters", "bytes"] = "characters"  #: bytes are those of UTF-8
    traceability: bool = True  #: demand traceability codes of drugs
    record: bool = True  #: demand a medical record at discharge

    def on(self, switch: str) -> bool:
        """Say whether a switch that the tables name is on; none is."""
        return not switch or bool(getattr(self, switch))


STRICT = Strictness()
#: Checks one object: notes what is wrong with it in the place and returns it as it goes on the wire.
Check = Callable[[Any, Place], dict[str, Any]]
#: Checks one value that is there and puts it on the wire.
Put = Callable[[Any, dict[str, Any], Place], None]


def check_request(
    interface: Interface,
    request: Mapping[str, Any],
    strictness: Strictness = STRICT,
    orders: Collection[str] | None = None,
) -> dict[str, Any] | Refused:
    """Return ``request`` as it goes on the wire, without sessionid: wrappers restored, every value as text.

    ``orders`` are the numbers of the orders that were uploaded earlier; without it, whether a fee line's order exists
    is left to the centre. Files stay file ids: the adapter puts their content in their place.
    """
    place = Place("", (), [], orders)
    wire = _request(interface.operation, strictness)(request, place)
    if place.problems:
        message = f"the request does not fit the contract: {told(place.problems)}"
        return Refused("contract", message, Category.DATA)
    return wire


@cache
def _request(operation: str, strictness: Strictness) -> Check:
    return _object(contracts()[operation].request, strictness)


def _object(shape: Shape, strictness: Strictness) -> Check:
    puts = [(member, *_demands(member, strictness), _put(member, strictness)) for member in shape.members]
    zh = {member.name: member.zh for member in shape.members}
    rules: list[Rule] = [rule for rule in shape.rules if strictness.on(rule.switch)]

    def check(raw: Any, around: Place) -> dict[str, Any]:
        if not isinstance(raw, Mapping):
            around.note("", "", "is no object")
            return {}
        place = Place(around.prefix, (raw, *around.scope), around.problems, around.orders)
        for name in raw:
            if name not in zh:
                place.note(str(name), "", "is not a member of this contract")
        wire: dict[str, Any] = {}
        for member, need, empty, put in puts:
            value = raw.get(member.name)
            if _blank(value):
                if member.always:
                    place.note(member.name, member.zh, "is missing")
                elif need is not None and holds(need, place.scope):
                    place.note(member.name, member.zh, f"is missing ({need.en})")
                elif value is not None and member.shape is None:
                    wire[member.name] = ""
            elif empty is not None and holds(empty, place.scope):
                place.note(member.name, member.zh, f"has to stay away ({empty.en})")
            else:
                put(value, wire, place)
        checked = Checked(wire, place, zh)
        for rule in rules:
            RULES[rule.rule](rule, checked)
        return wire

    return check


def _demands(member: Member, strictness: Strictness) -> tuple[Condition | None, Condition | None]:
    need = member.need if member.need and strictness.on(member.need.switch) else None
    return need, member.empty


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or (isinstance(value, list) and not value)


def _put(member: Member, strictness: Strictness) -> Put:
    if member.shape is None:
        return _scalar(member, strictness)
    inner = _object(member.shape, strictness)
    return _one(member, inner) if member.kind == "one" else _list(member, inner)


def _scalar(member: Member, strictness: Strictness) -> Put:
    check = checker(member, _bytes if strictness.lengths == "bytes" else len, strictness.lengths)
    name = member.name

    def put(value: Any, wire: dict[str, Any], place: Place) -> None:
        try:
            wire[name] = check(value)
        except Bad as bad:
            place.note(name, member.zh, str(bad))

    return put


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _one(member: Member, inner: Check) -> Put:
    def put(value: Any, wire: dict[str, Any], place: Place) -> None:
        wire[member.name] = inner(value, _inside(place, f"{member.name}."))

    return put


def _list(member: Member, inner: Check) -> Put:
    def put(value: Any, wire: dict[str, Any], place: Place) -> None:
        if not isinstance(value, list | tuple):
            place.note(member.name, member.zh, "is no list")
            return
        rows = [inner(row, _inside(place, f"{member.name}.{number}.")) for number, row in enumerate(value)]
        wire[member.within or member.name] = {member.name: rows} if member.within else rows

    return put


def _inside(place: Place, step: str) -> Place:
    return Place(place.prefix + step, place.scope, place.problems, place.orders)
