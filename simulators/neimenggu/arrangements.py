"""What the control port changes at the centre: never part of the real protocol, but written in the book like it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from simulators.common.numbers import decimal_of
from simulators.neimenggu import review
from simulators.neimenggu.centre import Centre
from simulators.neimenggu.data import CODES
from simulators.neimenggu.dialects import by_rolltype
from simulators.neimenggu.ledger import Stay
from simulators.neimenggu.records import CREATORS, create_person
from simulators.neimenggu.switches import BOARD
from simulators.neimenggu.world import SEED, Row


def seed(centre: Centre) -> None:
    """Put there what stands at the centre from the beginning."""
    for kind, rows in SEED.items():
        for row in rows:
            if kind == "people":
                create_person(centre, row)
            else:
                CREATORS[kind](centre, row)


def switches(centre: Centre, body: Any) -> dict[str, Any]:
    """``PUT /switches``: some of them, the others stay."""
    centre.switches = BOARD.changed(centre.switches, body)
    return asdict(centre.switches)


def clock(centre: Centre, body: Any) -> dict[str, Any]:
    """``PUT /clock``: ``offset`` seconds from the true time, ``set`` to a time, or ``jump`` seconds from now on."""
    body = _object(body)
    if len(body) != 1:
        raise ValueError("one of offset, set, jump")
    ((how, value),) = body.items()
    if how == "set":
        when = datetime.datetime.fromisoformat(str(value))
        when = when if when.tzinfo is not None else when.replace(tzinfo=centre.time().tzinfo)
        centre.offset = when - centre.now()
    elif how in ("offset", "jump"):
        by = datetime.timedelta(seconds=float(decimal_of(value)))
        centre.offset = by + (centre.offset if how == "jump" else datetime.timedelta())
    else:
        raise ValueError("one of offset, set, jump")
    return {"offset": centre.offset.total_seconds(), "time": centre.stamp()}


def end_sessions(centre: Centre, _body: Any) -> dict[str, Any]:
    """``DELETE /sessions``: every log-in has expired."""
    for session in centre.ledger.sessions.values():
        session.used = min(session.used, centre.time() - datetime.timedelta(hours=2))
    return {"sessions": 0}


def busy(centre: Centre, body: Any) -> dict[str, Any]:
    """``PUT /busy``: the leaving of a stay is being worked on (110021), or no longer."""
    body = _object(body)
    (centre.busy.add if body.get("busy", True) else centre.busy.discard)(str(body["akc190"]))
    return {"busy": sorted(centre.busy)}


def apply_for_settlement(centre: Centre, body: Any) -> dict[str, Any]:
    """``POST /applications``: the hospital applies for settlement on the web."""
    return _moved(centre, body, review.submit)


def withdraw(centre: Centre, body: Any) -> dict[str, Any]:
    """``DELETE /applications``: the hospital takes the application back."""
    return _moved(centre, body, review.withdraw)


def approve(centre: Centre, body: Any) -> dict[str, Any]:
    """``POST /reviews``: the agency finishes its review."""
    return _moved(centre, body, review.approve)


def reopen(centre: Centre, body: Any) -> dict[str, Any]:
    """``DELETE /reviews``: the agency takes its review back."""
    return _moved(centre, body, review.reopen)


def deduct(centre: Centre, body: Any) -> dict[str, Any]:
    """``POST /deductions``: the agency takes ``amount`` (all, if none) off the charge ``serial``, by AKA073."""
    body = _object(body)
    reason = str(body.get("reason", "3"))
    if reason not in CODES["AKA073"]:
        raise ValueError("reason must be one of AKA073")
    amount = None if body.get("amount") is None else decimal_of(body["amount"])
    stay = _stay(centre, body)
    review.deduct(stay, int(body["serial"]), amount, reason)
    return {"own": review.own(stay)}


def _moved(centre: Centre, body: Any, move: Callable[[Centre, Stay], None]) -> dict[str, Any]:
    stay = _stay(centre, _object(body))
    move(centre, stay)
    return {"akc190": stay.number, "state": stay.state}


def _stay(centre: Centre, body: Row) -> Stay:
    dialect = by_rolltype(str(body.get("rolltype", "0"))) if "rolltype" in body else None
    for stay in centre.ledger.standing(str(body.get("akc190"))):
        if dialect in (None, stay.dialect) and body.get("akb020") in (None, stay.hospital):
            return stay
    raise ValueError("no such stay")


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise ValueError("expected an object")
    return body


Arrangement = Callable[[Centre, Any], dict[str, Any]]


def _creating(create: Callable[[Centre, dict[str, Any]], Row]) -> Arrangement:
    return lambda centre, body: dict(create(centre, dict(_object(body))))


#: By the control port's method and path.
ARRANGEMENTS: dict[str, Arrangement] = {
    "PUT /switches": switches,
    "PUT /clock": clock,
    "DELETE /sessions": end_sessions,
    "PUT /busy": busy,
    "POST /applications": apply_for_settlement,
    "DELETE /applications": withdraw,
    "POST /reviews": approve,
    "DELETE /reviews": reopen,
    "POST /deductions": deduct,
    "POST /people": _creating(create_person),
    **{f"PUT /{kind}": _creating(create) for kind, create in CREATORS.items()},
}
