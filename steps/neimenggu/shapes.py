"""Which datum of a visit becomes which member of a request: tables, because the same data has other names offsite.

Left the document's member, right where its value stands: a path into the visit's facts (see :func:`facts_of`), or a
function of them. The traps of 4.22 and 4.26 stand side by side with their local counterparts: akc192, akc194, akc195,
aae030 and aae031 mean other data there (work-injury flows, chapter 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.steps import View
from steps.neimenggu.lines import OFF_CATALOGUE, KeptOrder, LedgerLine

Facts = Mapping[str, Any]
Source = str | Callable[[Facts], Any]
Shape = Mapping[str, Source]


def built(shape: Shape, facts: Facts) -> dict[str, Any]:
    """Return the object that ``shape`` makes of ``facts``; what is not known is left out."""
    found = {member: source(facts) if callable(source) else _at(facts, source) for member, source in shape.items()}
    return {member: value for member, value in found.items() if value is not None and value != ""}


def _at(facts: Facts, path: str) -> Any:
    value: Any = facts
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def facts_of(view: View, **more: Any) -> Facts:
    """Return what shapes look into: the visit's data, its number, and what the step adds."""
    return {**view.data, "number": view.key, **more}


def _commas(path: str) -> Callable[[Facts], str]:
    return lambda facts: ",".join(_at(facts, path) or ())


def _flag(path: str) -> Callable[[Facts], str]:
    return lambda facts: "1" if _at(facts, path) else "0"


# -- 4.8 and 4.22: registration
KC21: Shape = {
    "aab001": "injury.aab001",
    "aac001": "injury.aac001",
    "aac002": "identity_number",
    "aac003": "person_name",
    "aac004": "sex",
    "aka130": "medical_kind",
    "akc191": "treatment_kind",
    "akc190": "number",
    "akc192": "admitted_on",
    "alc028": _commas("diseases"),
    "alca02": "injury.alca02",
    "aae073": "treatment.aae073",
    "alk023": "department",
    "akc199": "ward",
    "alk024": "bed",
    "ysbm": "doctor",
    "sbkid": "card_number",
    "akc666": "self_paid_by",
    "bz": "remark",
}
BS003: Shape = {
    "aac002": "identity_number",
    "aac003": "person_name",
    "akc190": "number",
    "aka130": "medical_kind",
    "aae030": "admitted_on",
    "akc192": "diagnosis",
    "akc193": "diagnosis_words",
    "akc191": "treatment_kind",
    "alc028": _commas("diseases"),
    "alc011": "filing.alc011",
    "akc201": "department",
    "akc199": "ward",
    "akc200": "bed",
    "ysbm": "doctor",
    "sbkid": "card_number",
}

# -- 4.13 and 4.26: discharge
LEAVE: Shape = {
    "akc190": "number",
    "aac002": "identity_number",
    "aac003": "person_name",
    "akc194": "discharged_on",
    "akc195": "discharge_reason",
    "akc196": _commas("discharge_diagnoses"),
    "ints": "stay_days",
}
LEAVE_OFFSITE: Shape = {
    "akc190": "number",
    "aac002": "identity_number",
    "aac003": "person_name",
    "aae031": "discharged_on",
    "akc194": _commas("discharge_diagnoses"),
    "akc195": "discharge_words",
    "akc202": "discharge_reason",
    "ints": "stay_days",
}
#: One invoice in 4.13; ``file`` is the id of a stored file, whose bytes the adapter puts in its place.
KM12: Shape = {"body": "file", "invoiceType": "type", "invoiceNo": "invoice_no", "invoiceMoney": "amount"}
BSKM12: Shape = {"body": "file", "invoiceNo": "invoice_no", "invoiceMoney": "amount", "filetype": "kind"}
MATERIAL: Shape = {
    "file": "material.file",
    "akc190": "number",
    "invoiceType": "material.type",
    "invoiceNo": "material.invoice_no",
    "invoiceMoney": "material.amount",
    "filetype": "material.kind",
}

# -- 4.10 and 4.24: orders and fee lines
ORDER: Shape = {
    "aae080": "order",
    "alk007": "first_day",
    "alk008": "last_day",
    "alk009": "words",
    "alk011": "care",
    "alk012": "position",
    "alk013": "dose",
    "alk014": "use",
    "alk015": "note",
    "alk016": "doctor",
    "alk017": "nurse",
    "alk020": "carried_out_by",
    "alk022": "kind",
    "alk023": "department",
    "alk024": "bed",
}
_LINE: Shape = {
    "alc400": "prescription",
    "alc401": "prescribed_on",
    "akc229": lambda facts: str(facts["days"]),
    "aka063": "item.aka063",
    "aka065": "item.aka065",
    "aka070": "dosage_form",
    "zka100": "specification",
    "akc230": "maker",
    "akc231": "name",
    "akc515": "hospital_code",
    "reason": "explanation",
    "noinjury": _flag("not_injury"),
    "aae080": "order",
    "spreason": _flag("rescue"),
    "bzmsg": "remark",
    "vmed": "item.vmed",
    "akc999": _commas("trace_codes"),
    "alc407": "amount",
}
MED: Shape = {
    **_LINE,
    "alc402": "item.alc402",
    "alc403": "item.alc403",
    "alc404": "item.alc404",
    "alc405": "price",
    "alc406": "quantity",
}
BS004: Shape = {
    **_LINE,
    "ala002": "item.alc402",
    "ala020": "item.alc403",
    "ala012": "item.ala012",
    "akc225": "price",
    "akc226": "quantity",
}
#: Kind of item locally (ALC404) and catalogue offsite (ALA012) of what is in no catalogue.
_OFF_KINDS = {"drug": ("0", "02"), "treatment": ("1", "01"), "material": ("9", "9")}


def line(shape: Shape, each: LedgerLine) -> dict[str, Any]:
    """Return a fee line as ``shape`` has it: the item as matched or, off catalogue, under the hospital's own name."""
    facts = each.model_dump(mode="python")
    return built(shape, {**facts, "item": _item(each)})


def _item(each: LedgerLine) -> dict[str, Any]:
    if each.off_catalogue is not None:
        local, offsite = _OFF_KINDS[each.off_catalogue]
        return {
            "alc402": OFF_CATALOGUE[each.off_catalogue],
            "alc403": each.name,
            "alc404": local,
            "ala012": offsite,
            "aka063": each.fee_category,
            "aka065": "3",
        }
    assert each.match is not None, "only matched lines are sent"
    return each.match.model_dump() | {"alc403": each.match.alc403 or each.name}


def order(each: KeptOrder) -> dict[str, Any]:
    """Return an order as 4.10 and 4.24 have it."""
    return built(ORDER, each.model_dump(mode="python"))
