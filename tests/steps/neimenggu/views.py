"""Visits of Inner Mongolia as the steps see them, of invented people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engine.environment import SECOND
from engine.facts import merged, normalise
from engine.outcomes import Category, Effect, Refused
from engine.steps import CallInfo, Step, View
from steps.neimenggu import MODELS, STEPS
from tests.people import identity_number, name
from tests.steps.neimenggu.peer import match

KEY = "ZY20260301"
PERSON, NAME = identity_number(7), name(7)
NOW = 1_772_500_000 * SECOND  # 2026-03-03 in Shanghai
FILE = "ab" * 32

OPENING: dict[str, Any] = {
    "identity_number": PERSON,
    "person_name": NAME,
    "sex": "1",
    "admitted_on": "2026-03-01",
    "diseases": ["S82.201"],
    "department": "骨科",
    "doctor": "测医生",
    "ward": "3",
    "bed": "12",
}
OFFSITE: dict[str, Any] = {
    **{member: value for member, value in OPENING.items() if member != "sex"},
    "card_number": "C00000001",
    "diagnosis": "S82.201",
    "diagnosis_words": "胫骨骨折",
}
INJURY = {"aac001": "P7", "alca02": "GS-7", "aab001": "E7", "aab301": "150500", "alc020": "2025-05-05"}
NEW_INJURY = INJURY | {"alca02": ""}
TREATMENT = {
    "aae073": "A1",
    "alca02": "GS-7",
    "akc175": "1",
    "akc173": "2026-02-20",
    "aae031": "2026-04-20",
}
FILING = {
    "alc011": "GS-7",
    "aae100": "1",
    "aae016": "1",
    "aae030": "20260101",
    "aae031": "20261231",
}
RECORD = {"km02": [{"blz060": "外伤后疼痛"}], "km03": [{"blc074": "好转"}]}
LEAVING: dict[str, Any] = {
    "discharged_on": "2026-03-20",
    "discharge_reason": "9",
    "discharge_diagnoses": ["S82.201"],
    "discharge_words": "胫骨骨折术后",
    "record": RECORD,
    "settlement_number": "JS1",
}
INVOICE = {"file": FILE, "invoice_no": "FP1", "amount": "100.00", "kind": "01", "type": "pdf", "again": False}
PAID: dict[str, Any] = {
    "settlement_number": "JS1",
    "paid_total": "100.00",
    "paid_by_fund": "90.00",
    "paid_by_patient": "10.00",
    "invoices": [INVOICE],
}
ORDER = {"order": "YZ1", "words": "静脉滴注", "doctor": "测医生", "nurse": "测护士"}


def fee(line_id: str, amount: str = "50.00", **more: Any) -> dict[str, Any]:
    """Return a line as the HIS hands it over: one of something."""
    price, quantity = (amount, "1") if not amount.startswith("-") else (amount[1:], "-1")
    return {
        "line_id": line_id,
        "prescription": "CF1",
        "prescribed_on": "2026-03-02",
        "hospital_code": "H1",
        "name": "测试项目",
        "price": price,
        "quantity": quantity,
        "amount": amount,
        **more,
    }


def matched(*lines: dict[str, Any]) -> dict[str, Any]:
    """Return lines as the ledger holds them once they are matched."""
    return {each["line_id"]: each | {"match": kept(each["hospital_code"])} for each in lines}


def kept(code: str) -> dict[str, str]:
    """Return what is kept of a match."""
    return {member: value for member, value in match(code).items() if member not in ("aka070", "zka100")}


def view(model: str = "InpatientVisit", settings: Mapping[str, Any] | None = None, **data: Any) -> View:
    """Return a registered visit with ``data`` laid over what it knows; None takes a member away."""
    opening = MODELS[model.replace("Visit", "Opening")].model_validate(OFFSITE if model == "OffsiteVisit" else OPENING)
    base = opening.model_dump(mode="json", exclude_none=True)
    rests = {"filing": FILING} if model == "OffsiteVisit" else {"injuries": [INJURY], "injury": INJURY}
    facts = merged({**base, **rests, "registered": True}, normalise(data))
    MODELS[model].model_validate(facts)
    flow = "neimenggu.offsite" if model == "OffsiteVisit" else "neimenggu.inpatient"
    return View("id", flow, KEY, "charged", facts, settings or {}, NOW)


def after(seen: View, patch: Mapping[str, Any], model: str = "InpatientVisit") -> View:
    """Return the visit after ``patch``; its model must still accept it."""
    data = merged(seen.data, normalise(dict(patch)))
    MODELS[model].model_validate(data)
    return View(seen.visit_id, seen.flow, seen.key, seen.state, data, seen.settings, seen.now, seen.subject)


def in_doubt(step: Step, seen: View, *, lost: bool = False) -> View:
    """Return ``seen`` with the step's call in doubt or, ``lost``, judged not to have happened."""
    request = json.loads(json.dumps(normalise(dict(step.request(seen)))))
    call = CallInfo("c", "t", step.operation, Effect.ONCE, "M1", request, NOW)
    subject, gone = (None, (call,)) if lost else (call, ())
    return View(seen.visit_id, seen.flow, seen.key, seen.state, seen.data, seen.settings, seen.now, subject, gone)


def refusal(code: str, category: Category) -> Refused:
    return Refused(code, "", category)


def step(name: str) -> Any:
    """Return a step by the name that flows use."""
    return STEPS[name]()


def uploaded(**more: Any) -> View:
    """A visit whose two lines the centre has: 60 + 40."""
    seen = view(fees=matched(fee("L1", "60.00"), fee("L2", "40.00")), orders={}, **more)
    return after(seen, step("upload_lines").fold(seen, {"counts": 2}).data)
