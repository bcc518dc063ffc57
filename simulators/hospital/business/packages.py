"""Health examinations (28) and packages of the patient's own choice (29)."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from simulators.hospital.data import Row, money
from simulators.hospital.hospital import Call, Hospital
from simulators.hospital.records import Booking
from simulators.wechat.codes import INVALID, NOTHING_FOUND, OUT_OF_RANGE, Refusal
from simulators.wechat.members import ZERO

_TIMES = ("08:00", "08:30", "09:00", "09:30")
_DAYS = 14  #: offered ahead


# -- what there is
def packages(hospital: Hospital, _call: Call) -> list[dict[str, Any]]:
    """28.1.1."""
    return [
        {
            "startDate": f"{hospital.today()}",
            "briefIntroduction": row["intro"],
            "packageName": row["name"],
            "packageId": int(row["id"]),
            "endDate": f"{hospital.today() + datetime.timedelta(days=365)}",
            "acPrice": money(row["price"]),
            "stPrice": money(row["list"]),
            "bnsTypeCode": int(row["type"]),
        }
        for row in hospital.catalogue.packages.values()
    ]


def package(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """28.1.2."""
    return [
        _item(row) | {"combCode": int(row["id"])} for row in _items(hospital, _package(hospital, call.sent)["items"])
    ]


def days(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """28.1.3."""
    day, last = call.sent.day("startDate"), call.sent.day("endDate")
    told: list[dict[str, Any]] = []
    while day <= last and len(told) < _DAYS:
        told.append(
            {"poolNumber": sum(hospital.room_in(_slot(day, at), "physical") for at in _TIMES), "date": f"{day}"}
        )
        day += datetime.timedelta(days=1)
    return told


def times(hospital: Hospital, call: Call) -> list[str]:
    """28.1.4."""
    day = call.sent.day("date")
    return [at for at in _TIMES if hospital.room_in(_slot(day, at), "physical")]


def booked_on(hospital: Hospital, call: Call) -> str:
    """28.1.5."""
    return "1" if _on(hospital, call, "booked", "registered") else "0"


def registered_on(hospital: Hospital, call: Call) -> str:
    """28.1.8."""
    return "1" if _on(hospital, call, "registered") else "0"


def companies(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """28.1.10: everybody works at every company here."""
    if hospital.people.by_identity(call.sent.text("idCard")) is None:
        return []
    return [{"orgId": int(row["id"]), "orgName": row["name"]} for row in hospital.catalogue.companies.values()]


def groups(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """28.1.11."""
    company = hospital.catalogue.companies.get(call.sent.text("orgId"))
    return [
        {
            "groupId": int(group["id"]),
            "groupName": group["name"],
            "sexCode": "0",
            "minAge": 18,
            "maxAge": 65,
            "groupCombs": [_item(row) for row in _items(hospital, group["items"])],
        }
        for group in (company or {"groups": ()})["groups"]
    ]


def group_items(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """28.1.12."""
    wanted = call.sent.text("groupId")
    for company in hospital.catalogue.companies.values():
        for group in company["groups"]:
            if group["id"] == wanted:
                return [_item(row) for row in _items(hospital, group["items"])]
    return []


def items(hospital: Hospital, call: Call) -> dict[str, Any]:
    """28.1.13: by pages."""
    page, size = max(1, call.sent.number("currentPage")), max(1, call.sent.number("pageSize"))
    rows = list(hospital.catalogue.choices.values())
    told = [
        _item(row)
        | {
            "name": row["name"],
            "combCode": int(row["id"]),
            "sexCode": 0,
            "deptName": hospital.catalogue.departments[row["department"]]["name"],
            "beforeMealFlag": 1,
            "deptCode": int(row["department"]),
            "disc": Decimal("0.8"),
        }
        for row in rows[(page - 1) * size : page * size]
    ]
    return {"itemList": told, "count": len(rows)}


def _item(row: Row) -> dict[str, Any]:
    return {
        "combCode": row["id"],
        "combName": row["name"],
        "stPrice": money(row["list"]),
        "acPrice": money(row["price"]),
    }


def _items(hospital: Hospital, ids: Iterable[str]) -> list[Row]:
    return [hospital.catalogue.choices[each] for each in ids]


def _package(hospital: Hospital, sent: Any) -> Row:
    found = hospital.catalogue.packages.get(sent.text("packageId"))
    if found is None:
        raise Refusal(NOTHING_FOUND, "packageId")
    return found


def _slot(day: datetime.date, at: str) -> str:
    return f"physical-{day:%Y%m%d}-{at}"


def _on(hospital: Hospital, call: Call, *states: str) -> bool:
    patient, day = hospital.patient(call), call.sent.day("date")
    return any(
        each.kind == "physical" and each.card.patient is patient and each.day == day and each.state in states
        for each in hospital.bookings.values()
    )


# -- health examinations
def book(hospital: Hospital, call: Call) -> dict[str, str]:
    """28.1.6: the price is checked; paid, or to be paid at the desk (OfflinePay, cflag 0)."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    at = sent.moment("date")
    slot = _slot(at.date(), f"{at:%H:%M}")
    if f"{at:%H:%M}" not in _TIMES or at.date() < hospital.today():
        raise Refusal(INVALID, "date")
    wanted = [each.text("id") for each in sent.objects("packageIds")]
    extra = [each.text("id") for each in sent.objects("itemIds")]
    try:
        price = sum((money(hospital.catalogue.packages[each]["price"]) for each in wanted), ZERO)
        price += sum((money(hospital.catalogue.choices[each]["price"]) for each in extra), ZERO)
    except KeyError as error:
        raise Refusal("60104", str(error.args[0])) from None
    if sent.money("acPrice") != price:
        raise Refusal("60103")
    if not hospital.room_in(slot, "physical"):
        raise Refusal("60205")
    trade = sent.text("tradeNo")
    paid = sent.text("cflag") == "1" and sent.text("payType") != "OfflinePay"
    booking = Booking(
        *(hospital.next("TJ"), trade, "physical", card, ",".join(wanted), "", slot, at.date(), at),
        price=price,
        trade=trade if paid else "",
    )
    if paid:
        hospital.book(call, "TJYY", trade, card, price, (booking.id,))
    hospital.take(slot)
    hospital.bookings[booking.id] = booking
    return {"id": booking.id}


def cancel(hospital: Hospital, call: Call) -> str:
    """28.1.7: success makes the platform refund."""
    _drop(hospital, call, "physical", call.sent.text("id"))
    return "取消成功"


# -- one's own choice
def choices(hospital: Hospital, _call: Call) -> list[dict[str, Any]]:
    """29.1.1."""
    told: dict[str, dict[str, Any]] = {}
    made: dict[str, dict[str, Any]] = {}
    for row in hospital.catalogue.choices.values():
        name = hospital.catalogue.departments[row["department"]]["name"]
        department = told.setdefault(row["department"], {"deptId": row["department"], "deptName": name, "group": []})
        if row["group"] not in made:
            made[row["group"]] = {
                "groupId": row["group"],
                "groupName": row["group_name"],
                "necessary": row["necessary"],
                "isSingle": "0",
                "meaning": "健康检查",
                "item": [],
            }
            department["group"].append(made[row["group"]])
        made[row["group"]]["item"].append(
            {"itemId": row["id"], "itemName": row["name"], "price": row["price"], "unit": "次"}
        )
    return list(told.values())


def choice_days(hospital: Hospital, call: Call) -> list[dict[str, Any]]:
    """29.1.2."""
    _price(hospital, call)
    ahead = (hospital.today() + datetime.timedelta(days=each) for each in range(1, 8))
    return [{"appointmentDate": f"{day}", "count": hospital.room_in(f"choice-{day:%Y%m%d}", "choice")} for day in ahead]


def choose(hospital: Hospital, call: Call) -> dict[str, str]:
    """29.1.3."""
    sent = call.sent
    card = hospital.card(sent.text("medicalCardNumber"), using=True)
    price, day = _price(hospital, call), sent.day("appointmentDate")
    if day < hospital.today():
        raise Refusal(OUT_OF_RANGE, "appointmentDate")
    amount = sent.money("payAmount")
    if amount + hospital.parts(call) != price:
        raise Refusal("60103")
    slot = f"choice-{day:%Y%m%d}"
    if not hospital.room_in(slot, "choice"):
        raise Refusal("60205")
    trade = sent.text("outTradeNo")
    at = datetime.datetime.combine(day, datetime.time(8))
    booking = Booking(hospital.next("ZX"), trade, "choice", card, "", "", slot, day, at, price=price, trade=trade)
    hospital.book(call, "ZZJF", trade, card, amount, (booking.id,))
    hospital.take(slot)
    hospital.bookings[booking.id] = booking
    return {"outOrderId": booking.id, "effectiveDate": f"{day}", "tips": "请空腹前来"}


def cancel_choice(hospital: Hospital, call: Call) -> dict[str, str]:
    """29.1.4: refundNo once money was taken."""
    return {"refundNo": _drop(hospital, call, "choice", call.sent.text("outOrderId"))}


def _price(hospital: Hospital, call: Call) -> Decimal:
    rows = hospital.catalogue.choices
    total = ZERO
    for group in call.sent.objects("group"):
        for item in group.objects("item"):
            row = rows.get(item.text("itemId"))
            if row is None or row["group"] != group.text("groupId"):
                raise Refusal("60104")
            total += money(row["price"])
    return total


def _drop(hospital: Hospital, call: Call, kind: str, number: str) -> str:
    booking = hospital.bookings.get(number)
    card = hospital.card(call.sent.text("medicalCardNumber"))
    if booking is None or booking.kind != kind or booking.card.patient is not card.patient:
        raise Refusal(NOTHING_FOUND)
    if booking.state == "registered":
        raise Refusal("60601")
    if booking.state == "cancelled":
        raise Refusal("60204")
    booking.state = "cancelled"
    hospital.take(booking.slot, -1)
    refund = hospital.undo(call.number, booking.trade) if booking.trade else None
    return refund.refund_no if refund and booking.price else ""


HANDLERS = {
    "28.1.1": packages,
    "28.1.2": package,
    "28.1.3": days,
    "28.1.4": times,
    "28.1.5": booked_on,
    "28.1.6": book,
    "28.1.7": cancel,
    "28.1.8": registered_on,
    "28.1.10": companies,
    "28.1.11": groups,
    "28.1.12": group_items,
    "28.1.13": items,
    "29.1.1": choices,
    "29.1.2": choice_days,
    "29.1.3": choose,
    "29.1.4": cancel_choice,
}
