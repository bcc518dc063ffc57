"""What the control port changes in the hospital: never part of the real protocol, but written in the book like it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from simulators.common.numbers import decimal_of
from simulators.hospital.business import bills
from simulators.hospital.data import money
from simulators.hospital.hospital import Hospital
from simulators.hospital.ledger import Refund
from simulators.hospital.people import STATES, Card, Patient
from simulators.hospital.records import Application, Lesson, Request, Stay
from simulators.hospital.switches import BOARD
from simulators.wechat.codes import Refusal
from simulators.wechat.members import yuan
from simulators.wechat.people import invent

_EVERY = 4  #: every fourth patient lies in a ward


def seed(hospital: Hospital, patients: int) -> None:
    """Put there what stands from the beginning: everybody has a card, a bill and two requests; some lie in a ward."""
    now, hospital.now = hospital.now, lambda: datetime.datetime(2026, 1, 5, 0, 0, tzinfo=datetime.UTC)
    for number in range(1, patients + 1):
        card = hospital.people.add(invent(number), hospital.today())
        bills.write_next(hospital, card.patient)
        for row in hospital.catalogue.examinations:
            _request(hospital, card.patient, row["item"], row["room"])
        if number % _EVERY == 0:
            _stay(hospital, card, "示例病区一", f"{number % 40 + 1:02d}床")
        if number % _EVERY == 1:
            _application(hospital, card, "示例病区二", "500.00")
        if number % _EVERY == 2:
            _lesson(hospital, card.patient, "跌倒预防")
    hospital.now = now


# -- settings
def switches(hospital: Hospital, body: Any) -> dict[str, Any]:
    """``PUT /switches``: some of them, the others stay."""
    hospital.switches = BOARD.changed(hospital.switches, body)
    return asdict(hospital.switches)


def clock(hospital: Hospital, body: Any) -> dict[str, Any]:
    """``PUT /clock``: ``offset`` seconds from the true time, ``set`` to a time, or ``jump`` seconds from now on."""
    ((how, value),) = _object(body).items()
    if how == "set":
        hospital.offset += datetime.datetime.fromisoformat(str(value)) - hospital.time()
    elif how in ("offset", "jump"):
        by = datetime.timedelta(seconds=float(decimal_of(value)))
        hospital.offset = by + (hospital.offset if how == "jump" else datetime.timedelta())
    else:
        raise ValueError("one of offset, set, jump")
    return {"offset": hospital.offset.total_seconds(), "time": hospital.stamp()}


def capacity(hospital: Hospital, body: Any) -> dict[str, int]:
    """``PUT /capacities``: {slot, doctor, room, `physical`, `choice`, item, or `a day` (of a patient): places}."""
    hospital.capacities |= {str(name): int(number) for name, number in _object(body).items()}
    return hospital.capacities


def stop(hospital: Hospital, body: Any) -> dict[str, Any]:
    """``PUT /stopped``: {doctor or item: whether it is}."""
    for name, stopped in _object(body).items():
        known = hospital.stopped if name in hospital.catalogue.doctors else hospital.withdrawn
        (known.add if stopped else known.discard)(name)
    return {"doctors": sorted(hospital.stopped), "items": sorted(hospital.withdrawn)}


# -- people
def card(hospital: Hospital, body: Any) -> dict[str, Any]:
    """``PUT /cards``: state, balance, may_pay, may_top_up, may_deposit of a patient's card; a new patient's if new."""
    body = _object(body)
    number = str(body.get("patient", ""))
    if number not in hospital.people.patients and body.get("new"):
        found = hospital.people.add(invent(len(hospital.people.patients) + 1), hospital.today())
    else:
        found = _card(hospital, body)
    if body.get("state", "normal") not in STATES:
        raise ValueError(f"state must be one of {', '.join(STATES)}")
    found.state = str(body.get("state", found.state))
    if "balance" in body:
        found.balance = money(body["balance"])
    for name in ("may_pay", "may_top_up", "may_deposit"):
        setattr(found, name, bool(body.get(name, getattr(found, name))))
    return {"patient": found.patient.id, "card": found.number, "balance": yuan(found.balance), "state": found.state}


def bill(hospital: Hospital, body: Any) -> dict[str, Any]:
    """``POST /bills``: ``lines`` of a patient (the next of the invented ones if none), ``count`` times."""
    body = _object(body)
    patient = _card(hospital, body).patient
    written = []
    for _ in range(int(body.get("count", 1))):
        lines = body.get("lines")
        written += (
            bills.write_next(hospital, patient)
            if lines is None
            else bills.write_bill(hospital, patient, lines, str(body.get("doctor", "D001")))
        )
    return {"patient": patient.id, "lines": [{"id": line.id, "due": yuan(line.due)} for line in written]}


def paid_at_desk(hospital: Hospital, body: Any) -> dict[str, Any]:
    """``POST /desk``: what is open of a patient's bills is paid at the window instead."""
    patient = _card(hospital, _object(body)).patient
    lines = bills.open_lines(hospital, patient)
    if lines:
        bills.settle(hospital, lines)
    return {"patient": patient.id, "lines": [line.id for line in lines]}


def stay(hospital: Hospital, body: Any) -> dict[str, Any]:
    """``PUT /stays``: a patient is admitted, given a ``bed``, or leaves (``out``); ``minimum`` 0: no deposits."""
    body = _object(body)
    found = hospital.stays.get(str(body.get("stay")))
    if found is None:
        found = _stay(hospital, _card(hospital, body), str(body.get("department", "示例病区一")), "")
    found.bed = str(body.get("bed", found.bed))
    found.minimum = money(body.get("minimum", found.minimum))
    found.maximum = money(body.get("maximum", found.maximum))
    if body.get("out"):
        found.until = hospital.time()
    return {"stay": found.id, "number": found.number, "bed": found.bed, "state": found.state}


def application(hospital: Hospital, body: Any) -> dict[str, Any]:
    """``POST /admissions``: a doctor applies for admission with a ``deposit``."""
    body = _object(body)
    found = _application(hospital, _card(hospital, body), "示例病区二", str(body.get("deposit", "500.00")))
    return {"admission": found.id}


def request(hospital: Hospital, body: Any) -> dict[str, Any]:
    """``POST /requests``: a doctor asks for an examination in a ``room``."""
    body = _object(body)
    room = str(body.get("room", "US1"))
    row = next(each for each in hospital.catalogue.examinations if each["room"] == room)
    return {"request": _request(hospital, _card(hospital, body).patient, row["item"], room).id}


def lesson(hospital: Hospital, body: Any) -> dict[str, Any]:
    """``POST /lessons``: a nurse teaches."""
    body = _object(body)
    return {"lesson": _lesson(hospital, _card(hospital, body).patient, str(body.get("title", "跌倒预防"))).id}


def progress(hospital: Hospital, body: Any) -> dict[str, Any]:
    """``PUT /progress``: a registration or booking by its number or the platform's: state seen, missed, registered."""
    body = _object(body)
    wanted, state = str(body.get("id")), str(body.get("state"))
    for visit in hospital.visits:
        if wanted in (visit.id, visit.key) and state in ("seen", "missed", "registered", "cancelled"):
            visit.state = state
            return {"id": visit.id, "state": state}
    for booking in hospital.bookings.values():
        if wanted in (booking.id, booking.key) and state in ("registered", "booked", "cancelled"):
            booking.state = state
            return {"id": booking.id, "state": state}
    raise ValueError("no such registration or booking, or no such state")


# -- the window gives money back
def refund(hospital: Hospital, body: Any) -> dict[str, Any]:
    """``POST /refunds``: the window wants ``amount`` (all of it if none) of payment ``trade`` back; it is asked for."""
    body = _object(body)
    trade = str(body.get("trade"))
    payments = hospital.ledger.of(trade)
    if not payments:
        raise ValueError("nothing was booked under this number")
    left = hospital.ledger.left(trade)
    amount = left if body.get("amount") is None else money(body["amount"])
    if not 0 < amount <= left:
        raise ValueError(f"{yuan(left)} are left")
    found = hospital.give_back("window", payments[0], amount, str(body.get("refund_no", "")))
    found.state = "asked"
    if payments[0].business == "JZKCZ":
        found.payment.card.balance -= amount  # frozen
    return _refund(found)


def refunded(hospital: Hospital, body: Any) -> dict[str, Any]:
    """``PUT /refunds``: what became of ``refund_no``: state done or failed, the platform's number."""
    body = _object(body)
    state = str(body.get("state", "done"))
    if state not in ("done", "failed"):
        raise ValueError("state is done or failed")
    for found in hospital.ledger.refunds:
        if found.refund_no == str(body.get("refund_no")) and found.state == "asked":
            found.state, found.platform_no = state, str(body.get("platform_no", ""))
            if state == "failed" and found.payment.business == "JZKCZ":
                found.payment.card.balance += found.amount
            return _refund(found)
    raise ValueError("no such refund was asked for")


def _refund(found: Refund) -> dict[str, Any]:
    return {
        "refund_no": found.refund_no,
        "trade": found.trade,
        "amount": yuan(found.amount),
        "state": found.state,
        "card": found.payment.card.number,
    }


# -- helpers
def _card(hospital: Hospital, body: dict[str, Any]) -> Card:
    patient = hospital.people.patients.get(str(body.get("patient", "")))
    try:
        number = str(body["card"]) if patient is None else hospital.people.cards_of(patient)[0].number
        return hospital.card(number)
    except (KeyError, IndexError, Refusal):
        raise ValueError("no such patient or card") from None


def _stay(hospital: Hospital, card: Card, department: str, bed: str) -> Stay:
    number = hospital.next("ZY")
    found = Stay(number, number[-6:], card, department, hospital.time(), bed=bed)
    hospital.stays[found.id] = found
    return found


def _application(hospital: Hospital, card: Card, department: str, deposit: str) -> Application:
    found = Application(hospital.next("SQ"), card, department, money(deposit))
    hospital.applications[found.id] = found
    return found


def _request(hospital: Hospital, patient: Patient, item: str, room: str) -> Request:
    found = Request(hospital.next("SQD"), hospital.next("SQZ"), patient, item, room)
    hospital.requests[found.id] = found
    return found


def _lesson(hospital: Hospital, patient: Patient, title: str) -> Lesson:
    found = Lesson(hospital.next("XJ"), patient, hospital.time(), title)
    hospital.lessons[found.id] = found
    return found


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or not body:
        raise ValueError("expected an object")
    return body


#: By the control port's method and path.
ARRANGEMENTS: dict[str, Callable[[Hospital, Any], dict[str, Any]]] = {
    "PUT /switches": switches,
    "PUT /clock": clock,
    "PUT /capacities": capacity,
    "PUT /stopped": stop,
    "PUT /cards": card,
    "POST /bills": bill,
    "POST /desk": paid_at_desk,
    "PUT /stays": stay,
    "POST /admissions": application,
    "POST /requests": request,
    "POST /lessons": lesson,
    "PUT /progress": progress,
    "POST /refunds": refund,
    "PUT /refunds": refunded,
}
