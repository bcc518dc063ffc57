"""Builds requests and replies that leave the house: strict, so that a mistake of ours is found here and not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from adapters.platform.contracts.codes import RETURN_CODES
from adapters.platform.contracts.members import broken, path
from adapters.platform.contracts.model import Envelope, Field, Interface, Kind, Reply, Type
from adapters.platform.contracts.problems import FORMAT, MISSING, TYPE, Misfit, Problem
from adapters.platform.contracts.values import Unreadable, blank, write

#: Which spelling goes out where table and example differ: the member's name, the other one, or both.
Spelling = Literal["name", "also", "both"]
_TEXTS = frozenset({Type.TEXT, Type.PERSONAL})


@dataclass(slots=True)
class _Writer:
    spelling: Spelling
    blank_text: bool
    """Whether a required text may be empty: in replies, which keep their structure without data."""
    problems: list[Problem] = field(default_factory=list)

    def value(self, value: Any, each: Field, at: str) -> Any:
        if each.type is Type.OBJECT:
            return self.object(value, each, at)
        if each.type is not Type.LIST:
            return self.simple(value, each, at, each.type)
        if not isinstance(value, list | tuple):
            self.problems.append(Problem(at, TYPE, "expected a list"))
            return None
        if each.of is not None:
            return [self.simple(one, each, f"{at}[{number}]", each.of) for number, one in enumerate(value)]
        elements = [self.object(one, each, f"{at}[{number}]") for number, one in enumerate(value)]
        return elements[0] if each.lone_object and len(elements) == 1 else elements

    def simple(self, value: Any, each: Field, at: str, kind: Type) -> Any:
        try:
            return write(value, each, kind)
        except Unreadable as error:
            self.problems.append(Problem(at, error.code, error.reason))
            return None

    def object(self, value: Any, each: Field, at: str) -> Any:
        if not isinstance(value, Mapping):
            self.problems.append(Problem(at, TYPE, "expected an object"))
            return None
        return self.members(value, each, at)

    def members(self, values: Mapping[str, Any], each: Field, at: str) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name in values:
            if name not in each.fields:
                self.problems.append(Problem(path(at, str(name)), FORMAT, "unknown member"))
        for member in each.fields.values():
            where = path(at, member.name)
            said = values.get(member.name)
            if blank(said):
                self.put(out, member, self.missing(member, member.name in values, said, where))
                continue
            if said in ([], ()) and member.required and not self.blank_text:
                self.problems.append(Problem(where, MISSING, "required, and empty"))
            self.put(out, member, self.value(said, member, where))
        self.problems += broken(each.rules, values, at)
        return out

    def missing(self, member: Field, there: bool, said: Any, where: str) -> Any:
        """Return what stands for a member that says nothing; None leaves it out."""
        if not member.required:
            return None
        if there and (member.empty or (self.blank_text and member.type in _TEXTS and said is not None)):
            return ""
        self.problems.append(Problem(where, MISSING, "required"))
        return None

    def put(self, out: dict[str, Any], member: Field, value: Any) -> None:
        if value is None:
            return
        others = [each for each in member.also if each.strip() != member.name]
        if self.spelling != "also" or not others:
            out[member.name] = value
        if self.spelling != "name":
            out.update(dict.fromkeys(others, value))


def build_request(interface: Interface, values: Any, *, spelling: Spelling = "name") -> dict[str, Any] | list[Any]:
    """Return the body of a request, ready for ``wire.dumps``.

    Raises:
        Misfit: a member is missing, unknown or not of its type.
    """
    writer = _Writer(spelling, blank_text=False)
    if interface.request.type is Type.LIST and not values:
        raise Misfit([Problem("", MISSING, "an empty list")])
    body: dict[str, Any] | list[Any] = writer.value(values, interface.request, "")
    if writer.problems:
        raise Misfit(writer.problems)
    return body


def build_reply(
    interface: Interface,
    data: Any = None,
    *,
    beside: Mapping[str, Any] | None = None,
    message: str = "成功",
    name: str | None = None,
    spelling: Spelling = "name",
) -> dict[str, Any]:
    """Return the body of a reply that says success, ready for ``wire.dumps``.

    ``data`` may be None only for a query that found nothing: the member is there all the same (约定), ``null`` or
    ``[]``. ``beside`` are the members that stand beside ``code`` (21.2.3, 30.1.1). ``name`` is the method that was
    called, where two share an interface (16.1.2).

    Raises:
        Misfit: a member is missing, unknown or not of its type.
    """
    contract = interface.reply(name)
    if contract.envelope is Envelope.BYTES:
        raise Misfit([Problem("", TYPE, "the reply is a file")])
    writer = _Writer(spelling, blank_text=True)
    body = _envelope(contract, success=True, code="10001", message=message)
    body.update(writer.members(beside or {}, Field("", Type.OBJECT, fields=contract.beside), ""))
    if contract.data is not None:
        body["data"] = _data(writer, interface, contract.data, data)
    elif data is not None:
        writer.problems.append(Problem("data", FORMAT, "unknown member"))
    if writer.problems:
        raise Misfit(writer.problems)
    return body


def _data(writer: _Writer, interface: Interface, contract: Field, data: Any) -> Any:
    if contract.type is Type.NOTHING:
        return data
    if data is not None:
        return writer.value(data, contract, "data")
    if interface.kind is not Kind.QUERY and contract.required:
        writer.problems.append(Problem("data", MISSING, "required"))
    return [] if contract.type is Type.LIST else None


def build_refusal(interface: Interface, code: str, message: str, *, name: str | None = None) -> dict[str, Any]:
    """Return the body of a reply that says no, with ``data`` null where the interface has data (约定).

    Raises:
        ValueError: ``code`` is no return code of 附四, or the one for success.
    """
    if code not in RETURN_CODES or code == "10001":
        raise ValueError(f"{code} is no return code for a refusal")
    contract = interface.reply(name)
    body = _envelope(contract, success=False, code=code, message=message)
    return {**body, "data": None} if contract.data is not None else body


def _envelope(contract: Reply, *, success: bool, code: str, message: str) -> dict[str, Any]:
    if contract.envelope is Envelope.STATUS:
        return {"success": success, "message": message, "status": 1 if success else -1}
    if contract.envelope is Envelope.MESSAGE:
        return {"success": success, "message": message}
    return {"success": success, "msg": message, "code": int(code) if contract.code_as_number else code}
