"""Insurance orders as the platform sees them (5.2.1, 6.1.1), people and cards (1.3), online orders (25.2)."""

from __future__ import annotations

from typing import Any

from simulators.platform.platform import Platform
from simulators.platform.serving.refunds import by_his_trade
from simulators.platform.serving.served import Served
from simulators.wechat.codes import NOTHING_FOUND, Refusal
from simulators.wechat.members import yuan

_OVER = ("booked", "kept")


def take_back(platform: Platform, served: Served) -> str:
    """5.2.1: refused once everything is finished [doc]; an order nobody has paid is simply gone."""
    wanted = served.sent.text("hisTradeId")
    order = next(
        (each for each in reversed(platform.orders.values()) if each.about.get("hisTradeId") == wanted),
        None,
    )
    return "0" if order is not None and order.fate in _OVER else "1"


def paid(platform: Platform, served: Served) -> dict[str, Any]:
    """6.1.1, abandoned."""
    order = by_his_trade(platform, served)
    return {
        "status": "1",
        "medicalCardNumber": platform.card(order.patient),
        "blTradeNo": order.trade,
        "amount": yuan(order.amount),
        "payTime": order.paid_at,
        "payType": order.pay_type,
        "blPayment": "0.00",
        "hisTradeId": served.sent.text("hisTradeId"),
    }


# -- people
def look_up(platform: Platform, served: Served) -> dict[str, str]:
    """1.3.1."""
    card = served.sent.text("medicalCardNumber")
    patient, changed = platform.patient_of(card), platform.cards.get(card, {})
    if patient is None and not changed:
        raise Refusal(NOTHING_FOUND)
    told = {"medicalCardNumber": card}
    if patient is not None:
        person = platform.people[patient]
        told |= {"name": person.name, "phone": person.phone, "sex": person.sex, "gender": person.gender}
        told |= {"address": person.address, "birthdate": f"{person.born}", "idCardNo": person.identity}
    names = {"idcard": "idCardNo"}
    told |= {names.get(name, name): value for name, value in changed.items() if value}
    told["sex"] = "男" if told.get("gender") == "1" else "女"
    return told


def issue(platform: Platform, served: Served) -> dict[str, str]:
    """1.3.2: no key, so a repeat issues another card."""
    sent = served.sent
    platform.counter += 1
    card = f"9902{platform.counter:011d}"
    names = ("name", "gender", "birthdate", "address", "idcard", "phone")
    platform.note("card", {"medicalCardNumber": card} | {name: sent.text(name) for name in names})
    return {"medicalCardNumber": card, "idcard": sent.text("idcard"), "qrcode": f"{card}:1"}


def update(platform: Platform, served: Served) -> None:
    """1.3.3."""
    look_up(platform, served)
    names = ("medicalCardNumber", "name", "gender", "birthdate", "address", "idcard", "phone")
    platform.note("card", {name: served.sent.text(name) for name in names if served.sent.get(name)})


# -- online orders
def online_orders(platform: Platform, served: Served) -> dict[str, Any]:
    """25.2.1: of a patient and kind, not refunded."""
    card, kind = served.sent.text("medicalCardNumber"), served.sent.text("chargeType")
    found = [
        each
        for each in platform.orders.values()
        if each.number == "25.1.1" and platform.card(each.patient) == card and each.about.get("chargeType") == kind
    ]
    found = [each for each in found if each.fate != "refunded"]
    if not found:
        raise Refusal(NOTHING_FOUND)
    flat = ("diagnoseCode", "diagnoseName", "tradeNo", "tradeTime", "billDocName", "billDocCode", "billDocHospital")
    charges = [
        charge | {name: order.notice[name] for name in flat} | {"chargeType": kind}
        for order in found
        for charge in order.notice["charges"]
    ]
    names = ("patName", "general", "phone", "idCard", "birthday", "medicalCardNumber")
    told: dict[str, Any] = {name: found[0].notice[name] for name in names}
    return told | {"total": yuan(sum((each.amount for each in found), found[0].amount * 0)), "charges": charges}


def served_online(platform: Platform, served: Served) -> None:
    """25.2.2: 1 handed out, 2 taken back."""
    order = platform.orders.get(served.sent.text("tradeNo"))
    if order is None or order.about.get("chargeId") != served.sent.text("chargeId"):
        raise Refusal(NOTHING_FOUND)
    order.served = served.sent.text("status")
    platform.save(order)


HANDLERS = {
    "1.3.1": look_up,
    "1.3.2": issue,
    "1.3.3": update,
    "5.2.1": take_back,
    "6.1.1": paid,
    "25.2.1": online_orders,
    "25.2.2": served_online,
}
