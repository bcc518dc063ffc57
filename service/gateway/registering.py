"""Registrations: 2201 and 2203, and the number by which the front end knows the visit from then on (J53, J54)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from adapters.jiangsu.transactions import TRANSACTIONS
from engine.environment import HOUR, Micros
from engine.errors import DuplicateKey
from engine.events import Cause
from engine.facts import dumps, normalise
from service.gateway.envelope import GatewayError, ok, refusal
from service.gateway.front import INPATIENT, OUTPATIENT, SETTLED, UNREGISTERED, Ask, Front, Known
from service.gateway.requests import Identity, Registration, checked
from service.gateway.singles import Answer, read_card, single
from service.gateway.telling import stopped
from steps.jiangsu.forward import first_qualification
from steps.jiangsu.models import Change

#: What a visit cannot be without, and the front ends of 000 do not always say.
_NEEDED = ("diagnosis", "dept_code", "dept_name", "doctor_code", "doctor_name")
_NUMBERS = {"ipt_otp_no", "mdtrt_id"}
_MOST_ALIKE = 1_000
#: How long after midnight yesterday's visit is still the one that is meant.
_STILL_THE_SAME: Micros = HOUR


def flow_of(registration: Registration) -> str:
    """Return the flow of a registration: med_type 21-23, or visit_type 2 without one, is a stay."""
    kind = registration.med_type or ("21" if registration.visit_type == "2" else "11")
    return INPATIENT if kind.startswith("2") else OUTPATIENT


def told(registration: Registration) -> dict[str, Any]:
    """Return what the front end has told of the visit, numbers apart."""
    return {name: value for name, value in registration.model_dump(exclude=_NUMBERS).items() if value is not None}


def with_card(given: dict[str, Any], card: Mapping[str, Any], flow: str) -> dict[str, Any]:
    """Return what was told with who the card says it is. Raises GatewayError 1007 where both name another person."""
    if given.get("psn_no", card["psn_no"]) != card["psn_no"]:
        raise GatewayError(1007, "psn_no：expected the person whose card was read")
    kind = given.get("med_type", "21" if flow == INPATIENT else "11")
    found = given.get("qualification_id") or first_qualification(str(card.get("exam_ccls") or ""), kind)
    return given | {"psn_no": card["psn_no"]} | ({"qualification_id": found} if found else {})


async def derived_key(front: Front, flow: str, what: Any) -> str:
    """Return the number of a visit for which the front end has none: same person, content and day, same number.

    A visit of yesterday that was opened a moment ago is the same as well: people do not ask again at midnight sharp.
    """
    digest = hashlib.sha256(dumps(normalise(what)).encode()).hexdigest()[:16]
    before = f"GW{front.day(ago=1)}{digest}"
    known = await front.find(before, flows=(flow,))
    if known is not None and front.now() - known.visit.opened_at < _STILL_THE_SAME and not known.cancelled:
        return before
    return f"GW{front.day()}{digest}"


async def open_or_join(
    front: Front,
    flow: str,
    key: str,
    given: Mapping[str, Any],
    more: Mapping[str, Any],
    ask: Identity,
    passes: Callable[[Known], bool],
) -> Known:
    """Return the visit ``key``, opened with what was told where there is none.

    A visit that ``passes`` makes room: the next one gets a number of its own behind it.

    Raises:
        GatewayError: 1009 the number belongs to a visit with other content.
    """
    if not front.is_on(flow):
        raise GatewayError(1011, f"flows.yaml: {flow}")
    defaults = {name: front.default(name) for name in _NEEDED if front.default(name)}
    opening = {**defaults, "adm_time": front.stamp(), **given, **more}
    for number in range(1, _MOST_ALIKE):
        name = key if number == 1 else f"{key}-{number}"
        known = await front.find(name, flows=(flow,))
        if known is None:
            with suppress(DuplicateKey):  # somebody else opened it a moment ago
                await front.application.commands.open(flow, name, opening, front.by(ask))
            known = await front.find(name, flows=(flow,))
            assert known is not None
        if not passes(known):
            return await _same(front, known, given, ask)
    raise GatewayError(1013)


async def _same(front: Front, known: Known, given: Mapping[str, Any], ask: Identity) -> Known:
    """Hold a visit to what was told; one that was refused before it was registered is corrected by it."""
    changed = {name: value for name, value in given.items() if known.data.get(name) != value}
    if not changed:
        return known
    trouble = known.visit.trouble
    if known.visit.state in UNREGISTERED and trouble is not None and trouble.cause is Cause.REFUSED:
        reason = "前台更正后再次登记 registered again after a refusal"
        await front.application.commands.correct(known.visit.visit_id, changed, front.by(ask), reason)
        return await front.known(known.visit.visit_id)
    raise GatewayError(1009, f"businessParams.{next(iter(changed))}", visit=known.key)


async def registered(front: Front, known: Known, ask: Identity) -> Known:
    """Wait until a visit is registered. Raises GatewayError."""

    def done(projection: Any) -> bool:
        return projection.state not in UNREGISTERED

    known = await front.wait(known.visit.visit_id, done)
    if known.visit.state in UNREGISTERED:
        known = await front.go_on(known, ask, "2201")
    if known.cancelled:
        raise refusal("no_visit", "2201", visit=known.key)
    if not known.data.get("visit_no"):
        raise stopped(known)
    return known


async def register(front: Front, ask: Ask) -> dict[str, Any]:
    """2201: open the visit and wait until it is registered; the same again gives the same number."""
    registration = checked(Registration, dict(ask.params), "businessParams")
    flow = flow_of(registration)
    given = told(registration)
    if registration.ipt_otp_no is not None:
        key = registration.ipt_otp_no
        if "psn_no" not in given:  # the visit reads the card itself
            given["identify_mode"] = ask.body.identifyMode
            given |= {"qr_code_info": ask.body.qrCodeInfo} if ask.body.qrCodeInfo else {}
    else:
        if "psn_no" not in given:  # whose visit it is must be known: two people may be told of in the same words
            given = with_card(given, (await read_card(front, ask.body)).reply, flow)
        key = await derived_key(front, flow, given)
    derived = registration.ipt_otp_no is None
    known = await open_or_join(front, flow, key, given, {}, ask.body, lambda each: derived and each.over)
    known = await registered(front, known, ask.body)
    data = {"visit_no": known.key, "ipt_otp_no": known.key, "psn_no": known.data.get("psn_no", "")}
    return ok("登记成功", data, messageId=known.message_id("register"), visit=known.key)


async def change(front: Front, ask: Ask) -> dict[str, Any]:
    """2203: hand the visit what differs (J30)."""
    registration = checked(Registration, dict(ask.params), "businessParams")
    known = await front.find(_text(ask.params.get("visit_no")), registration.ipt_otp_no)
    if known is None:
        answer: Answer = await single(front, TRANSACTIONS["change_registration"], ask.params, ask.body)
        return ok("登记信息修改成功", answer.reply, messageId=answer.message_id, visit=answer.key)
    if known.visit.state in SETTLED:
        raise refusal("change_settled", "2203", visit=known.key)
    known = await registered(front, known, ask.body)
    fields = {name: value for name, value in told(registration).items() if name in Change.model_fields}
    changed = {name: value for name, value in fields.items() if known.data.get(name) != value}
    if changed and not known.flow.edges("change_registration", known.visit.state):
        raise refusal("lines_or_settlement", "2203", visit=known.key)
    if changed:
        known = await front.ask(known, "change_registration", changed, ask.body)
        known = await front.go_on(known, ask.body, "2203")
        if known.visit.trouble is not None or known.visit.run is not None:
            raise stopped(known)
    message_id = known.message_id("change_registration", "register")
    return ok("登记信息修改成功", {}, messageId=message_id, visit=known.key)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
