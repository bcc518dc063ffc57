"""4.8 and 4.9: registering and taking it back. N46, N47."""

from __future__ import annotations

import re
from typing import Any

from simulators.neimenggu.centre import Call, Centre
from simulators.neimenggu.dialects import LOCAL, Dialect
from simulators.neimenggu.fields import TABLES, date, member, missing
from simulators.neimenggu.ledger import Stay
from simulators.neimenggu.queries import visible
from simulators.neimenggu.refusals import Refusal
from simulators.neimenggu.world import Row

#: The list of diseases is an annex that we do not have: whatever looks like ICD-10, but for U99.
_DISEASE = re.compile(r"(?!U99)[A-Z]\d{2}(\.[0-9A-Z+*]{1,7})?", re.ASCII)
REHABILITATION = "4"  #: AKC191
_REHABILITATION_KINDS = ("3", "8")  #: ALE021


def diseases_known(codes: str) -> bool:
    """Tell whether all codes of a list with commas are diseases."""
    return all(_DISEASE.fullmatch(code.strip()) for code in codes.split(","))


def _refuse(rule: str, name: str) -> Refusal:
    return LOCAL.refuse("register", rule, name if LOCAL.code("register", rule) == 1004 else "")


def register(centre: Centre, call: Call) -> dict[str, Any]:
    """4.8: what is empty first, then what is wrong, then who it is and when."""
    fresh = member(call.sent, "isnewinjure")
    if fresh not in ("0", "1"):
        raise Refusal(51001)
    given = call.sent.get("kc21")
    if not isinstance(given, dict) or not given:
        raise _refuse("whole", "kc21")
    sent = TABLES["kc21"].check(given, _refuse)
    inpatient = sent["aka130"] == "21"
    _conditions(centre, sent, fresh == "1", inpatient)
    if not diseases_known(sent["alc028"]):
        raise _refuse("disease_unknown", "alc028")
    if any(stay.hospital == call.hospital for stay in centre.ledger.standing(sent["akc190"])):
        raise _refuse("twice", "akc190")
    person = _person(centre, sent)
    since = date(sent["akc192"])
    assert since is not None
    if since > centre.today():
        raise _refuse("future", "akc192")
    if fresh == "1":
        _new_injury(centre, sent)
    else:
        _old_injury(centre, sent)
    if inpatient and unfinished(centre, person, inpatient=True):
        raise _refuse("unsettled", "akc190")
    stay = Stay(
        number=sent["akc190"],
        hospital=call.hospital,
        dialect=LOCAL,
        person=person,
        sent=sent,
        since=since,
        inpatient=inpatient,
        certificate=sent["alca02"],
        treatment=sent["akc191"],
        disease=sent["alc028"],
        at=centre.stamp(),
        turn=turn(centre, person),
    )
    enter(centre, stay, call)
    return {}


def _conditions(centre: Centre, sent: Row, fresh: bool, inpatient: bool) -> None:
    """What must be filled depends on the injury and on the kind of stay."""
    if not sent["aab001"] and (fresh or centre.switches.employer_required == "always"):
        raise _refuse("employer", "aab001")
    if fresh:
        for name in ("alca02", "aae073"):
            if sent[name]:
                raise _refuse("filled", name)
    else:
        if not sent["alca02"]:
            raise _refuse("certificate", "alca02")
        if not sent["aae073"]:
            raise _refuse("application", "aae073")
    if inpatient and (absent := missing(sent, ("akc199", "alk024"))):
        raise _refuse("ward", absent)
    if not inpatient and not centre.switches.outpatients:
        raise _refuse("outpatient", "aka130")


def _person(centre: Centre, sent: Row) -> Row:
    person = centre.world.people.get(sent["aac001"])
    if person is None or (person["aac002"], person["aac003"]) != (sent["aac002"], sent["aac003"]):
        raise _refuse("no_injury", "aac001")
    if sent["aab001"] and sent["aab001"] != person["aab001"]:
        raise _refuse("no_injury", "aab001")
    return person


def _new_injury(centre: Centre, sent: Row) -> None:
    person = centre.world.people[sent["aac001"]]
    filings = visible(centre, person["aac001"])
    if person["insured"] != "1" or (centre.switches.new_injury_filing and not filings):
        raise _refuse("no_injury", "aac001")
    if filings and all(sent["akc192"] < filing.row["alc020"] for filing in filings):
        raise _refuse("before_injury", "akc192")


def _old_injury(centre: Centre, sent: Row) -> None:
    injury = centre.world.injuries.get(sent["alca02"])
    if injury is None or injury["aac001"] != sent["aac001"]:
        raise _refuse("no_injury", "alca02")
    if sent["akc192"] < injury["alc020"]:
        raise _refuse("before_injury", "akc192")
    cure = centre.world.cures.get(sent["aae073"])
    fits = (
        cure is not None
        and (cure["aac001"], cure["alca02"]) == (sent["aac001"], sent["alca02"])
        and cure["akc175"] == "1"
        and cure["akc173"] <= sent["akc192"] <= cure["aae031"]
        and cure["jxzl"] == ("2" if sent["aka130"] == "21" else "1")
        and (cure["ale021"] in _REHABILITATION_KINDS) == (sent["akc191"] == REHABILITATION)
    )
    if not fits:
        raise _refuse("application", "aae073")


def unfinished(centre: Centre, person: Row, inpatient: bool) -> bool:
    """Tell whether a person has a stay that is not over (switch ``earlier_stay``)."""
    over = ("reviewed", "cancelled") if centre.switches.earlier_stay == "reviewed" else ("left", "applied", "reviewed",
                                                                                         "cancelled")  # fmt: skip
    return any(
        stay.person["aac001"] == person["aac001"] and stay.inpatient == inpatient and stay.state not in over
        for stay in centre.ledger.stays
    )


def turn(centre: Centre, person: Row) -> int:
    """Return which stay of a person the next one is."""
    return 1 + sum(stay.person["aac001"] == person["aac001"] for stay in centre.ledger.stays)


def enter(centre: Centre, stay: Stay, call: Call) -> None:
    """Write a new stay down."""
    stay.move("registered", call.method, stay.at)
    centre.ledger.stays.append(stay)


def unregister(centre: Centre, call: Call, dialect: Dialect) -> dict[str, Any]:
    """4.9 and 4.23: before review and before the fees are approved."""
    name = "alca02" if dialect is LOCAL else "alc011"
    number, certificate = member(call.sent, "akc190"), member(call.sent, name)

    def refuse(rule: str) -> Refusal:
        return dialect.refuse("unregister", rule)

    if not number:
        raise refuse("number")
    stay = centre.stay(call, number, dialect)
    if stay is None:
        raise refuse("no_stay")
    if not certificate and stay.local and stay.certificate and centre.switches.undo_certificate:
        raise refuse("certificate")
    if certificate and certificate != stay.certificate:
        raise refuse("other")
    if stay.state == "reviewed":
        raise refuse("reviewed")
    if stay.gone:
        raise refuse("settled")
    if stay.lines and (dialect is not LOCAL or centre.switches.undo_with_fees == "refuse"):
        raise refuse("fees")
    if stay.approval is not None and centre.switches.undo_approved == "refuse":
        raise refuse("settled")
    stay.clear(call.method)
    stay.orders.clear()
    stay.move("cancelled", call.method, centre.stamp())
    return {}
