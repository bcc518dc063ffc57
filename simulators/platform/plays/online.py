"""The internet hospital (25): prescriptions and consultations, and the money that a patient may ask for again."""

from __future__ import annotations

from typing import Any

from simulators.platform.plays.stage import Nothing, Options, Play, Stage, money, told_order

_HANDED_OUT, _TAKEN_BACK = "1", "2"


async def pay_prescription(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """25.1.6, pay, 25.1.1. ``item`` (Y001), ``quantity``."""
    person, item = stage.person(patient), str(options.get("item", "Y001"))
    kind = str(options.get("kind", "3"))
    price = money(await stage.data("25.1.6", {"chargeId": item, "chargeType": int(kind)}))
    quantity = int(options.get("quantity", 1))
    trade = str(options.get("trade") or stage.platform.next("CFZF"))
    charge = {"chargeId": item, "chargeName": "线上项目", "quantity": str(quantity), "price": f"{price:.2f}"}
    notice = _person(stage, patient) | {
        "diagnoseCode": "I10",
        "diagnoseName": "高血压",
        "tradeNo": trade,
        "tradeTime": stage.platform.clock.stamp(),
        "billDocHospital": "虚构市示例医院",
        "billDocName": "虚甲",
        "billDocCode": "D001",
        "medicalCardNumber": person.card,
        "total": f"{price * quantity:.2f}",
        "charges": [charge | {"groupId": "1", "chargeType": int(kind)}],
    }
    about = {"chargeId": item, "chargeType": kind}
    order = stage.settling.pay("CFZF", patient, price * quantity, "25.1.1", notice, trade, about)
    return told_order(await stage.settling.settle(order))


async def consult(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """Pay, a doctor takes the case, 25.1.7."""
    person, fee = stage.person(patient), money(options.get("fee", "20.00"))
    trade = str(options.get("trade") or stage.platform.next("ZX"))
    notice = _person(stage, patient) | {
        "consultCode": str(stage.platform.counter),
        "payFlag": 1,
        "tradeNo": trade,
        "consultTime": stage.platform.clock.stamp(),
        "doctorName": "虚甲",
        "doctorCode": str(options.get("doctor", "D001")),
        "medicalCardNumber": person.card,
        "consultFee": f"{fee:.2f}",
        "consultFlag": "INTERNET_HOSPITAL",
        "consultName": "互联网医院复诊",
        "deptCode": "0101",
        "deptName": "心内科门诊",
    }
    order = stage.settling.pay("ZX", patient, fee, "25.1.7", notice, trade)
    return told_order(await stage.settling.settle(order))


async def claim_prescription(stage: Stage, patient: int, options: Options) -> dict[str, Any]:
    """Without status 1, or after 2, the patient may have the money back; the hospital is not told."""
    order = stage.order(options, patient, "CFZF")
    if order.served == _HANDED_OUT or not stage.platform.left(order.trade):
        raise Nothing("handed out")
    stage.platform.refund(order, stage.platform.left(order.trade), "platform")
    order.fate = "refunded"
    stage.platform.save(order)
    return told_order(order)


def _person(stage: Stage, patient: int) -> dict[str, str]:
    person = stage.person(patient)
    return {
        "patName": person.name,
        "general": person.sex,
        "phone": person.phone,
        "idCard": person.identity,
        "birthday": f"{person.born}",
    }


PLAYS: dict[str, Play] = {
    "pay_prescription": pay_prescription,
    "consult": consult,
    "claim_prescription": claim_prescription,
}
