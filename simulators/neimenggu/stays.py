"""4.15, 4.16, 4.17: what is known of stays. N54."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulators.neimenggu import review
from simulators.neimenggu.approval import note
from simulators.neimenggu.centre import Call, Centre, total
from simulators.neimenggu.data import CODES, REGIONS
from simulators.neimenggu.dialects import LOCAL, by_rolltype
from simulators.neimenggu.fields import date, member
from simulators.neimenggu.ledger import Stay
from simulators.neimenggu.refusals import OTHER, Refusal

_SPANS = ("akc192", "akc194", "aae036")


def list_stays(centre: Centre, call: Call) -> dict[str, Any]:
    """4.15: by anything; by nothing: those entered this month."""
    wanted = {name: member(call.sent, name) for name in ("akc190", "aac002", "aac003", "aaa027")}
    spans = {name: (member(call.sent, f"{name}s"), member(call.sent, f"{name}e")) for name in _SPANS}
    for name, ends in spans.items():
        if any(end and date(end) is None for end in ends):
            raise Refusal(OTHER, name)
    if wanted["aaa027"] and wanted["aaa027"] not in REGIONS:
        raise Refusal(OTHER, "aaa027")
    if not any(wanted.values()) and not any(end for ends in spans.values() for end in ends):
        spans["aae036"] = (f"{centre.today():%Y-%m-01}", "")
    found = [
        row
        for stay in centre.ledger.stays
        if stay.hospital == call.hospital
        and stay.state != "cancelled"
        and (stay.local or centre.switches.list_offsite)
        and _meant(row := _row(centre, stay), stay, wanted, spans)
    ]
    if not found:
        raise Refusal(230003)
    return {"detailcolls": {"detailData": found}}


def _meant(row: dict[str, str], stay: Stay, wanted: dict[str, str], spans: dict[str, tuple[str, str]]) -> bool:
    region = wanted["aaa027"].rstrip("0")
    return (
        all(wanted[name] in ("", row[name]) for name in ("akc190", "aac002", "aac003"))
        and _region(stay).startswith(region)
        and all(_within(row[name][:10], *ends) for name, ends in spans.items())
    )


def _within(value: str, begin: str, end: str) -> bool:
    if not begin and not end:
        return True
    return bool(value) and begin <= value and (not end or value <= end)


def _region(stay: Stay) -> str:
    return stay.person["aab301"]


def _row(centre: Centre, stay: Stay) -> dict[str, str]:
    return {
        "aac001": stay.person["aac001"],
        "aac003": stay.person["aac003"],
        "aac002": stay.person["aac002"],
        "aab001": stay.person["aab001"],
        "akc190": stay.number,
        "alca02": stay.certificate,
        "alca18": str(stay.turn),
        "alc407": str(total(stay)),
        "alc408": str(review.own(stay)) if stay.state == "reviewed" else "0.0",
        "auditlevel": "1" if stay.state == "reviewed" else "",
        "akc192": stay.since.isoformat(),
        "akc194": stay.leave.date.isoformat() if stay.leave else "",
        "aab301name": REGIONS.get(_region(stay), ""),
        "aka130": stay.sent["aka130"],
        "alc029": stay.disease,
        "aae036": stay.at,
        "akc191": stay.treatment,
        **_drugs(stay),
    }


def _drugs(stay: Stay) -> dict[str, str]:
    drugs = sum((line.amount for line in stay.lines if line.kind == "drug"), Decimal(0))
    share = 100 * drugs / stay.total if stay.total else Decimal(0)
    return {"alc407med": f"{drugs:.2f}", "alc407per": f"{share:.2f}%"}


def drug_share(centre: Centre, call: Call) -> dict[str, Any]:
    """4.17: what drugs are of the total; its codes are those of 4.16 (it has none)."""
    number = member(call.sent, "akc190")
    if not number:
        raise Refusal(240001)
    stay = centre.stay(call, number, None if centre.switches.list_offsite else LOCAL)
    if stay is None:
        raise Refusal(240002)
    row = _row(centre, stay)
    shown = ("akc190", "aac003", "aac002", "aka130", "akc191", "akc192", "akc194", "alc407med", "alc407per")
    return {name: row[name] for name in shown} | {"aac004": stay.person["aac004"], "alc407sum": str(total(stay))}


def settlement_sheet(centre: Centre, call: Call) -> dict[str, Any]:
    """4.16: approves the fees by itself; after the review what the agency took off."""
    number, rolltype = member(call.sent, "akc190"), member(call.sent, "rolltype")
    if not number:
        raise Refusal(240001)
    if rolltype not in CODES["FLAG"]:
        raise Refusal(OTHER, "rolltype")
    stay = centre.stay(call, number, by_rolltype(rolltype))
    if stay is None:
        raise Refusal(240002)
    if not stay.gone:
        if centre.switches.sheet_before_leaving == "refuse":
            raise Refusal(240003)
        if stay.lines:
            note(centre, stay, call.method)
    return {"kc21dto": _sheet(centre, stay)}


def _sheet(centre: Centre, stay: Stay) -> dict[str, Any]:
    taken, own = review.deductions(stay), review.own(stay)
    hospital, injury = centre.world.hospitals[stay.hospital], centre.world.injuries.get(stay.certificate, {})
    fund = total(stay) - own
    sheet: dict[str, Any] = {
        "akc190": stay.number,
        "akb020name": hospital["name"],
        "aac003": stay.person["aac003"],
        "aac002": stay.person["aac002"],
        "aac004": stay.person["aac004"],
        "alc022": injury.get("alc022", ""),
        "aab301name": REGIONS.get(_region(stay), ""),
        "alc020": f"{injury['alc020']} 00:00:00" if injury else "",
        "aka130": stay.sent["aka130"],
        "akc191": stay.treatment,
        "akc192": stay.since.isoformat(),
        "alc028": stay.disease,
        "alc407sum": str(total(stay)),
        "alc408sum": str(own),
        "jsdate": centre.stamp(),
        "jjin": str(fund),
        "aac001": stay.person["aac001"],
        "ylaccounts": "0.0000",
        "akc666": stay.sent.get("akc666", ""),
        "akc667": "1" if stay.state == "reviewed" else "0",
        "kc22dtos": {"kc22dto": [_self_paid(each) for each in taken]},
    }
    if stay.leave is not None:
        meals = Decimal(hospital["meal_subsidy"]) * stay.leave.days
        sheet |= {
            "akc194": stay.leave.date.isoformat(),
            "akc196": stay.leave.disease,
            "hsfbtje": f"{meals:.4f}",
        }
        if meals:  # the subsidy is settled with the hospital, and then so is the rest
            sheet["ylaccounts"] = f"{fund + meals:.4f}"
    return sheet


def _self_paid(each: review.Deduction) -> dict[str, str]:
    line = each.line
    return {
        "alc403": line.name,
        "alc405": f"{line.price:f}",
        "alc406": f"{line.quantity:f}",
        "alc407": f"{line.amount:f}",
        "alc408": str(each.amount),
        "marktype": each.reason,
    }
