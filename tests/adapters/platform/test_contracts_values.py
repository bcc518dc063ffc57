"""Single values: what is taken, what is refused and with which code, what is written."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest

from adapters.platform.contracts import (
    INTERFACES,
    TABLES,
    Misfit,
    Verdict,
    build_refusal,
    build_reply,
    build_request,
    dumps,
    loads,
    read_reply,
    secrets_of,
    validate_request,
)
from adapters.platform.contracts.model import Field, Type
from adapters.platform.contracts.values import Unreadable, read, write
from tests import people
from tests.adapters.platform import samples

CARD = people.identity_number(3)


def _field(kind: Type, **more: Any) -> Field:
    return Field("x", kind, **more)


@pytest.mark.parametrize(
    ("kind", "came", "means"),
    [
        (Type.TEXT, 253, "253"),
        (Type.TEXT, Decimal("1.50"), "1.50"),
        (Type.TEXT, " 20131104013", " 20131104013"),
        (Type.MONEY, "23.5", Decimal("23.50")),
        (Type.MONEY, 23, Decimal("23.00")),
        (Type.MONEY, 0.01, Decimal("0.01")),
        (Type.MONEY, Decimal("-65.1"), Decimal("-65.10")),
        (Type.MONEY, " 12.3000 ", Decimal("12.30")),
        (Type.MONEY, ".5", Decimal("0.50")),
        (Type.PRICE, "0.0125", Decimal("0.0125")),
        (Type.QUANTITY, "2.00", Decimal("2")),
        (Type.INTEGER, "7", 7),
        (Type.INTEGER, Decimal("7.0"), 7),
        (Type.BOOL, "true", True),
        (Type.BOOL, "0", False),
        (Type.TIMESTAMP, "2019-3-28 09:55:26", "2019-03-28 09:55:26"),
        (Type.TIMESTAMP, "2022-04-19 08:00", "2022-04-19 08:00"),
        (Type.TIMESTAMP, "2020-05-26", "2020-05-26"),
        (Type.MINUTE, "2019-06-13 08:00:00", "2019-06-13 08:00"),
        (Type.DATE, "2019-09-18 00:00:00", "2019-09-18"),
        (Type.COMPACT_DATE, "20191116", "20191116"),
        (Type.COMPACT_DATE, "2019-11-16", "20191116"),
        (Type.COMPACT_DATE, 20191116, "20191116"),
        (Type.CLOCK, "7:30", "07:30"),
        (Type.CLOCK, "08:00:00", "08:00"),
        (Type.CSV, "001,002，003,", ["001", "002", "003"]),
        (Type.CSV, ["001"], ["001"]),
    ],
)
def test_taken(kind: Type, came: Any, means: Any) -> None:
    found = read(came, _field(kind))
    assert found == means
    assert type(found) is type(means)


@pytest.mark.parametrize(
    ("kind", "came", "code"),
    [
        (Type.TEXT, True, "20002"),
        (Type.TEXT, ["a"], "20002"),
        (Type.MONEY, "abc", "20002"),
        (Type.MONEY, True, "20002"),
        (Type.MONEY, {}, "20002"),
        (Type.MONEY, "NaN", "20002"),
        (Type.MONEY, float("inf"), "20002"),
        (Type.MONEY, "1.005", "20003"),
        (Type.MONEY, "1" + "0" * 12, "20004"),
        (Type.MONEY, Decimal("1E+999999999"), "20004"),
        (Type.TEXT, Decimal("1E+999999999"), "20004"),
        (Type.INTEGER, "1.5", "20003"),
        (Type.BOOL, "perhaps", "20002"),
        (Type.TIMESTAMP, "yesterday", "20003"),
        (Type.TIMESTAMP, "2019-02-30", "20003"),
        (Type.TIMESTAMP, "2019-02-03 24:00:00", "20003"),
        (Type.MINUTE, "2019-06-13", "20003"),
        (Type.COMPACT_DATE, "20190230", "20003"),
        (Type.CLOCK, "25:00", "20003"),
    ],
)
def test_refused(kind: Type, came: Any, code: str) -> None:
    with pytest.raises(Unreadable) as error:
        read(came, _field(kind))
    assert error.value.code == code
    assert str(came) not in error.value.reason


def test_a_code_is_found_whatever_its_case_and_blanks() -> None:
    field = _field(Type.CODE, table="pay_type")
    assert read("WechatPay ", field) == "WeChatPay"
    assert read(1, _field(Type.CODE, table="flag")) == "1"
    assert read("durg", _field(Type.CODE, table="room")) == "drug"
    assert read("anything", _field(Type.CODE, table="message")) == "anything"
    with pytest.raises(Unreadable, match="pay_type"):
        read("Cash", field)
    assert TABLES["day_part"].find("a") == "A"


def test_less_than_the_least_is_out_of_range() -> None:
    with pytest.raises(Unreadable) as error:
        read("-0.01", _field(Type.MONEY, least=0))
    assert error.value.code == "20004"


@pytest.mark.parametrize(
    ("kind", "more", "value", "written"),
    [
        (Type.MONEY, {}, Decimal("23.5"), '"23.50"'),
        (Type.MONEY, {}, 0, '"0.00"'),
        (Type.MONEY, {"as_number": True}, Decimal("-0.1"), "-0.10"),
        (Type.PRICE, {}, Decimal("1.2000"), '"1.20"'),
        (Type.PRICE, {}, Decimal("1.2345"), '"1.2345"'),
        (Type.QUANTITY, {}, Decimal("100.000"), '"100"'),
        (Type.QUANTITY, {}, Decimal("2.50"), '"2.5"'),
        (Type.INTEGER, {}, 7, '"7"'),
        (Type.INTEGER, {"as_number": True}, 7, "7"),
        (Type.CODE, {"as_number": True, "table": "comparison"}, "-1", "-1"),
        (Type.TEXT, {"as_number": True}, "801", "801"),
        (Type.TEXT, {"as_number": True}, "001", '"001"'),
        (Type.TEXT, {"as_number": True}, "A12", '"A12"'),
        (Type.TIMESTAMP, {}, datetime.datetime(2026, 3, 1, 8, 5, 9), '"2026-03-01 08:05:09"'),
        (Type.DATE, {}, datetime.date(2026, 3, 1), '"2026-03-01"'),
        (Type.COMPACT_DATE, {}, datetime.date(2026, 3, 1), '"20260301"'),
        (Type.CLOCK, {}, datetime.time(8, 5), '"08:05"'),
        (Type.CSV, {}, ["1", "2"], '"1,2"'),
        (Type.BOOL, {}, True, "true"),
    ],
)
def test_written(kind: Type, more: dict[str, Any], value: Any, written: str) -> None:
    assert dumps(write(value, _field(kind, **more))) == written


def test_json_keeps_every_cent() -> None:
    assert dumps({"金额": Decimal("0.10"), "list": [1, None, True]}) == '{"金额": 0.10, "list": [1, null, true]}'
    assert loads('{"a": 0.1}') == {"a": Decimal("0.1")}
    for text in ("NaN", "[" * 100_000, "{", "nonsense"):
        with pytest.raises(ValueError, match=r".*"):
            loads(text)


# -- whole bodies


def test_a_payment_notice_comes_typed_and_keeps_what_it_does_not_know() -> None:
    body = {
        "medicalCardNumber": CARD,
        "outTradeNo ": "ZJZF-TEST-1",
        "AMOUNT": "120",
        "payTime": "2026-03-01 08:05:09",
        "payType": "alipay",
        "balancePayment": "",
        "detailId": ["1", 2],
        "newMember": {"x": 1},
    }
    checked = validate_request(INTERFACES["3.1.2"], body)
    assert isinstance(checked, Misfit)
    assert [(each.member, each.code) for each in checked.problems] == [("balancePayment", "20001")]
    assert (checked.code, checked.message) == ("20001", "缺少参数：balancePayment")
    assert CARD not in str(checked)
    checked = validate_request(INTERFACES["3.1.2"], body | {"balancePayment": 0})
    assert checked == {
        "medicalCardNumber": CARD,
        "outTradeNo": "ZJZF-TEST-1",
        "amount": Decimal("120.00"),
        "payTime": "2026-03-01 08:05:09",
        "payType": "AliPay",
        "balancePayment": Decimal("0.00"),
        "detailId": ["1", "2"],
        "newMember": {"x": 1},
    }


@pytest.mark.parametrize("body", [None, [], "text", 3, True])
def test_what_is_no_object_is_refused(body: Any) -> None:
    checked = validate_request(INTERFACES["3.1.1"], body)
    assert isinstance(checked, Misfit)
    assert checked.code == "20002"


def test_either_spelling_is_read_and_a_setting_says_which_is_sent() -> None:
    interface = INTERFACES["19.1.8"]
    values = samples.request(interface, full=True)
    table = build_request(interface, values)
    example = build_request(interface, values, spelling="also")
    both = build_request(interface, values, spelling="both")
    assert isinstance(table, dict)
    assert isinstance(example, dict)
    assert isinstance(both, dict)
    assert ("revisitTime" in table, "revisitDate" in table) == (True, False)
    assert ("revisitTime" in example, "revisitDate" in example) == (False, True)
    assert both["revisitTime"] == both["revisitDate"]
    assert validate_request(interface, table) == validate_request(interface, example) == values


def test_the_first_spelling_that_says_something_counts() -> None:
    interface = INTERFACES["5.1.3"]
    assert validate_request(interface, {"hisTradeId": "", "hisTradeIds": "1,2"}) == {"hisTradeId": ["1", "2"]}


def test_a_deposit_needs_the_card_or_the_stay() -> None:
    interface = INTERFACES["10.1.2"]
    values = samples.request(interface, full=False)
    card = values.pop("medicalCardNumber")
    neither = validate_request(interface, values)
    assert isinstance(neither, Misfit)
    assert {each.member for each in neither.problems} == {"medicalCardNumber", "admissionNumber"}
    assert validate_request(interface, values | {"admissionNumber": "060508"})
    assert validate_request(interface, values | {"medicalCardNumber": card, "admissionNumber": ""})


def test_what_a_value_demands_of_its_neighbours() -> None:
    interface = INTERFACES["11.2.1"]
    values = samples.request(interface, full=False) | {"sendWay": "TWO"}
    with pytest.raises(Misfit) as error:
        build_request(interface, values)
    assert "patientList[0].totalPrepay" in {each.member for each in error.value.problems}
    build_request(interface, samples.request(interface, full=True))


def test_a_slot_has_an_id_or_both_its_times() -> None:
    interface = INTERFACES["24.1.4"]
    values = samples.request(interface, full=False)
    values.pop("planTimeId")
    assert isinstance(validate_request(interface, values | {"startTime": "8:00"}), Misfit)
    assert validate_request(interface, values | {"startTime": "8:00", "endTime": "8:30"})


def test_unknown_members_do_not_leave_the_house() -> None:
    interface = INTERFACES["13.2.1"]
    with pytest.raises(Misfit, match="colour: unknown member"):
        build_request(interface, samples.request(interface, full=False) | {"colour": "red"})
    with pytest.raises(Misfit, match="data: unknown member"):
        build_reply(INTERFACES["1.2.1"], {"x": 1})


def test_a_reply_that_is_marked_empty_may_say_nothing_but_has_to_say_it() -> None:
    interface = INTERFACES["29.1.4"]
    assert build_reply(interface, {"refundNo": ""})["data"] == {"refundNo": ""}
    with pytest.raises(Misfit, match="refundNo"):
        build_reply(interface, {})


def test_one_patient_is_an_object_several_are_a_list() -> None:
    interface = INTERFACES["19.2.1"]
    assert interface.replies[""].data is not None
    patients = samples.value(interface.replies[""].data, full=True)
    assert isinstance(build_reply(interface, patients)["data"], dict)
    assert len(build_reply(interface, patients * 2)["data"]) == 2
    assert build_reply(interface)["data"] == []
    for body in (build_reply(interface, patients), build_reply(interface, patients * 2)):
        assert read_reply(interface, body).data[0] == patients[0]


def test_two_methods_two_replies() -> None:
    interface = INTERFACES["16.1.2"]
    laboratory, imaging = interface.names
    assert set(interface.reply(laboratory).data.fields) != set(interface.reply(imaging).data.fields)  # type: ignore[union-attr]
    assert interface.reply(None) is interface.reply(laboratory)


def test_beside_the_code() -> None:
    assert build_reply(INTERFACES["21.2.3"], beside={"refundNo": "R1"})["refundNo"] == "R1"
    assert read_reply(INTERFACES["21.2.3"], {"success": True, "code": "10001", "refundNo": 1}).beside == {
        "refundNo": "1"
    }


def test_a_file_has_no_body() -> None:
    with pytest.raises(Misfit, match="file"):
        build_reply(INTERFACES["16.1.4"], "x")


def test_a_refusal_has_a_code_of_the_appendix() -> None:
    for code in ("10001", "12345"):
        with pytest.raises(ValueError, match=code):
            build_refusal(INTERFACES["3.1.2"], code, "")
    assert build_refusal(INTERFACES["36.1.2"], "60402", "已出院") == {
        "success": False,
        "msg": "已出院",
        "code": 60402,
        "data": None,
    }


@pytest.mark.parametrize(
    ("number", "body", "verdict"),
    [
        ("1.2.1", {"success": True, "code": "10001"}, Verdict.YES),
        ("1.2.1", {"success": "true", "code": 10001}, Verdict.YES),
        ("1.2.1", {"success": True}, Verdict.UNCLEAR),
        ("1.2.1", {"code": "10001"}, Verdict.UNCLEAR),
        ("1.2.1", {"success": True, "code": "90001"}, Verdict.UNCLEAR),
        ("1.2.1", {"success": False, "code": "10001"}, Verdict.UNCLEAR),
        ("1.2.1", {"success": False, "code": "60501"}, Verdict.NO),
        ("1.2.1", {"success": False}, Verdict.NO),
        ("1.2.1", {}, Verdict.UNCLEAR),
        ("5.2.1", {"success": True, "code": "10001", "data": "1"}, Verdict.YES),
        ("5.2.1", {"success": True, "code": "10001", "data": 0}, Verdict.NO),
        ("5.2.1", {"success": True, "code": "10001"}, Verdict.UNCLEAR),
        ("21.1.6", {"success": True, "message": "", "status": 1}, Verdict.YES),
        ("21.1.6", {"success": False, "message": "", "status": "-1"}, Verdict.NO),
        ("21.1.6", {"success": True, "message": "", "status": -1}, Verdict.UNCLEAR),
        ("14.1.2", {"success": True, "message": None, "data": []}, Verdict.YES),
    ],
)
def test_whether_it_was_done(number: str, body: dict[str, Any], verdict: Verdict) -> None:
    assert read_reply(INTERFACES[number], body).verdict is verdict


def test_a_reply_is_read_as_well_as_can_be() -> None:
    body = {
        "success": True,
        " msg ": "ok",
        "code": 10001,
        "data": {"refundNo": 7, "time": "soon", "further": 1},
        "trace": "abc",
    }
    answer = read_reply(INTERFACES["13.2.1"], body)
    assert answer.data == {"refundNo": "7", "time": "soon", "further": 1}
    assert [(each.member, each.code) for each in answer.problems] == [("data.time", "20003")]
    assert (answer.code, answer.message, answer.beside) == ("10001", "ok", {"trace": "abc"})


def test_what_points_to_a_person_is_known() -> None:
    request = INTERFACES["11.2.1"].request
    patient = {"idCard": CARD, "patName": people.name(1), "patInHosCode": "060508", "further": "x"}
    assert set(secrets_of(request, {"hospitalId": "253", "patientList": [patient]})) == {CARD, people.name(1)}
    for nonsense in (None, [], "text", {"patientList": "text"}, [[]]):
        assert list(secrets_of(request, nonsense)) == []
