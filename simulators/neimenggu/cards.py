"""4.19, 4.20, 4.28, 4.29: cards and QR codes. N43."""

from __future__ import annotations

from typing import Any

from simulators.neimenggu.centre import Call, Centre
from simulators.neimenggu.data import CODES
from simulators.neimenggu.fields import TABLES
from simulators.neimenggu.refusals import OTHER, Refusal
from simulators.neimenggu.world import Row

_GOOD = "1"  #: AAZ502: normal


def _refuse(rule: str, name: str) -> Refusal:
    return Refusal(OTHER, name)


def check_card(centre: Centre, call: Call) -> dict[str, Any]:
    """4.19: a card that is not good is no error: ``result`` 0."""
    sent = TABLES["card"].check(call.sent, _refuse)
    card = centre.world.cards.get(sent["aaz500"])
    why = ""
    if card is None or card["aaz501"] != sent["aaz501"]:
        why = "社保卡信息不存在"
    else:
        person = centre.world.people[card["aac001"]]
        if (person["aac002"], person["aac003"]) != (sent["aac002"], sent["aac003"]):
            why = "社保卡信息与人员信息不符"
        elif card["state"] != _GOOD:
            why = f"社保卡状态：{CODES['AAZ502'][card['state']]}"
    return {"errmsg": why, "result": "0" if why else "1"}


def _by_qr_code(centre: Centre, call: Call) -> tuple[Row, Row]:
    sent = TABLES["qr_code"].check(call.sent, _refuse)
    card = centre.world.by_qr_code(sent["qrcode"])
    if card is None:
        raise Refusal(OTHER, "二维码无效")
    return card, centre.world.people[card["aac001"]]


def check_qr_code(centre: Centre, call: Call) -> dict[str, Any]:
    """4.20: who a QR code belongs to, and the state of the card."""
    card, person = _by_qr_code(centre, call)
    return {"aac002": person["aac002"], "aac003": person["aac003"], "aaz502": card["state"]}


def read_qr_code(centre: Centre, call: Call) -> dict[str, Any]:
    """4.28: the same for people of other provinces."""
    card, person = _by_qr_code(centre, call)
    return {"aac147": person["aac002"], "aac003": person["aac003"], "aaz501": card["aaz501"], "aaz500": card["aaz500"]}


def read_card(centre: Centre, call: Call) -> dict[str, Any]:
    """4.29: who a card belongs to, until when it is good, its state."""
    sent = TABLES["card_read"].check(call.sent, _refuse)
    card = centre.world.cards.get(sent["aaz500"])
    if card is None or card["aaz501"] != sent["aaz501"]:
        raise Refusal(OTHER, "社保卡信息不存在")
    person = centre.world.people[card["aac001"]]
    return {
        "aac147": person["aac002"],
        "aac003": person["aac003"],
        "baz932": card["expires"],
        "aaz502": card["state"],
    }
