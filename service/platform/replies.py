"""Bodies that the platform gets: from contracts, codes of 附四, words in Chinese. Never a person's data (G10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from adapters.discretion import discreet
from adapters.platform.calling import Method
from adapters.platform.contracts import RETURN_CODES, Misfit, build_refusal, build_reply
from adapters.platform.contracts.model import Field, Type
from adapters.platform.verdicts import DATA_NO
from engine.facts import printable

log = structlog.get_logger("visitflow.platform")

SUCCESS, NOTHING_FOUND, FAULT, BUSY, NOT_OPENED, WORKING, NO_RIGHT = (
    "10001",
    "10002",
    "10003",
    "40001",
    "40003",
    "40004",
    "50001",
)
_WORKING = "业务处理中，请稍后以相同参数再次查询，请勿另行办理"

_TEXTS = (Type.TEXT, Type.PERSONAL)

Body = dict[str, Any]


class Refusal(Exception):
    """The call is refused; nothing was begun by it. ``code`` of 附四, ``message`` for whoever reads it."""

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        self.message = message or RETURN_CODES[code].zh
        super().__init__(f"{code} {self.message}")


def pruned(contract: Field, value: Any) -> Any:
    """Return ``value`` without members that the contract does not have: read, and not handed on (P21)."""
    if isinstance(value, list):
        return [pruned(contract, each) for each in value] if contract.fields else value
    if isinstance(value, Mapping) and contract.type in (Type.OBJECT, Type.LIST):
        known = contract.fields
        return {name: pruned(known[name], each) for name, each in value.items() if name in known}
    return value


def _whole(contract: Field, value: Any) -> Any:
    """Return ``value`` as it goes out: members that we know of, and "" for required text that says nothing (P13).

    That it was there is known: replies without it do not come this far. Nothing is not kept where answers are kept.
    """
    if isinstance(value, list):
        return [_whole(contract, each) for each in value] if contract.fields else value
    if not isinstance(value, Mapping) or contract.type not in (Type.OBJECT, Type.LIST):
        return value
    texts = {name: "" for name, each in contract.fields.items() if each.required and each.type in _TEXTS}
    said = {name: _whole(contract.fields[name], each) for name, each in value.items() if name in contract.fields}
    return {**texts, **{name: each for name, each in said.items() if each is not None}}


def accepted(method: Method, reply: Mapping[str, Any]) -> Body:
    """Return the body for what an adapter or a visit answered: ``data``, and members beside it.

    Raises:
        Refusal: it does not fit what the platform was promised (10003); whoever reads the log finds the members.
    """
    contract = method.interface.reply(method.name)
    beside = {name: reply[name] for name in contract.beside if name in reply}
    data = None if contract.data is None else _whole(contract.data, reply.get("data"))
    try:
        return build_reply(method.interface, data, beside=beside, name=method.name)
    except Misfit as error:
        raise unfit(method, tuple(dict.fromkeys(each.member or "data" for each in error.problems))) from None


def unfit(method: Method, members: Sequence[str]) -> Refusal:
    """Return 10003 for an answer of the HIS that does not fit its contract; message and log name the members."""
    named = ", ".join(members)
    log.error("platform_reply_unfit", interface=method.interface.number, members=named)
    return Refusal(FAULT, f"院内返回的数据不符合接口规范：{named}")


def refused(method: Method, code: str, message: str) -> Body:
    """Return the body of a refusal. A code that is none of 附四 is a system fault; 5.1.4's ``data`` 0 is said again."""
    if code == DATA_NO:
        return build_reply(method.interface, "0", name=method.name, message=_said(message, "院内处理失败"))
    known = code if code in RETURN_CODES and code != SUCCESS else FAULT
    return build_refusal(method.interface, known, _said(message, RETURN_CODES[known].zh), name=method.name)


def working(method: Method) -> Body:
    """Return "still working on it": neither yes nor no."""
    return build_refusal(method.interface, WORKING, _WORKING, name=method.name)


def stray(code: str, message: str) -> Body:
    """Return a refusal where no interface is known."""
    return {"success": False, "msg": message, "code": code, "data": None}


def _said(message: str, otherwise: str) -> str:
    return discreet(printable(message)) or otherwise
