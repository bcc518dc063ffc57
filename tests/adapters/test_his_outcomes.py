"""Every kind of answer of 004, and what it is taken for (G8). Assumptions H1-H8."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given as example
from hypothesis import strategies as st

from adapters.his.tables import ERRORS, INTERFACES, OPERATIONS, ErrorClass
from engine.outcomes import Category, Done, Effect, InDoubt, NotSent, Refused
from tests.adapters.his import (
    BILL,
    CARD,
    GOOD,
    PASSWORD,
    RECEIPT,
    SETTLE,
    VARIABLE,
    FakeHis,
    envelope,
    failure,
    success,
)

BOTH = list(GOOD)


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)


def test_the_operations_are_those_of_the_table() -> None:
    assert {name: each.effect for name, each in OPERATIONS.items()} == {
        "unsettled_bill": Effect.READ,
        "settle_bill": Effect.ONCE,
    }
    assert set(GOOD) == set(OPERATIONS)
    assert list(ERRORS) == ["0", "1", "2", "3", "5", "6", "500"]


# -- what is sent
@pytest.mark.parametrize("operation", BOTH)
async def test_a_good_reply_is_done(operation: str) -> None:
    his = FakeHis(success(GOOD[operation][1]))
    outcome = await his.call(operation)
    assert isinstance(outcome, Done), outcome
    assert his.calls[-1].url.path == INTERFACES[operation].path
    assert his.calls[-1].method == "POST"
    assert his.calls[-1].headers["content-type"] == "application/json"
    assert his.calls[-1].headers["authorization"].startswith("Bearer ey")
    assert outcome.exchange is not None
    assert outcome.exchange.request == his.calls[-1].content


async def test_the_settlement_goes_out_as_strings() -> None:
    his = FakeHis(success(RECEIPT))
    await his.call("settle_bill", SETTLE | {"Money": Decimal("27"), "SocialSecurityCard": None})
    assert his.body() == SETTLE


@pytest.mark.parametrize(
    ("settings", "day", "time"),
    [({}, "2026-11-20", "10:31:00"), ({"date_form": "yyyyMMdd", "time_form": "HHmmss"}, "20261120", "103100")],
)
async def test_day_and_time_are_written_as_the_site_says(settings: dict[str, Any], day: str, time: str) -> None:
    his = FakeHis(success(RECEIPT), **settings)
    await his.call("settle_bill")
    assert (his.body()["Paydate"], his.body()["Paytime"]) == (day, time)


@pytest.mark.parametrize(
    "wrong",
    [{"BILLID": ""}, {"Money": 1.5}, {"Money": "-1.00"}, {"Money": "1.005"}, {"surprise": "1"}, {"CardNo": None}],
    ids=str,
)
async def test_what_does_not_fit_is_never_sent(wrong: dict[str, Any]) -> None:
    his = FakeHis(success(RECEIPT))
    outcome = await his.call("settle_bill", SETTLE | wrong)
    assert isinstance(outcome, Refused)
    assert outcome.category is Category.DATA
    assert next(iter(wrong)) in outcome.message
    assert his.requests == []


# -- what is read
async def test_amounts_are_decimals_and_lists_are_lists() -> None:
    his = FakeHis(success(BILL))
    bill = (await his.call("unsettled_bill")).reply["bill"]
    assert (bill["SumFund"], bill["SBZFJE"], bill["GRZFJE3"]) == (
        Decimal("135.00"),
        Decimal("108.00"),
        Decimal("27.00"),
    )
    item = bill["FeeDetail"][0]["FeeCat"][0]["items"][0]
    assert item["SumPrice"] == Decimal("135.00")
    assert item["PerItem"][0] == {"PerItemName": "止痛片", "PerPrice": "55.00", "Price": "18.3333"}


async def test_numbers_one_object_and_the_tables_spelling_are_read_as_well() -> None:
    rows = {"FeeCat": {"Recipe": 7, "Items": {"SumPrice": 135, "PerItem": None}}}
    reply = BILL | {"SumFund": 135, "SBZFJE": 108.0, "GRZFJE3": "27.0000", "BILLID": 17, "FeeDetail": rows, "New": "x"}
    bill = (await FakeHis(success(reply)).call("unsettled_bill")).reply["bill"]
    assert (bill["SumFund"], bill["GRZFJE3"], bill["BILLID"], bill["New"]) == (135, 27, "17", "x")
    assert bill["FeeDetail"] == [
        {"FeeCat": [{"Recipe": "7", "items": [{"SumPrice": Decimal("135.00"), "PerItem": []}]}]}
    ]


@pytest.mark.parametrize("nothing", [None, "", {}, [], {"BILLID": "", "SumFund": ""}, {"BILLID": None}], ids=str)
async def test_nothing_due_is_an_answer(nothing: Any) -> None:
    outcome = await FakeHis(success(nothing)).call("unsettled_bill")
    assert isinstance(outcome, Done)
    assert outcome.reply == {"bill": None}


async def test_words_that_mean_nothing_due_are_the_sites() -> None:
    refused = failure(6, "没有未结算的账单")
    assert (await FakeHis(refused).call("unsettled_bill")).category is Category.BUSINESS
    site = {"nothing_due": ["没有未结算"]}
    assert (await FakeHis(refused, **site).call("unsettled_bill")).category is Category.NOT_FOUND
    assert (await FakeHis(refused, **site).call("settle_bill")).category is Category.BUSINESS


@pytest.mark.parametrize(
    "response",
    [
        None,
        "JS1",
        [RECEIPT],
        {name: value for name, value in RECEIPT.items() if name != "CheckOutNo"},
        RECEIPT | {"CheckOutNo": " "},
        RECEIPT | {"SumFund": "NULL"},
        RECEIPT | {"GRZFJE3": "27.005"},
        RECEIPT | {"Detail": "3号窗口"},
    ],
    ids=str,
)
async def test_a_settlement_that_cannot_be_read_is_in_doubt(response: Any) -> None:
    outcome = await FakeHis(success(response)).call("settle_bill")
    assert isinstance(outcome, InDoubt), outcome
    assert "does not fit the contract" in outcome.reason
    assert "NULL" not in outcome.reason


async def test_several_bills_are_not_guessed_at() -> None:
    outcome = await FakeHis(success([BILL, BILL | {"BILLID": "B2"}])).call("unsettled_bill")
    assert isinstance(outcome, InDoubt)
    assert "2 bills" in outcome.reason


# -- codes
CODES = [
    (2, InDoubt, None),
    (5, Refused, Category.DATA),
    (6, Refused, Category.BUSINESS),
    (500, InDoubt, None),
    (4, InDoubt, None),
    (-1, InDoubt, None),
    (99, InDoubt, None),
]


@pytest.mark.parametrize("written", [int, str])
@pytest.mark.parametrize("operation", BOTH)
@pytest.mark.parametrize(("code", "kind", "category"), CODES)
async def test_a_code_is_what_its_class_says(
    code: int, kind: type, category: Category | None, operation: str, written: Any
) -> None:
    outcome = await FakeHis(failure(written(code))).call(operation)
    assert type(outcome) is kind, outcome
    if isinstance(outcome, Refused):
        assert (outcome.code, outcome.category) == (str(code), category)


@pytest.mark.parametrize(
    ("status", "flag"),
    [(0, False), ("0", "false"), (2, True), (5, True), (6, "true"), (1, True), (3, True), (500, True)],
)
async def test_what_contradicts_itself_is_in_doubt(status: Any, flag: Any) -> None:
    his = FakeHis(envelope(status, flag, "?", RECEIPT))
    outcome = await his.call("settle_bill")
    assert isinstance(outcome, InDoubt)
    assert "contradicts itself" in outcome.reason
    assert len(his.calls) == 1  # and above all it is not sent again


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"status": 0}',
        b'{"status": true, "isSuccess": true}',
        b'{"status": "", "isSuccess": true}',
        b'{"status": 0, "isSuccess": 1}',
        b'{"status": NaN, "isSuccess": true}',
        b'{"status": 0.5, "isSuccess": true}',
        b"[" * 100_000,
        b"<html>",
    ],
    ids=lambda body: body[:20].decode("latin-1"),
)
async def test_an_unreadable_answer_to_the_settlement_is_in_doubt(body: bytes) -> None:
    his = FakeHis(body)
    assert isinstance(await his.call("settle_bill"), InDoubt)
    assert len(his.calls) == 1


@pytest.mark.parametrize("status", [201, 204, 302, 400, 403, 404, 500, 502, 503])
async def test_any_other_http_status_is_in_doubt(status: int) -> None:
    his = FakeHis(httpx.Response(status, content=success(RECEIPT).encode()))
    assert isinstance(await his.call("settle_bill"), InDoubt)
    assert len(his.calls) == 1


_MEMBERS = st.sampled_from(["status", "isSuccess", "msg", "response", "CheckOutNo"])
_PLAIN = st.none() | st.booleans() | st.integers() | st.text()


@example(st.recursive(_PLAIN, lambda each: st.lists(each, max_size=3) | st.dictionaries(_MEMBERS, each, max_size=4)))
async def test_no_json_makes_it_raise_or_be_done(value: Any) -> None:
    his = FakeHis(json.dumps(value))
    outcome = await his.call("settle_bill")
    assert isinstance(outcome, (InDoubt, Refused, NotSent))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("x"), NotSent),
        (httpx.ConnectTimeout("x"), NotSent),
        (httpx.ReadTimeout("x"), InDoubt),
        (httpx.WriteError("x"), InDoubt),
        (httpx.RemoteProtocolError("x"), InDoubt),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_when_it_broke_decides(error: Exception, kind: type) -> None:
    assert type(await FakeHis(error).call("settle_bill")) is kind


def test_every_code_has_reasons() -> None:
    for code, row in ERRORS.items():
        assert row.zh
        assert row.en
        assert row.why, code
    assert [code for code, row in ERRORS.items() if row.kind is ErrorClass.STALE] == ["1", "3"]


# -- nothing leaks
async def test_a_refusal_does_not_repeat_what_points_to_a_person() -> None:
    told = f"卡号{CARD}无效，账号nobody@invented"
    outcome = await FakeHis(failure(6, told)).call("settle_bill")
    assert outcome.message == "卡号***无效，账号***"
    assert "stack trace" not in repr(outcome.message)
