"""Reports, records and other things to read (16, 17, 19.2, 32, 38, 40, 41), from data/readings.yaml."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

from simulators.hospital.business.cards import age
from simulators.hospital.data import load
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.people import Patient
from simulators.wechat.codes import NOTHING_FOUND, Refusal
from simulators.wechat.members import seconds

_READINGS = load("readings")
_PLACE = re.compile(r"\{(\w+)\}")
_IMAGE = b"\x00" * 128 + b"DICM"


class _Period:
    """The days that a query asks for."""

    def __init__(self, call: Call, members: list[str]) -> None:
        self._first = call.sent.moment(members[0]) if members else datetime.datetime.min
        self._last = call.sent.moment(members[1], late=True) if members else datetime.datetime.max

    def holds(self, at: datetime.datetime) -> bool:
        return self._first <= at <= self._last


def read(hospital: Hospital, call: Call) -> Any:
    """Answer by the template of the method."""
    reading = _READINGS[call.name]
    period = _Period(call, reading.get("period", []))
    told = [_filled(hospital, reading["data"], each, period) for each in _whom(hospital, call, reading)]
    if reading["about"] == "everybody":
        return [row for rows in told for row in rows]
    return told[0]


def image(_hospital: Hospital, call: Call) -> bytes:
    """16.1.4: a file of the form DICOM."""
    if not call.sent.text("dcmId").startswith("DCM-"):
        raise Refusal(NOTHING_FOUND)
    return _IMAGE


def _whom(hospital: Hospital, call: Call, reading: Any) -> Iterator[Patient | None]:
    match reading["about"]:
        case "patient":
            yield hospital.patient(call)
        case "id":
            found = hospital.people.patients.get(call.sent.text(reading.get("id", "id")).rpartition("-")[2])
            if found is None:
                raise Refusal(NOTHING_FOUND)
            yield found
        case "everybody":
            yield from hospital.people.patients.values()
        case _:
            yield None


def _filled(hospital: Hospital, template: Any, patient: Patient | None, period: _Period) -> Any:
    values = {"hospital": hospital.id, "today": f"{hospital.today()}"}
    if patient is not None:
        person = patient.person
        values |= {
            "name": person.name,
            "sex": person.sex,
            "age": str(age(hospital, person)),
            "card": person.card,
            "identity": person.identity,
            "phone": person.phone,
            "address": person.address,
            "born": f"{person.born}",
            "patient": patient.id,
        }

    def fill(part: Any, more: dict[str, str]) -> Any:
        if isinstance(part, str):
            return _PLACE.sub(lambda found: more[found[1]], part)
        if isinstance(part, dict):
            return {name: fill(value, more) for name, value in part.items() if name != "ago"}
        if isinstance(part, list):
            return list(elements(part, more))
        return part

    def elements(part: list[Any], more: dict[str, str]) -> Iterator[Any]:
        for each in part:
            if isinstance(each, dict) and "ago" in each:
                day = hospital.today() - datetime.timedelta(days=each["ago"])
                at = datetime.datetime.combine(day, datetime.time(9, 30))
                if period.holds(at):
                    yield fill(each, more | {"day": f"{day}", "time": seconds(at)})
            else:
                yield fill(each, more)

    return fill(template, values)


HANDLERS = dict.fromkeys(
    (
        *("16.1.1", "16.1.2", "16.1.3", "16.1.5", "17.1.1", "17.1.2", "19.2.1", "19.2.2", "23.1.4", "28.1.9"),
        *("32.1.1", "32.1.2", "38.1.1", "38.1.2", "38.1.3", "40.1.1", "40.1.2", "40.1.3"),
        *("41.1.1", "41.1.2", "41.1.3", "43.1.1"),
    ),
    read,
) | {"16.1.4": image}
