"""4.21 and 4.22: filings of people of other provinces, and registering them. N55."""

from __future__ import annotations

import datetime
from typing import Any

from simulators.neimenggu.centre import Call, Centre
from simulators.neimenggu.dialects import OFFSITE
from simulators.neimenggu.fields import TABLES, date, day, member, missing
from simulators.neimenggu.ledger import Stay
from simulators.neimenggu.refusals import OTHER, Refusal
from simulators.neimenggu.registration import diseases_known, enter, turn, unfinished
from simulators.neimenggu.world import DEFAULTS, Row

INPATIENT = "72"  #: AKA1300


def find_filings(centre: Centre, call: Call) -> dict[str, Any]:
    """4.21: approved filings to the hospital that asks."""
    identity, name, when = (member(call.sent, each) for each in ("aac002", "aac003", "aae030s"))
    if not identity:
        raise Refusal(300001)
    if not name:
        raise Refusal(300002)
    certificate = member(call.sent, "alc011")
    if centre.switches.filing_certificate and not certificate:
        raise Refusal(300003)
    if when and day(when) is None:
        raise Refusal(OTHER, "aae030s")
    person = centre.world.by_identity(identity, name)
    found = [
        row
        for row in _filings(centre, call, person)
        if (not when or row["aae030"] <= when <= row["aae031"]) and certificate in ("", row["alc011"])
    ]
    if person is None or not found:
        raise Refusal(300004)
    shown = []
    for row in found:
        members = {"aac002": person["aac002"], "aac003": person["aac003"]} | {each: row[each] for each in _SHOWN}
        members["aae100"] = "1" if row["aae100"] == "1" and row["aae031"] >= f"{centre.today():%Y%m%d}" else "0"
        shown.append(members | ({"filingno": row["serial"]} if centre.switches.filing_serial else {}))
    return {"Bs001Gets": shown}


_SHOWN = tuple(DEFAULTS["filings"])


def _filings(centre: Centre, call: Call, person: Row | None) -> list[Row]:
    return [
        row
        for row in centre.world.filings.values()
        if person is not None
        and row["aac001"] == person["aac001"]
        and row["akb020"] == call.hospital
        and row["aae016"] == "1"
    ]


def _refuse(rule: str, name: str) -> Refusal:
    return OFFSITE.refuse("register", rule, name if OFFSITE.code("register", rule) == OTHER else "")


def register(centre: Centre, call: Call) -> dict[str, Any]:
    """4.22: the filing must be valid on the day of admission."""
    given = call.sent.get("bs003WS")
    if not isinstance(given, dict) or not given:
        raise _refuse("whole", "bs003WS")
    sent = TABLES["bs003WS"].check(given, _refuse)
    inpatient = sent["aka130"] == INPATIENT
    if inpatient:
        for rule, name in (("bed", "akc200"), ("ward", "akc199")):
            if missing(sent, (name,)):
                raise _refuse(rule, name)
    elif not centre.switches.outpatients:
        raise _refuse("outpatient", "aka130")
    if not diseases_known(sent["alc028"]):
        raise _refuse("disease_unknown", "alc028")
    if centre.hospital(call)["offsite"] != "1":
        raise _refuse("not_qualified", "")
    if any(stay.hospital == call.hospital for stay in centre.ledger.standing(sent["akc190"])):
        raise _refuse("twice", "akc190")
    since = date(sent["aae030"])
    assert since is not None
    person = centre.world.by_identity(sent["aac002"], sent["aac003"])
    if person is None or not _filed(centre, call, person, sent, since):
        raise _refuse("no_filing", "")
    if inpatient and unfinished(centre, person, inpatient=True):
        raise _refuse("other_stay", "")
    if any(_covers(stay, person, since) for stay in centre.ledger.stays):
        raise _refuse("within_stay", "aae030")
    if since > centre.today():
        raise _refuse("future", "aae030")
    stay = Stay(
        number=sent["akc190"],
        hospital=call.hospital,
        dialect=OFFSITE,
        person=person,
        sent=sent,
        since=since,
        inpatient=inpatient,
        certificate=sent["alc011"],
        treatment=sent["akc191"],
        disease=sent["alc028"],
        at=centre.stamp(),
        turn=turn(centre, person),
    )
    enter(centre, stay, call)
    return {}


def _filed(centre: Centre, call: Call, person: Row, sent: Row, since: datetime.date) -> bool:
    serial = member(call.sent.get("bs003WS", {}), "filingno")
    return any(
        row["alc011"] == sent["alc011"]
        and row["aae100"] == "1"
        and row["aae030"] <= f"{since:%Y%m%d}" <= row["aae031"]
        and (not centre.switches.filing_serial or row["serial"] == serial)
        for row in _filings(centre, call, person)
    )


def _covers(stay: Stay, person: Row, since: datetime.date) -> bool:
    """Tell whether a day lies in an inpatient stay that is over; the day of leaving does not."""
    return (
        stay.person["aac001"] == person["aac001"]
        and stay.state != "cancelled"
        and stay.inpatient
        and stay.leave is not None
        and stay.since <= since < stay.leave.date
    )
