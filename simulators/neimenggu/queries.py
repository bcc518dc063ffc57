"""4.3 to 4.7: injuries, applications for treatment, accident filings. N44."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from simulators.neimenggu.centre import Call, Centre
from simulators.neimenggu.fields import date, member
from simulators.neimenggu.refusals import OTHER, Refusal
from simulators.neimenggu.world import DEFAULTS, Report, Row

_INJURY = ("aac001", "alca02", "aab009", "aab001", "aab301", "aac002", "aac003", "aac004")
_PERSON_OF_CURE = ("aac001", "alca02", "aac002", "aac003")
_REPORT = ("clc004", "aac001", "aac002", "aac003", "alca02", "aab301", "alc022", "alc020", "alc023", "aaea06", "alc029",
           "aab001")  # fmt: skip
_BATCH_REPORT = ("aac001", "aac003", "aac002", "aae036", "aaea06", "akb001", "alc020", "alc022", "alc023", "alc024",
                 "alc026", "alc029", "alca02", "clc004", "aab001")  # fmt: skip


def find_injuries(centre: Centre, call: Call) -> dict[str, Any]:
    """4.3: by identity number and name."""
    identity, name = member(call.sent, "aac002"), member(call.sent, "aac003")
    if not name:
        raise Refusal(41001)
    if not identity:
        raise Refusal(41002)
    if len(identity) > 18 or len(name) > 30:
        raise Refusal(OTHER, "aac002" if len(identity) > 18 else "aac003")
    person = centre.world.by_identity(identity, name)
    found: list[Row] = []
    if person is not None:
        found = [_injury(person, row) for row in centre.world.injuries.values() if row["aac001"] == person["aac001"]]
        if not found and person["insured"] == "1" and centre.switches.insured_without_injury == "record":
            found = [_injury(person, dict.fromkeys(DEFAULTS["injuries"], ""))]
    return {"counts": len(found), "lc01s": {"lc01": found}}


def _injury(person: Row, row: Row) -> Row:
    merged = {"alca02": "", **person, **row}
    merged.setdefault("aab009", merged["aab001"])
    names = (*_INJURY, *(name for name in DEFAULTS["injuries"] if name not in _INJURY))
    return {name: merged[name] for name in names}


def find_treatments(centre: Centre, call: Call) -> dict[str, Any]:
    """4.4: by certificate."""
    certificate = member(call.sent, "alca02")
    if not certificate:
        raise Refusal(190001)
    return _cures(centre, (row for row in centre.world.cures.values() if row["alca02"] == certificate))


def search_treatments(centre: Centre, call: Call) -> dict[str, Any]:
    """4.5: by anything; by nothing: those that were applied for this month."""
    spans = (("aae034", "aae035", "aae037"), ("akc176", "akc176s", "akc176e"))
    wanted = _wanted(call, [name for span in spans for name in span[1:]])
    month = f"{centre.today():%Y-%m}"
    people = centre.world.people

    def meant(row: Row) -> bool:
        if not any(wanted.values()):
            return row["akc176"].startswith(month)
        return _is_person(people[row["aac001"]], wanted) and all(_within(row, wanted, *span) for span in spans)

    return _cures(centre, (row for row in centre.world.cures.values() if meant(row)))


def _cures(centre: Centre, found: Iterable[Row]) -> dict[str, Any]:
    rows = []
    for row in found:
        person = centre.world.people[row["aac001"]]
        shown = {"aae073": row["aae073"], **{name: {**person, **row}[name] for name in _PERSON_OF_CURE}}
        rows.append(shown | {name: row[name] for name in DEFAULTS["cures"]})
    if not rows:
        raise Refusal(190002)
    return {"lkb7s": {"lkb7": rows}}


def find_reports(centre: Centre, call: Call) -> dict[str, Any]:
    """4.6: accident filings of a person, once they are there."""
    number = member(call.sent, "aac001")
    if not number:
        raise Refusal(OTHER, "aac001")
    rows = [_report(centre, each, _REPORT) for each in visible(centre, number)]
    return {"ldc1": rows[0] if len(rows) == 1 and centre.switches.one_as_object else rows}


def search_reports(centre: Centre, call: Call) -> dict[str, Any]:
    """4.7: by anything; by nothing: all."""
    wanted = _wanted(call, ["aae035", "aae037"])
    rows = [
        _report(centre, each, _BATCH_REPORT)
        for each in visible(centre)
        if _is_person(centre.world.people[each.row["aac001"]], wanted)
        and _within(each.row, wanted, "aae036", "aae035", "aae037")
    ]
    return {"ldch": rows}


def visible(centre: Centre, person: str | None = None) -> list[Report]:
    """Return the accident filings that can be seen by now."""
    return [
        each
        for each in centre.world.reports.values()
        if each.visible <= centre.time() and person in (None, each.row["aac001"])
    ]


def _report(centre: Centre, report: Report, names: tuple[str, ...]) -> Row:
    merged = {**centre.world.people[report.row["aac001"]], **report.row}
    return {name: merged[name] for name in names}


def _wanted(call: Call, dates: Iterable[str]) -> Row:
    found = {name: member(call.sent, name) for name in ("aac002", "aac003", *dates)}
    for name in dates:
        if found[name] and date(found[name]) is None:
            raise Refusal(OTHER, name)
    return found


def _is_person(person: Row, wanted: Mapping[str, str]) -> bool:
    return all(wanted[name] in ("", person[name]) for name in ("aac002", "aac003"))


def _within(row: Row, wanted: Mapping[str, str], name: str, begin: str, end: str) -> bool:
    return wanted[begin] <= row[name] and (not wanted[end] or row[name] <= wanted[end])
