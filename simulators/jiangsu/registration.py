"""1101, 2201, 2202, 2203, 9105: who somebody is, registering, what is registered. J3, J4, J19, J22, J23, J30."""

from __future__ import annotations

from typing import Any

from simulators.jiangsu.centre import Call, Centre
from simulators.jiangsu.fields import text
from simulators.jiangsu.ledger import Visit
from simulators.jiangsu.people import Person, invent
from simulators.jiangsu.refusals import Missing, refuse

#: What says which visit and whose: 2203 does not change it (J30).
_KEYS = {"visit_no", "ipt_otp_no", "psn_no", "qualification_id"}
_NO_CREDENTIAL = {"1": "读卡器中没有卡", "2": "qrCodeInfo"}


def read_card(centre: Centre, call: Call) -> dict[str, Any]:
    """1101: who the credential belongs to (J19, J23)."""
    if call.mode not in _NO_CREDENTIAL:
        raise Missing("identifyMode")
    if not call.credential:
        raise Missing(_NO_CREDENTIAL[call.mode])
    person = _person(centre, call.credential)
    if not person.insured:
        raise refuse("not_insured")
    year = centre.time().year
    return {
        "psn_no": person.psn_no,
        "psn_name": person.psn_name,
        "certno": person.certno,
        "gend": person.gend,
        "age": year - int(person.birthday[:4]),
        "birthday": int(person.birthday),
        "emp_name": "虚构机械厂",
        "psn_type": "1",
        "insu_admdvs": "990099",
        "inhosp_stas": "0",
        "trt_chk_rslt": "",
        "exam_ccls": "".join(f"^{number}|{year}0101|{kind}|" for number, kind in person.injuries.items()),
    }


def _person(centre: Centre, credential: str) -> Person:
    known = centre.ledger.people.get(credential)
    if known is None:
        if not centre.switches.auto_enrol:
            raise refuse("not_insured")
        known = centre.ledger.people[credential] = invent(credential)
    return known


def insured(centre: Centre, psn_no: str) -> Person | None:
    """Return the insured person of a number, once a card of theirs was read."""
    return next((each for each in centre.ledger.people.values() if each.psn_no == psn_no and each.insured), None)


def register(centre: Centre, call: Call) -> dict[str, Any]:
    """2201: the gateway hands out visit_no, the hospital brings ipt_otp_no (J3)."""
    sent = call.parameters
    psn_no, number = text(sent, "psn_no"), text(sent, "ipt_otp_no")
    text(sent, "visit_type")
    person = insured(centre, psn_no)
    if person is None:
        raise refuse("not_insured")
    if sent.get("qualification_id") and sent["qualification_id"] not in person.injuries:
        raise refuse("no_injury")
    if centre.standing(number) is not None and centre.switches.duplicate_registration == "refuse":
        raise refuse("registered_already")
    visit_no = f"V{centre.time():%Y%m%d}{centre.ledger.next():06d}"
    visit = centre.ledger.visits[visit_no] = Visit(visit_no, number, psn_no, _details(sent), call.msgid)

    def undo(_call: Call) -> None:
        visit.status = "cancelled"

    centre.effect(call, undo)
    return {"visit_no": visit_no}


def _details(sent: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sent.items() if name not in _KEYS}


def cancel_registration(centre: Centre, call: Call) -> None:
    """2202: only without lines and settlement (J22)."""
    visit = centre.visit(call.parameters)
    if visit.lines or visit.settlement is not None:
        raise refuse("not_empty")
    visit.status = "cancelled"

    def undo(_call: Call) -> None:
        visit.status = "registered"

    centre.effect(call, undo)


def change_registration(centre: Centre, call: Call) -> None:
    """2203: overwrites what 2201 said, but not whose visit it is (J30)."""
    visit = centre.visit(call.parameters)
    if visit.settlement is not None:
        raise refuse("settled_no_change")
    before = visit.details
    visit.details = before | _details(call.parameters)

    def undo(_call: Call) -> None:
        visit.details = before

    centre.effect(call, undo)


def list_visits(centre: Centre, call: Call) -> dict[str, Any]:
    """9105: every registration of a person (J4)."""
    psn_no = text(call.parameters, "psn_no")
    return {
        "visits": [
            {
                "visit_no": visit.visit_no,
                "ipt_otp_no": visit.ipt_otp_no,
                "psn_no": visit.psn_no,
                "visit_type": visit.details["visit_type"],
                "adm_time": str(visit.details.get("adm_time", "")),
                "status": visit.status,
                "msgid": visit.msgid,
            }
            for visit in centre.ledger.visits.values()
            if visit.psn_no == psn_no
        ]
    }
