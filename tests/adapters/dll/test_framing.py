"""What stands on the wire in both framings, and that no member gets lost on the way. DLL conventions, chapters 2, 3."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from adapters.jiangsu.contracts.base import Sent
from adapters.jiangsu.dll.caret import CaretFraming, twins
from adapters.jiangsu.dll.envelope import JsonFraming
from adapters.jiangsu.dll.framing import Accepted, Declined, NotOffered, Unfit, Unreadable
from adapters.jiangsu.dll.mapping import Stamp, mapping, source_of
from adapters.jiangsu.dll.settings import DllSettings
from adapters.jiangsu.transactions import TRANSACTIONS
from engine.outcomes import Category, Done, InDoubt, Refused
from tests.adapters.dll.conftest import MakeDesk
from tests.adapters.dll.peer import Desk
from tests.adapters.gateway import GOOD, LINE, MESSAGE_ID, NUMBERS, PERSON

STAMP = Stamp(MESSAGE_ID, "20241201103000", "S1")
SETTLE = GOOD["settle"][0] | {
    "psn_no": PERSON,
    "med_type": "12",
    "adm_diag_dscr": "S62.600",
    "dept_code": "0301",
    "doctor_code": "D7",
}


def settings(**changes: Any) -> DllSettings:
    return DllSettings.model_validate({"library": "x.dll", "fixmedins_code": "H32132200561"} | changes)


def written(operation: str, request: dict[str, Any], stamp: Stamp = STAMP, **changes: Any) -> bytes:
    transaction = TRANSACTIONS[operation]
    parameters = transaction.request.model_validate(request).model_dump(exclude_none=True)
    framing = JsonFraming if changes.get("framing", "json") == "json" else CaretFraming
    return framing(settings(**changes)).request(transaction, parameters, stamp).content


# -- the mapping
@pytest.mark.parametrize("operation", [each for each in TRANSACTIONS if each != "check_sign_in"])
def test_every_member_of_a_contract_goes_somewhere_or_is_left_out_by_name(operation: str) -> None:
    transaction = TRANSACTIONS[operation]
    row = mapping()[transaction.number]
    contract: type[Sent] = transaction.request
    marks: dict[str, Any] = {name: f"<{name}>" for name in contract.model_fields}
    if row.list_of:
        line = contract.model_fields[row.list_of].annotation.__args__[0]  # type: ignore[union-attr]
        inside = {name: f"<{name}>" for name in line.model_fields}
        marks[row.list_of] = [inside | dict.fromkeys(("pric", "cnt", "umamt"), Decimal(1))]
    seen = set()
    # A member that only steps in for another shows when the other is not there.
    for absent in ((), ("dscg_time", "diag_code"), ("diag_dscr", "diag_code")):
        given = {name: mark for name, mark in marks.items() if name not in absent}
        seen |= set(re.findall(r"<(\w+)>", json.dumps(row.outgoing(given, STAMP)[1], default=str)))
    names = set(contract.model_fields) - {row.list_of}
    if row.list_of:
        names |= set(inside) - {"pric", "cnt", "umamt"}
    chosen_by = {"med_type"} if operation in ("pre_settle", "settle") else set()
    assert names - seen - chosen_by == row.left_out - seen
    assert not row.left_out & seen


def test_a_way_of_writing_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not a source"):
        source_of({"surprise": 1})


# -- JSON
def test_envelope() -> None:
    found = json.loads(written("settle", SETTLE, operator_name="收费员").decode("gbk"))
    assert found == {
        "infno": "2207",
        "msgid": MESSAGE_ID,
        "recer_sys_code": "JSYTH",
        "infver": "V2.1",
        "opter_type": "1",
        "opter": "001",
        "opter_name": "收费员",
        "inf_time": "20241201103000",
        "fixmedins_code": "H32132200561",
        "sign_no": "S1",
        "idfi_mode": "1",
        "input": {
            "ipt_otp_no": "MZ0001",
            "psn_no": PERSON,
            "med_type": "12",
            "mdtrt_id": "INV1",
            "setl_time": "20241201103000",
            "dscg_time": "20241201103000",
            "dscg_trt_rslt": "04",
            "diag_code": "S62.600",
            "diag_dscr": "S62.600",
            "adm_dept_codg": "0301",
            "atddr_no": "D7",
            "occupationalType": "1",
        },
    }


@pytest.mark.parametrize(("med_type", "bill"), [("11", "0000"), ("21", "00000")])
def test_a_trial_has_the_placeholder_of_its_kind(med_type: str, bill: str) -> None:
    request = NUMBERS | {"psn_no": PERSON, "med_type": med_type}
    assert json.loads(written("pre_settle", request))["input"]["mdtrt_id"] == bill


def test_an_inpatient_brings_the_discharge() -> None:
    request = SETTLE | {"dscg_time": "20241211", "dscg_trt_rslt": "01", "diag_code": "S62.7", "diag_dscr": "骨折"}
    with pytest.raises(ValueError, match="dscg_time"):
        written("settle", request)
    sent = json.loads(written("settle", request | {"dscg_time": "20241211103000"}).decode("gbk"))["input"]
    assert (sent["dscg_time"], sent["dscg_trt_rslt"]) == ("20241211103000", "01")
    assert (sent["diag_code"], sent["diag_dscr"]) == ("S62.7", "骨折")


def test_lines_stand_beside_the_envelope_and_not_in_input() -> None:
    name = 'input"feedetail 甲'
    raw = written("upload_lines", NUMBERS | {"feedetail": [LINE | {"med_list_codg": name, "pric": "120"}]})
    assert b'"pric":120.0000' in raw
    assert b'"umamt":120.00' in raw
    found = json.loads(raw.decode("gbk"))
    assert "input" not in found
    assert found["feedetail"][0]["med_list_codg"] == name, "members are built, not replaced in text (chapter 5)"
    assert "med_list_name" not in found["feedetail"][0]


def test_the_card_is_read_by_the_library() -> None:
    assert json.loads(written("read_card", {"identify_mode": "1"}))["input"] == {}
    stamp = Stamp(MESSAGE_ID, "20241201103000", "S1", "2")
    found = json.loads(written("read_card", {"identify_mode": "2", "qr_code_info": "QR"}, stamp))
    assert (found["idfi_mode"], found["input"]) == ("2", {"qrCodeInfo": "QR"})


def test_a_reversal_names_message_and_transaction() -> None:
    request = {"originalMessageId": MESSAGE_ID, "oinfno": "2207"}
    assert json.loads(written("reverse", request))["input"] == {"omsgid": MESSAGE_ID, "oinfno": "2207"}


def test_code_pages() -> None:
    request = GOOD["register"][0] | {"adm_diag_dscr": "工伤"}
    assert "工伤".encode("gbk") in written("register", request)
    assert "工伤😀".encode() in written("register", request | {"adm_diag_dscr": "工伤😀"}, encoding="utf-8")
    with pytest.raises(Unfit, match=r"^adm_diag_dscr: a character that GBK does not have$"):
        written("register", request | {"adm_diag_dscr": "工伤😀"})
    with pytest.raises(Unfit, match="the envelope"):
        written("register", request, operator_name="😀")


# -- carets
def test_caret_variant_b() -> None:
    assert written("settle", SETTLE, framing="caret").decode("gbk") == (
        f"2410^H32132200561^001^S1^{MESSAGE_ID}^0^0^"
        "MZ0001|INV1|12|20241201103000|20241201103000|04|S62.600|S62.600|0301|D7|^"
    )


def test_caret_variant_a() -> None:
    found = written("cancel_registration", NUMBERS, framing="caret", variant="A")
    assert found.decode("gbk") == f"2240^H32132200561^001^S1^{MESSAGE_ID}^0000^MZ0001|001|^1^"


def test_caret_signs_in_without_a_period_and_records_are_lines() -> None:
    assert written("sign_in", {}, framing="caret").split(b"^")[3] == b""
    lines = NUMBERS | {"feedetail": [LINE, LINE | {"feedetl_sn": "2"}]}
    parameters = written("upload_lines", lines, framing="caret").decode("gbk").split("^")[7]
    assert [record.split("|")[3] for record in parameters.split("$")] == ["1", "2"]
    assert parameters.split("|")[6:9] == ["120.0000", "1.0000", "120.00"]


def test_caret_reversal_names_the_twin_of_the_original() -> None:
    request = {"originalMessageId": MESSAGE_ID, "oinfno": "2207"}
    assert f"^2410|{MESSAGE_ID}|^".encode() in written("reverse", request, framing="caret")
    with pytest.raises(Unfit, match="oinfno"):
        written("reverse", request | {"oinfno": "3101"}, framing="caret")


@pytest.mark.parametrize("letter", ["^", "|", "$", "#", "\n", "\x00"])
def test_caret_refuses_what_would_shift_the_fields(letter: str) -> None:
    with pytest.raises(Unfit, match="adm_diag_dscr"):
        written("register", GOOD["register"][0] | {"adm_diag_dscr": f"S62{letter}"}, framing="caret")


def test_caret_offers_what_has_a_twin() -> None:
    offered = set()
    for operation, (request, _) in GOOD.items():
        given = request | ({"oinfno": "2207"} if operation == "reverse" else {})
        try:
            written(operation, given, framing="caret")
        except NotOffered:
            continue
        offered.add(TRANSACTIONS[operation].number)
    assert offered == set(twins())
    assert not offered & {"6101", "9103", "9104", "9105", "9106", "1102", "1106", "1107", "3101"}


@pytest.mark.parametrize(
    ("variant", "value", "text", "expected"),
    [
        ("B", 0, "C1^INV^^^", Accepted({"medfee_sumamt": "INV"})),
        ("B", 0, "C1^135.00|108.00|27.00|^^^", None),
        ("A", 0, "C1^1^135.00|108.00|27.00|^", None),
        ("A", 0, "C1^1^135.00|108.00|27.00|#1|0~审核^提示^", None),
        ("B", -1, "已结算", Declined("-1", "已结算", sure=False)),
        ("B", -1, "C1^0^已结算^", Declined("-1", "已结算", sure=False)),
        ("B", 1, "", Declined("1", "", sure=False)),
    ],
)
def test_caret_replies(variant: str, value: int, text: str, expected: Any) -> None:
    framing = CaretFraming(settings(variant=variant))
    totals = Accepted({"medfee_sumamt": "135.00", "hifp_pay": "108.00", "psn_cash_pay": "27.00"})
    assert framing.reply(TRANSACTIONS["settle"], value, text.encode("gbk")) == (expected or totals)


@pytest.mark.parametrize(("variant", "text"), [("B", ""), ("B", "C1^135.00|1"), ("A", "C1^1^135.00|"), ("B", "成功")])
def test_caret_replies_that_are_cut(variant: str, text: str) -> None:
    with pytest.raises(Unreadable):
        CaretFraming(settings(variant=variant)).reply(TRANSACTIONS["settle"], 0, text.encode("gbk"))


# -- carets, through a library
@pytest.fixture
async def caret_desk(make_desk: MakeDesk) -> Desk:
    desk = await make_desk(framing="caret", refusals=[{"equals": "参数检查未通过", "category": "data"}])
    desk.peer.answers["9100"] = "C1^20241201|^^^".encode("gbk")
    return desk


async def test_caret_settlement(caret_desk: Desk) -> None:
    caret_desk.peer.answers["2410"] = b"C2^135.00|108.00|27.00|^^^"
    outcome = await caret_desk.call("settle", SETTLE)
    assert isinstance(outcome, Done), outcome
    assert outcome.reply["settle_id"] == "INV1"
    assert outcome.reply["total_amt"] == Decimal("135.00")
    assert caret_desk.peer.raw[1].split(b"^")[3] == b"20241201", "the business period"


async def test_caret_failure_refuses_only_with_a_text_that_is_known(caret_desk: Desk) -> None:
    answers = caret_desk.peer.answers
    answers["2410"] = (-1, "通讯异常".encode("gbk"))
    assert isinstance(await caret_desk.call("settle", SETTLE), InDoubt)
    answers["2410"] = (-1, "C^0^参数检查未通过^".encode("gbk"))
    refused = await caret_desk.call("settle", SETTLE)
    assert isinstance(refused, Refused)
    assert refused.category is Category.DATA


async def test_caret_refuses_what_it_does_not_offer_before_anything_starts(caret_desk: Desk) -> None:
    outcome = await caret_desk.call("receipt")
    assert isinstance(outcome, Refused)
    assert "6101 is not offered by this framing" in outcome.message
    assert caret_desk.starts == 0
