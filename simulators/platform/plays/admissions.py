"""Admission (36), copies of records (27), companion passes (37), ward lessons (23), cards (1, 2)."""

from __future__ import annotations

from typing import Any

from simulators.platform.plays.stage import Nothing, Options, Play, Stage, money, told_booking, told_order
from simulators.wechat.people import invent


async def admit(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """36.1.1, pay the deposit, 36.1.2."""
    who = stage.who(patient)
    found = await stage.data("36.1.1", who)
    amount = money(found["prepayAmount"])
    trade = str(options.get("trade") or stage.platform.next("RYSQ"))
    notice = who | {
        "admissionCardId": found["admissionCardId"],
        "payAmount": f"{amount:.2f}",
        "tradeNo": trade,
        "payType": str(options.get("payType", "WeChatPay")),
    }
    order = stage.settling.pay("RYSQ", patient, amount, "36.1.2", notice, trade)
    return told_order(await stage.settling.settle(order))


async def cancel_admission(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """36.1.3."""
    order = stage.order(options, patient, "RYSQ")
    sent = stage.who(patient) | {
        "patInHosId": order.answer.get("patInHosId"),
        "prepayAmount": order.notice["payAmount"],
    }
    return told_order(await stage.settling.cancel(order, "36.1.3", sent))


async def copy_records(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """27.1.1, pay postage and print, 27.1.2."""
    who = stage.who(patient)
    stay = (await stage.data("27.1.1", who))[0]
    post, printed = money(options.get("postage", "12.00")), money(options.get("print", "18.00"))
    trade = str(options.get("trade") or stage.platform.next("BAYYPS"))
    notice = who | stage.paid(options)
    notice |= {"admissionNumber": stay["patInHosCode"], "tradeNo": trade, "totalAmount": f"{post + printed:.2f}"}
    notice |= {"mailingFee": f"{post:.2f}", "printFee": f"{printed:.2f}", "printNumber": "36"}
    notice["mediaclRecordApplyId"] = stage.platform.next("BASQ")
    order = stage.settling.pay("BAYYPS", patient, post + printed, "27.1.2", notice, trade)
    return told_order(await stage.settling.settle(order))


async def add_companion(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """10.1.1, 37.1.3 for ``companion`` (another patient's number)."""
    found = await stage.data("10.1.1", stage.who(patient))
    other = stage.person(int(options.get("companion", patient % len(stage.platform.people) + 1)))
    now = stage.platform.clock.stamp()
    sent = {
        "name": other.name,
        "sex": other.sex,
        "phone": other.phone,
        "idCard": other.identity,
        "infoSource": "3",
        "termOfValidity": f"{now[:4]}-12-31 00:00:00",
        "relationShip": "亲属",
        "createTime": now,
        "patientMedicalCardNumber": stage.person(patient).card,
        "patientName": found["inPatName"],
        "admissionNumber": found["admissionNumber"],
    }
    key = stage.platform.next("PHZ")
    return told_booking(await stage.settling.agree(key, "companion", patient, "37.1.3", sent))


async def sign_lesson(stage: Stage, patient: int, _options: Options) -> dict[str, Any]:
    """23.1.1, 23.1.3."""
    rows = await stage.data("23.1.1", stage.who(patient))
    found = next((row for row in rows if row["signStatus"] == "notSign"), None)
    if found is None:
        raise Nothing("signed")
    sent = {"id": found["id"], "signType": "patient", "degreeOfMastery": "掌握"}
    sent["signImage"] = "data:image/png;base64,iVBORw0KGgo="
    key = stage.platform.next("XJQM")
    return told_booking(await stage.settling.agree(key, "signature", patient, "23.1.3", sent))


async def create_card(stage: Stage, patient: int, _options: Options) -> dict[str, Any]:
    """1.2.1: of somebody who may be new here."""
    person = stage.platform.people.setdefault(patient, invent(patient))
    sent = {
        "medicalCardNumber": person.card,
        "name": person.name,
        "sex": person.sex,
        "gender": person.gender,
        "birthday": f"{person.born}",
        "address": person.address,
        "idcard": person.identity,
        "cardNoType": "01",
        "phone": person.phone,
    }
    key = stage.platform.next("BK")
    return told_booking(await stage.settling.agree(key, "card", patient, "1.2.1", sent))


async def bind_card(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """2.1.2 of the patient's card and a ``plastic`` one."""
    person = stage.person(patient)
    sent = {
        "name": person.name,
        "oldMedicalCardNumber": str(options.get("plastic", person.card)),
        "newMedicalCardNumber": str(options.get("electronic", f"9901{patient:011d}")),
    }
    key = stage.platform.next("BD")
    return told_booking(await stage.settling.agree(key, "binding", patient, "2.1.2", sent))


PLAYS: dict[str, Play] = {
    "admit": admit,
    "cancel_admission": cancel_admission,
    "copy_records": copy_records,
    "add_companion": add_companion,
    "sign_lesson": sign_lesson,
    "create_card": create_card,
    "bind_card": bind_card,
}
