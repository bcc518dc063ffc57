"""Where a member of a request comes from, in the words of ``table.yaml``: ``ask 20.1.7 payId``, ``payment order``.

A source that names nothing there is gives None, and the member is left out.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from adapters.times import SHANGHAI
from engine.environment import SECOND
from engine.steps import View
from steps.platform.money import order_of, payment_of, refund_number

#: One source, or several of which the first that gives something counts.
Source = str | list[str]


def resolve(view: View, source: Source, given: Mapping[str, Any] | None = None) -> Any:
    """Return what ``source`` stands for. ``given`` is the element that an evidence told (``told outOrderId``).

    Raises:
        ValueError: a word that no source begins with.
    """
    for each in [source] if isinstance(source, str) else source:
        kind, _, rest = each.partition(" ")
        if kind not in _SOURCES:
            raise ValueError(f"no source begins with {kind!r}")
        if (found := _SOURCES[kind](view, rest, given or {})) is not None:
            return found
    return None


def filled(view: View, members: Mapping[str, Source]) -> dict[str, Any]:
    """Return the members that their sources give something for."""
    found = {name: resolve(view, source) for name, source in members.items()}
    return {name: value for name, value in found.items() if value is not None}


def _ask(view: View, rest: str, _given: Mapping[str, Any]) -> Any:
    """``ask NUMBER MEMBER``: what the caller said in a request; ``ask MEMBER``: in the first request that has it."""
    number, _, member = rest.rpartition(" ")
    requests = view.data.get("requests", {})
    asked = [requests.get(number, {})] if number else requests.values()
    return next((each[member] for each in asked if each.get(member) is not None), None)


def _answer(view: View, rest: str, _given: Mapping[str, Any]) -> Any:
    """``answer NUMBER MEMBER``: a member of what was answered; ``answer NUMBER``: all of it."""
    number, _, member = rest.partition(" ")
    answer = view.data.get("answers", {}).get(number, {})
    data = answer.get("data")
    if not member:
        return data
    return data.get(member) if isinstance(data, Mapping) and member in data else answer.get(member)


def _sent(view: View, rest: str, _given: Mapping[str, Any]) -> Any:
    """``sent MEMBER``: a member of the call in doubt."""
    return None if view.subject is None else view.subject.request.get(rest)


def _refund(view: View, rest: str, _given: Mapping[str, Any]) -> Any:
    """``refund no``, ``refund amount``, ``refund unified_amount``: of the refund that is wanted now."""
    return refund_number(view) if rest == "no" else view.data.get("refund", {}).get(rest)


def _payment(view: View, rest: str, _given: Mapping[str, Any]) -> Any:
    """``payment order``, ``payment card``, ``payment paid``, ``payment unified_order`` ...: of the payment noticed."""
    if rest == "order":
        return order_of(view.data)
    payment = payment_of(view.data)
    return None if payment is None else getattr(payment, rest)  # a name that no payment has is a mistake of ours


def _day(view: View, rest: str, _given: Mapping[str, Any]) -> str:
    """``day 0``, ``day -1 00:00:00``: a day as yyyy-MM-dd, counted from today; with a time behind it."""
    days, _, clock = rest.partition(" ")
    day = (_moment(view).date() + datetime.timedelta(days=int(days))).isoformat()
    return f"{day} {clock}" if clock else day


def _day_of(view: View, rest: str, given: Mapping[str, Any]) -> str | None:
    """``dayof NUMBER MEMBER``: the day of a time that was asked for."""
    said = _ask(view, rest, given)
    return None if said is None else str(said)[:10]


def _moment(view: View) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(view.now / SECOND, SHANGHAI)


_SOURCES: Mapping[str, Callable[[View, str, Mapping[str, Any]], Any]] = {
    "ask": _ask,
    "answer": _answer,
    "sent": _sent,
    "refund": _refund,
    "payment": _payment,
    "told": lambda _view, rest, given: given.get(rest),
    "data": lambda view, rest, _given: view.data.get(rest),
    "text": lambda _view, rest, _given: rest,
    "day": _day,
    "dayof": _day_of,
    "now": lambda view, _rest, _given: _moment(view).strftime("%Y-%m-%d %H:%M:%S"),
}
