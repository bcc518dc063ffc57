"""Making and changing the centre's records. A record that is there is changed, one that is not is made."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable
from typing import Any

from simulators.neimenggu.centre import Centre
from simulators.neimenggu.data import CODES, REGIONS
from simulators.neimenggu.world import DEFAULTS, Report, Row, invent, md5

Create = Callable[[Centre, dict[str, Any]], Row]


def _record(kind: str, key: str, keep: dict[str, Row], given: dict[str, Any], *more: str) -> Row:
    """Return the record of ``given``: its key, what it says, else what it said, else the default. Raises ValueError."""
    number = str(given.get(key) or "")
    if not number:
        raise ValueError(f"{key} is missing")
    row = dict(keep.get(number) or {**dict.fromkeys(more, ""), **DEFAULTS[kind], key: number})
    if unknown := sorted(set(given) - set(row)):
        raise ValueError(f"no such member: {', '.join(unknown)}; there are {', '.join(sorted(row))}")
    return row | {name: str(value) for name, value in given.items()}


def hospital(centre: Centre, given: dict[str, Any]) -> Row:
    """A hospital: its key, grade, and whether it may have people of other provinces."""
    row = _record("hospitals", "akb020", centre.world.hospitals, given)
    if len(row["key"].encode()) not in (16, 24, 32):
        raise ValueError("key must have 16, 24 or 32 bytes")
    return _kept(centre.world.hospitals, row["akb020"], row)


def user(centre: Centre, given: dict[str, Any]) -> Row:
    """A user of a hospital; the password is kept as 4.1 sends it."""
    if "password" in given or str(given.get("username")) not in centre.world.users:
        given = {**given, "password": md5(str(given.get("password", DEFAULTS["users"]["password"])))}
    row = _record("users", "username", centre.world.users, given, "akb020")
    _known(centre.world.hospitals, row["akb020"], "akb020")
    return _kept(centre.world.users, row["username"], row)


def employer(centre: Centre, given: dict[str, Any]) -> Row:
    """An employer."""
    row = _record("employers", "aab001", centre.world.employers, given)
    return _kept(centre.world.employers, row["aab001"], row)


def item(centre: Centre, given: dict[str, Any]) -> Row:
    """An entry of the catalogue: kind drug, treatment or material; limit is the highest price that is paid."""
    row = _record("items", "code", centre.world.items, given)
    if row["kind"] not in ("drug", "treatment", "material"):
        raise ValueError("kind must be drug, treatment or material")
    return _kept(centre.world.items, row["code"], row)


def injury(centre: Centre, given: dict[str, Any]) -> Row:
    """A certified injury of a person."""
    row = _record("injuries", "alca02", centre.world.injuries, given, "aac001")
    _known(centre.world.people, row["aac001"], "aac001")
    return _kept(centre.world.injuries, row["alca02"], row)


def cure(centre: Centre, given: dict[str, Any]) -> Row:
    """An application for treatment."""
    row = _record("cures", "aae073", centre.world.cures, given, "aac001", "alca02")
    _known(centre.world.people, row["aac001"], "aac001")
    return _kept(centre.world.cures, row["aae073"], row)


def report(centre: Centre, given: dict[str, Any]) -> Row:
    """An accident filing; nobody sees it before ``delay`` seconds have passed."""
    delay = datetime.timedelta(seconds=float(str(given.get("delay", 0))))
    rows = {number: each.row for number, each in centre.world.reports.items()}
    row = _record("reports", "number", rows, {k: v for k, v in given.items() if k != "delay"}, "aac001")
    _known(centre.world.people, row["aac001"], "aac001")
    for name in ("aae036", "alc026"):
        row[name] = row[name] or centre.today().isoformat()
    centre.world.reports[row["number"]] = Report(row, centre.time() + delay)
    return row


def filing(centre: Centre, given: dict[str, Any]) -> Row:
    """A filing for treatment in another province."""
    row = _record("filings", "serial", centre.world.filings, given, "aac001", "akb020")
    _known(centre.world.people, row["aac001"], "aac001")
    row["akb020"] = row["akb020"] or next(iter(centre.world.hospitals))
    return _kept(centre.world.filings, row["serial"], row)


def card(centre: Centre, given: dict[str, Any]) -> Row:
    """A card and the QR code of its electronic twin."""
    row = _record("cards", "aaz500", centre.world.cards, given, "aac001")
    _known(centre.world.people, row["aac001"], "aac001")
    if row["state"] not in CODES["AAZ502"]:
        raise ValueError("state must be one of AAZ502")
    digest = hashlib.sha256(row["aaz500"].encode()).hexdigest().upper()
    row["aaz501"], row["qrcode"] = row["aaz501"] or digest[:32], row["qrcode"] or digest[32:54]
    return _kept(centre.world.cards, row["aaz500"], row)


def person(centre: Centre, given: dict[str, Any]) -> Row:
    """Change a person."""
    _known(centre.world.people, str(given.get("aac001")), "aac001")
    row = _record("people", "aac001", centre.world.people, given)
    return _kept(centre.world.people, row["aac001"], row)


def create_person(centre: Centre, given: dict[str, Any]) -> Row:
    """Invent a person, with what belongs to them: injury, cure, report, filing and card by their numbers.

    Returns everything a desk would want to know of them.
    """
    world, given = centre.world, {name: str(value) for name, value in given.items()}
    row = {**invent(int(given.pop("number", len(world.people) + 1))), **DEFAULTS["people"]}
    row["aab001"] = given.pop("aab001", next(iter(world.employers)))
    row["aab301"] = given.pop("aab301", world.employers.get(row["aab001"], {}).get("aab301", ""))
    row["insured"] = given.pop("insured", row["insured"])
    if row["aac001"] in world.people:
        raise ValueError("that person is there")
    if row["aab301"] not in REGIONS and not row["aab301"].isdigit():
        raise ValueError("aab301 is no region")
    parts = {name: given.pop(name, "") for name in ("injury", "cure", "report", "filing", "card")}
    ale021 = given.pop("ale021", DEFAULTS["cures"]["ale021"])
    jxzl = given.pop("jxzl", DEFAULTS["cures"]["jxzl"])
    if given:
        raise ValueError(f"no such member: {', '.join(sorted(given))}")
    world.people[row["aac001"]] = row
    mine, told = {"aac001": row["aac001"]}, dict(row)
    if parts["injury"]:
        told |= {"alca02": injury(centre, {"alca02": parts["injury"], **mine})["alca02"]}
    if parts["cure"]:
        cure(centre, {"aae073": parts["cure"], "alca02": parts["injury"], "ale021": ale021, "jxzl": jxzl, **mine})
        told |= {"aae073": parts["cure"]}
    if parts["report"]:
        report(centre, {"number": parts["report"], **mine})
    if parts["filing"]:
        filing(centre, {"serial": parts["filing"], "alc011": parts["filing"], **mine})
        told |= {"alc011": parts["filing"]}
    if parts["card"]:
        told |= card(centre, {"aaz500": parts["card"], **mine})
    return told


def _kept(records: dict[str, Row], number: str, row: Row) -> Row:
    """Change the record in place: charges and stays see the catalogue and the person as they are now."""
    records.setdefault(number, row).update(row)
    return row


def _known(records: dict[str, Row], number: str, name: str) -> None:
    if number not in records:
        raise ValueError(f"no such {name}")


CREATORS: dict[str, Create] = {
    "hospitals": hospital,
    "users": user,
    "employers": employer,
    "items": item,
    "injuries": injury,
    "cures": cure,
    "reports": report,
    "filings": filing,
    "cards": card,
    "people": person,
}
