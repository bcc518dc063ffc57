"""Every kind of answer, and what it is taken for (G8). Sources: 000; assumptions J14-J24."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.jiangsu.errors import ErrorClass, error_table
from adapters.jiangsu.transactions import TRANSACTIONS
from engine.environment import SECOND
from engine.outcomes import Category, Done, InDoubt, NotSent, Refused
from tests.adapters.gateway import (
    GOOD,
    LINE,
    MESSAGE_ID,
    NUMBERS,
    PERSON,
    WRITES,
    FakeGateway,
    failure,
    success,
)
from tests.people import check_digit, identity_number

NOT_THE_STATUS = [name for name in GOOD if name != "check_sign_in"]


def test_every_operation_has_a_good_example() -> None:
    assert set(GOOD) == set(TRANSACTIONS)


def test_identity_numbers_check() -> None:
    for seed in range(50):
        number = identity_number(seed)
        assert len(number) == 18
        assert check_digit(number[:17]) == number[17]
    assert check_digit("11010519491231002") == "X"  # the example of the standard


# -- what is sent
@pytest.mark.parametrize("operation", list(GOOD))
async def test_good_reply_is_done(operation: str) -> None:
    gateway = FakeGateway(success(GOOD[operation][1]), signed_in=True)
    outcome = await gateway.call(operation)
    assert isinstance(outcome, Done), outcome
    assert outcome.exchange is not None
    assert outcome.exchange.request == gateway.raw[-1]
    assert outcome.exchange.reply is not None
    assert outcome.exchange.status == "200"


async def test_transaction_carries_number_message_id_and_operator() -> None:
    gateway = FakeGateway(success(GOOD["settle"][1]), operator_id="007", operator_name="收费员")
    await gateway.call("settle")
    assert gateway.asked[-1] == {
        "action": "transaction",
        "transactionName": "2207",
        "messageId": MESSAGE_ID,
        "businessParams": NUMBERS | {"pre_settle_id": "PS20241201001", "mdtrt_id": "INV1"},
        "operatorId": "007",
        "operatorName": "收费员",
    }
    assert gateway.headers[-1]["content-type"] == "application/json"


async def test_card_goes_beside_the_parameters() -> None:
    gateway = FakeGateway(success(GOOD["read_card"][1]))
    await gateway.call("read_card", {"identify_mode": "2", "qr_code_info": "QR"})
    assert gateway.asked[-1]["identifyMode"] == "2"
    assert gateway.asked[-1]["qrCodeInfo"] == "QR"
    assert "businessParams" not in gateway.asked[-1]


async def test_reversal_is_an_action_with_the_original_id() -> None:
    gateway = FakeGateway(success(GOOD["reverse"][1]))
    await gateway.call("reverse")
    assert gateway.asked[-1] == {"action": "reverse", "originalMessageId": MESSAGE_ID}


async def test_money_travels_as_numbers_with_its_decimals() -> None:
    gateway = FakeGateway(success(GOOD["upload_lines"][1]))
    await gateway.call("upload_lines")
    assert b'"umamt":120.00' in gateway.raw[-1]
    assert b'"pric":120.0000' in gateway.raw[-1]


@pytest.mark.parametrize(
    ("operation", "wrong", "field"),
    [
        ("settle", {"mdtrt_id": ""}, "mdtrt_id"),
        ("settle", {"surprise": "1"}, "surprise"),
        ("register", {"adm_time": "2024-12-01"}, "adm_time"),
        ("read_card", {"identify_mode": "3"}, "identify_mode"),
        ("upload_lines", {"feedetail": [LINE | {"umamt": 1.5}]}, "feedetail.0.umamt"),
        ("upload_lines", {"feedetail": [LINE | {"umamt": "1.505"}]}, "feedetail.0.umamt"),
        ("upload_lines", {"feedetail": []}, "feedetail"),
        ("cancel_settlement", {"keep_tp_type": "2"}, "keep_tp_type"),
    ],
)
async def test_what_does_not_fit_is_never_sent(operation: str, wrong: dict[str, Any], field: str) -> None:
    gateway = FakeGateway(success(GOOD[operation][1]))
    outcome = await gateway.call(operation, GOOD[operation][0] | wrong)
    assert isinstance(outcome, Refused)
    assert outcome.category is Category.DATA
    assert field in outcome.message
    assert gateway.asked == []


async def test_batch_is_no_larger_than_the_site_says() -> None:
    lines = [LINE | {"feedetl_sn": str(number)} for number in range(3)]
    gateway = FakeGateway(success(GOOD["upload_lines"][1]), batch_size=2)
    outcome = await gateway.call("upload_lines", NUMBERS | {"feedetail": lines})
    assert isinstance(outcome, Refused)
    assert outcome.category is Category.DATA
    assert gateway.asked == []


# -- codes
CODES = [
    (1000, InDoubt, None),
    (1002, Refused, Category.DATA),
    (1004, Refused, Category.DATA),
    (1005, Refused, Category.DATA),
    (1006, Refused, Category.DATA),
    (1007, Refused, Category.DATA),
    (1008, InDoubt, None),
    (1099, InDoubt, None),
    (1100, InDoubt, None),
    (1999, InDoubt, None),
    (2000, InDoubt, None),
    (2999, InDoubt, None),
    (3000, Refused, Category.BUSINESS),
    (3999, Refused, Category.BUSINESS),
    (4000, InDoubt, None),
    (0, InDoubt, None),
    (-1, InDoubt, None),
    (200, InDoubt, None),
    (None, InDoubt, None),
    ("3010", Refused, Category.BUSINESS),
    ("x", InDoubt, None),
    (True, InDoubt, None),
    ([], InDoubt, None),
]


@pytest.mark.parametrize(("code", "kind", "category"), CODES)
@pytest.mark.parametrize("operation", [*WRITES, "receipt"])
async def test_codes(operation: str, code: object, kind: type, category: Category | None) -> None:
    outcome = await FakeGateway(failure(code)).call(operation)
    assert type(outcome) is kind
    assert outcome.exchange is not None
    assert outcome.exchange.reply is not None
    if isinstance(outcome, Refused):
        assert outcome.category is category
        assert outcome.code == str(code)


@given(st.integers())
def test_only_listed_codes_are_refusals(code: int) -> None:
    kind = error_table().meaning(code).kind
    if kind is ErrorClass.REFUSED:
        assert 3000 <= code <= 3999 or code in (1002, 1004, 1005, 1006, 1007)
    if kind is ErrorClass.SESSION:
        assert code in (1001, 1003)


@pytest.mark.parametrize(
    ("code", "business", "category"),
    [
        (3001, "1001", Category.BUSINESS),
        (3002, "2201001", Category.NOT_FOUND),
        (3003, "2202001", Category.ORDER),
        (3005, "2204002", Category.DATA),
        (3006, "2205001", Category.NOTHING_TO_UNDO),
        (3010, "2207001", Category.ALREADY_DONE),
        (3012, "2208001", Category.NOTHING_TO_UNDO),
        (3013, "6101001", Category.NOT_FOUND),
        (3999, "9999999", Category.BUSINESS),
    ],
)
async def test_business_codes(code: int, business: str, category: Category) -> None:
    reply = failure(code, "说明", transactionCode="2207", businessErrorCode=business, businessErrorMsg="说明")
    outcome = await FakeGateway(reply).call("settle")
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.category, outcome.message) == (f"{code}/{business}", category, "说明")


async def test_business_code_never_turns_a_doubt_into_a_refusal() -> None:
    outcome = await FakeGateway(failure(2001, businessErrorCode="2208001")).call("cancel_settlement")
    assert isinstance(outcome, InDoubt)


# -- replies that nobody can read
GARBAGE: list[bytes | str] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"42",
    b'"ok"',
    b"<html>502</html>",
    b"\xff\xfe\x00",
    '{"success": true, "message": "结算成功"}'.encode("gbk"),
    b'{"success": "true", "code": 200, "data": {}}',
    b'{"success": 1, "code": 200, "data": {}}',
    b'{"code": 200, "data": {}}',
    b'{"success": true, "code": 200, "data": {"total_amt": NaN}}',
    b'{"success": true, "code": 200, "data": "ok"}',
    b'{"success": true, "code": 200, "data": [1]}',
    b'{"success": true, "data": {"settle_id": "S1", "total_amt": 1, "fund_amt": 1, "self_amt": 0}}',
    b'{"success": true, "code": 0, "data": {"settle_id": "S1", "total_amt": 1, "fund_amt": 1, "self_amt": 0}}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("operation", ["settle", "upload_lines", "register", "receipt"])
async def test_garbage_is_in_doubt(operation: str, body: bytes | str) -> None:
    outcome = await FakeGateway(body).call(operation)
    assert isinstance(outcome, InDoubt), outcome


@given(st.binary(max_size=200))
async def test_no_bytes_at_all_are_a_success(body: bytes) -> None:
    assert isinstance(await FakeGateway(body, signed_in=True).call("settle"), InDoubt)


@pytest.mark.parametrize("operation", ["register", "pre_settle", "settle", "upload_lines", "receipt"])
async def test_success_without_its_fields_is_in_doubt(operation: str) -> None:
    data = json.loads(GOOD[operation][1])
    for name in data:
        if name in ("msgid",):
            continue
        short = {key: value for key, value in data.items() if key != name}
        outcome = await FakeGateway(success(json.dumps(short))).call(operation)
        assert isinstance(outcome, InDoubt), name
        assert name in outcome.reason


@pytest.mark.parametrize("operation", ["cancel_registration", "cancel_lines", "cancel_settlement"])
@pytest.mark.parametrize("data", ["null", "{}"])
async def test_undo_replies_carry_nothing_that_is_read(operation: str, data: str) -> None:
    assert isinstance(await FakeGateway(success(data)).call(operation), Done)


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 308, 400, 401, 403, 404, 429, 500, 502, 503, 504])
async def test_any_other_http_status_is_in_doubt(status: int) -> None:
    answer = httpx.Response(status, headers={"location": "http://127.0.0.1:1/"}, text=success(GOOD["settle"][1]))
    gateway = FakeGateway(answer)
    outcome = await gateway.call("settle")
    assert isinstance(outcome, InDoubt)
    assert str(status) in outcome.reason
    assert gateway.operations == ["2207"], "no redirect is followed"


# -- when it broke decides what it means
BROKEN = [
    (httpx.ConnectError("x"), NotSent),
    (httpx.ConnectTimeout("x"), NotSent),
    (httpx.PoolTimeout("x"), NotSent),
    (httpx.UnsupportedProtocol("x"), NotSent),
    (httpx.WriteError("x"), InDoubt),
    (httpx.WriteTimeout("x"), InDoubt),
    (httpx.ReadError("x"), InDoubt),
    (httpx.ReadTimeout("x"), InDoubt),
    (httpx.CloseError("x"), InDoubt),
    (httpx.RemoteProtocolError("x"), InDoubt),
    (httpx.LocalProtocolError("x"), InDoubt),
    (httpx.ProxyError("x"), InDoubt),
    (httpx.DecodingError("x"), InDoubt),
    (httpx.TooManyRedirects("x"), InDoubt),
]


@pytest.mark.parametrize(("error", "kind"), BROKEN, ids=lambda value: getattr(value, "__name__", type(value).__name__))
@pytest.mark.parametrize("operation", ["settle", "receipt"])
async def test_network(operation: str, error: Exception, kind: type) -> None:
    gateway = FakeGateway(error)
    outcome = await gateway.call(operation)
    assert type(outcome) is kind
    assert type(error).__name__ in outcome.reason
    assert outcome.exchange is not None
    assert outcome.exchange.request == gateway.raw[-1]
    assert outcome.exchange.reply is None
    assert len(gateway.operations) == 1, "the adapter itself repeats nothing"


def test_every_httpx_exception_is_in_the_table() -> None:
    known = {type(error) for error, _ in BROKEN}
    leaves = {
        found
        for found in vars(httpx).values()
        if isinstance(found, type) and issubclass(found, httpx.RequestError) and not found.__subclasses__()
    }
    assert leaves <= known


async def test_corrupt_compression_is_in_doubt() -> None:
    answer = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"not gzip"))
    assert isinstance(await FakeGateway(answer).call("settle"), InDoubt)


class Slow(FakeGateway):
    """Answers the operation later than anybody waits; ``slow`` names the request that is slow."""

    slow = "2207"
    seconds = 30.0

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await super()._answer(request)
        if self.sent[-1] == self.slow:
            await asyncio.sleep(self.seconds)
        return response


async def test_total_timeout_is_in_doubt() -> None:
    gateway = Slow(success(GOOD["settle"][1]), signed_in=True)
    outcome = await gateway.call("settle", timeout=SECOND // 20)
    assert isinstance(outcome, InDoubt)
    assert outcome.exchange is not None
    assert outcome.exchange.request == gateway.raw[-1]


async def test_timeout_while_signing_in_is_not_sent() -> None:
    gateway = Slow(success(GOOD["settle"][1]))
    gateway.slow = "9001"
    outcome = await gateway.call("settle", timeout=SECOND // 20)
    assert isinstance(outcome, NotSent)
    assert gateway.operations == []


async def test_nothing_is_sent_when_signing_in_took_all_the_time() -> None:
    """A once operation given a millisecond would be in doubt for nothing."""
    gateway = FakeGateway(success(GOOD["settle"][1]))
    loop = asyncio.get_running_loop()
    answer = gateway._answer

    async def late(request: httpx.Request) -> httpx.Response:
        response = await answer(request)
        if gateway.sent[-1] == "9001":
            now = loop.time() + 6
            loop.time = lambda: now  # type: ignore[method-assign]
        return response

    gateway._answer = late  # type: ignore[method-assign]
    gateway.replace_network(gateway.adapter)
    try:
        outcome = await gateway.call("settle", timeout=5 * SECOND)
    finally:
        del loop.time  # type: ignore[attr-defined]
    assert isinstance(outcome, NotSent), outcome
    assert gateway.operations == []


# -- tolerance in what is received
@pytest.mark.parametrize("spell", [str.upper, str.title, str.lower])
@pytest.mark.parametrize("operation", ["check_sign_in", "read_card", "settle", "receipt", "register", "pre_settle"])
async def test_names_in_any_letter_case(operation: str, spell: Any) -> None:
    data = json.dumps({spell(key): value for key, value in json.loads(GOOD[operation][1]).items()})
    gateway = FakeGateway(success(data))
    if operation == "check_sign_in":
        gateway.session["signin_status"] = success(data)
    assert isinstance(await gateway.call(operation), Done)


@pytest.mark.parametrize(
    ("operation", "data"),
    [
        ("read_card", {"psn_no": 1001, "psn_name": None, "certno": None, "emp_name": None, "age": 44, "new": [1]}),
        ("list_lines", {"lines": [], "pageCount": None}),
        ("list_lines", {"lines": [], "pageCount": "1"}),
        ("list_lines", {"lines": [{"rxno": 1, "feedetl_sn": 2, "umamt": "3.00", "msgid": None, "memo": None}]}),
        ("list_visits", {"visits": [{"visit_no": 1, "ipt_otp_no": 2, "status": "registered", "msgid": None}]}),
        ("register", {"visit_no": 20241201001, "more": {}}),
    ],
)
async def test_numbers_nulls_and_unknown_members_are_read(operation: str, data: dict[str, Any]) -> None:
    assert isinstance(await FakeGateway(success(json.dumps(data))).call(operation), Done)


async def test_person_number_stays_text() -> None:
    outcome = await FakeGateway(success('{"psn_no": 320199198001010011}')).call("read_card")
    assert outcome.reply["psn_no"] == "320199198001010011"


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("27", "27"),
        ("27.0", "27"),
        ("27.00", "27"),
        ('"27.00"', "27"),
        ('"-.01"', "-0.01"),
        ('" .5 "', "0.5"),
        ('"+1"', "1"),
        ("-0.01", "-0.01"),
        ("0.1", "0.1"),
    ],
)
async def test_amounts_as_peers_write_them(written: str, amount: str) -> None:
    data = f'{{"settle_id": "S1", "total_amt": {written}, "fund_amt": 0, "self_amt": 0}}'
    outcome = await FakeGateway(success(data)).call("settle")
    assert isinstance(outcome, Done), outcome
    assert outcome.reply["total_amt"] == Decimal(amount)
    assert isinstance(outcome.reply["total_amt"], Decimal)


@pytest.mark.parametrize("written", ['"NULL"', '""', "null", "true", '"1,000.00"', "0.001", '"1e3"', "[]", '"１"x'])
async def test_what_is_no_amount_is_in_doubt(written: str) -> None:
    data = f'{{"settle_id": "S1", "total_amt": {written}, "fund_amt": 0, "self_amt": 0}}'
    assert isinstance(await FakeGateway(success(data)).call("settle"), InDoubt)


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2), st.booleans())
async def test_amounts_survive_the_wire_to_the_cent(amount: Decimal, as_text: bool) -> None:
    written = f'"{amount}"' if as_text else str(amount)
    data = f'{{"settle_id": "S1", "total_amt": {written}, "fund_amt": {written}, "self_amt": 0.00}}'
    outcome = await FakeGateway(success(data), signed_in=True).call("settle")
    assert isinstance(outcome, Done)
    assert outcome.reply["total_amt"] == amount


# -- pages of 9104
def page(number: int, count: int) -> str:
    return success(
        json.dumps({"lines": [{"rxno": "R", "feedetl_sn": str(number), "umamt": "1.00"}], "pageCount": count})
    )


async def test_all_pages_are_read() -> None:
    gateway = FakeGateway(page(1, 3), page(2, 3), page(3, 3))
    outcome = await gateway.call("list_lines")
    assert [row["feedetl_sn"] for row in outcome.reply["lines"]] == ["1", "2", "3"]
    assert [each["businessParams"]["pageNumber"] for each in gateway.asked[-3:]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(b"", InDoubt), (failure(3002, businessErrorCode="2201001"), Refused), (httpx.ReadTimeout("x"), InDoubt)],
)
async def test_half_a_list_is_no_list(answer: Any, kind: type) -> None:
    assert type(await FakeGateway(page(1, 3), page(2, 3), answer).call("list_lines")) is kind


async def test_sign_in_lost_between_pages_is_no_list() -> None:
    assert not isinstance(await FakeGateway(page(1, 2), failure(1003)).call("list_lines"), Done)


# -- G10
async def test_nothing_personal_in_what_is_told() -> None:
    other = identity_number(2)
    told = f"人员{PERSON}(证件{other}，电话13900001234)未参保"
    for answer in (failure(3001, told, businessErrorCode="1001"), failure(1007, told), failure(2001, told)):
        outcome = await FakeGateway(answer).call("register")
        words = outcome.message if isinstance(outcome, Refused) else outcome.reason
        for secret in (PERSON, other, "13900001234"):
            assert secret not in words
    assert "未参保" in (await FakeGateway(failure(3001, told)).call("register")).message


async def test_no_credential_or_number_without_a_pattern_is_told() -> None:
    outcome = await FakeGateway(failure(3001, "二维码QR-SECRET-1无效")).call(
        "read_card", {"identify_mode": "2", "qr_code_info": "QR-SECRET-1"}
    )
    assert "QR-SECRET-1" not in outcome.message
    outcome = await FakeGateway(failure(3001, "人员P77001未参保")).call(
        "register", GOOD["register"][0] | {"psn_no": "P77001"}
    )
    assert "P77001" not in outcome.message


async def test_nothing_personal_in_a_sign_in_that_fails() -> None:
    gateway = FakeGateway(success())
    gateway.session["9001"] = failure(3001, f"操作员{PERSON}无权限")
    outcome = await gateway.call("settle")
    assert isinstance(outcome, NotSent)
    assert PERSON not in outcome.reason


async def test_a_business_code_is_only_a_code() -> None:
    outcome = await FakeGateway(failure(3001, businessErrorCode=f"人员{PERSON}")).call("register")
    assert outcome.code == "3001"


async def test_exchange_is_not_told_by_the_reason() -> None:
    outcome = await FakeGateway(f'{{"oops": "{PERSON}"'.encode()).call("register")
    assert PERSON not in outcome.reason
