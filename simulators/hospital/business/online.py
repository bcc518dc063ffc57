"""The internet hospital (25) and copies of records (27): paid at the platform, noted here."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulators.hospital.data import money
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.records import Note
from simulators.wechat.codes import NOTHING_FOUND, Refusal
from simulators.wechat.members import ZERO

_IMAGING, _LABORATORY, _DRUGS = "1", "2", "3"


def save(hospital: Hospital, call: Call) -> None:
    """25.1.1: items at their price; the hospital is never told of a refund."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    total, kinds = ZERO, set()
    for charge in sent.objects("charges"):
        row = hospital.catalogue.online.get(charge.text("chargeId"))
        if row is None or row["id"] in hospital.withdrawn:
            raise Refusal("60104", charge.text("chargeId"))
        if charge.money("price") != money(row["price"]):
            raise Refusal("60103")
        total += money(row["price"]) * Decimal(charge.text("quantity") or "1")
        kinds.add(row["kind"])
    amount = sent.money("total")
    if total != amount:
        raise Refusal("60103")
    trade = sent.text("tradeNo")
    hospital.book(call, "CFZF" if _DRUGS in kinds else "JCZF", trade, card, amount, (trade,))
    hospital.notes.append(Note(trade, call.number, card, hospital.time(), {"items": ",".join(sorted(kinds))}))


def consult(hospital: Hospital, call: Call) -> None:
    """25.1.7: after the doctor took the case."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    code, trade, fee = sent.text("consultCode"), sent.text("tradeNo"), sent.money("consultFee")
    if sent.text("doctorCode") not in hospital.catalogue.doctors:
        raise Refusal("60002")
    if sent.text("payFlag") == "1":
        hospital.book(call, "ZX", trade, card, fee, (code,))
    hospital.notes.append(Note(code, call.number, card, hospital.time()))


def drugs(hospital: Hospital, _call: Call) -> list[dict[str, str]]:
    """25.1.3."""
    return [
        {
            "chargeId": row["id"],
            "chargeName": row["name"],
            "gyzz": row["approval"],
            "ggmc": row["spec"],
            "bzdw": row["pack"],
            "jldw": row["unit"],
            "zhxs": row["factor"],
            "changshang": row["maker"],
            "price": row["price"],
        }
        for row in _offered(hospital, _DRUGS)
    ]


def laboratory(hospital: Hospital, _call: Call) -> list[dict[str, str]]:
    """25.1.4."""
    return [_item(row) for row in _offered(hospital, _LABORATORY)]


def imaging(hospital: Hospital, _call: Call) -> list[dict[str, str]]:
    """25.1.5."""
    return [_item(row) for row in _offered(hospital, _IMAGING)]


def price(hospital: Hospital, call: Call) -> Decimal:
    """25.1.6: refused when the item was withdrawn or is out of stock."""
    for row in _offered(hospital, call.sent.text("chargeType")):
        if row["id"] == call.sent.text("chargeId"):
            return money(row["price"])
    raise Refusal("60104")


def copies(hospital: Hospital, call: Call) -> None:
    """27.1.2: total = postage + print."""
    sent = call.sent
    amount = sent.money("totalAmount")
    if amount != sent.money("mailingFee") + sent.money("printFee"):
        raise Refusal("60103")
    stay = hospital.stay_of(call)
    if stay is None and not sent.text("medicalCardNumber"):
        raise Refusal(NOTHING_FOUND)
    card = hospital.card(sent.text("medicalCardNumber")) if stay is None else stay.card
    key, trade = sent.text("mediaclRecordApplyId"), sent.text("tradeNo")
    hospital.book(call, "BAYYPS", trade, card, amount, (key,))
    hospital.notes.append(Note(key, call.number, card, hospital.time()))


def _offered(hospital: Hospital, kind: str) -> list[Any]:
    return [
        row for row in hospital.catalogue.online.values() if row["kind"] == kind and row["id"] not in hospital.withdrawn
    ]


def _item(row: Any) -> dict[str, str]:
    return {"chargeId": row["id"], "chargeName": row["name"], "price": row["price"]}


HANDLERS = {
    "25.1.1": save,
    "25.1.3": drugs,
    "25.1.4": laboratory,
    "25.1.5": imaging,
    "25.1.6": price,
    "25.1.7": consult,
    "27.1.2": copies,
}
