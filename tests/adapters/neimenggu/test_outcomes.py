"""Every kind of answer, and what it is taken for (G8). Sources: 002, 4 and 5.2; the domain page, chapter 7."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.neimenggu import Neimenggu
from engine.environment import SECOND
from engine.outcomes import Busy, Category, Done, InDoubt, NotSent, Refused
from tests.adapters.neimenggu.centre import Desk
from tests.adapters.neimenggu.examples import GOOD, NAME, ODD, PDF, PERSON, STAY, answer
from tests.people import identity_number

EFFECTS = {name: row.effect.value for name, row in Neimenggu.operations.items()}
WRITES = [name for name in GOOD if EFFECTS[name] != "read"]
READS = [name for name in GOOD if EFFECTS[name] == "read"]


async def desk_with(*answers: Any, **settings: Any) -> Desk:
    desk = Desk(settings=settings)
    await desk.shelf.add(PDF, "application/pdf", "发票.pdf", 0)
    desk.centre.answers = list(answers)
    return desk


def test_every_operation_but_the_sessions_has_a_good_example() -> None:
    assert set(GOOD) | {"log_in", "log_out"} == set(Neimenggu.operations)
    assert len(Neimenggu.operations) == 29


@pytest.mark.parametrize("operation", list(GOOD))
async def test_good_reply_is_done(operation: str) -> None:
    desk = await desk_with(GOOD[operation][1])
    outcome = await desk.call(operation)
    assert isinstance(outcome, Done), outcome
    assert not {"code", "msg", "resCode", "resMsg", "sessionid"} & set(outcome.reply)
    assert outcome.exchange is not None
    assert outcome.exchange.reply is not None
    assert outcome.exchange.status == "200"


async def test_a_card_that_is_not_valid_is_an_answer() -> None:
    """4.19 tells it with code 0: what follows from it, the step decides."""
    desk = await desk_with({"code": "0", "msg": "", "errmsg": "卡已注销", "result": "0"})
    outcome = await desk.call("check_card")
    assert isinstance(outcome, Done)
    assert outcome.reply == {"errmsg": "卡已注销", "result": "0"}


# -- codes
@pytest.mark.parametrize("operation", list(GOOD))
@pytest.mark.parametrize(
    ("code", "kind", "category"),
    [
        (99999, InDoubt, None),
        (1004, InDoubt, None),
        (12345678, InDoubt, None),
        ("?", InDoubt, None),
        ("", InDoubt, None),
        (None, InDoubt, None),
        (True, InDoubt, None),
        (-1, InDoubt, None),
        ([], InDoubt, None),
        (0.0, InDoubt, None),
        ("00", InDoubt, None),
        (21003, InDoubt, None),
        (11001, Refused, Category.DATA),
        ("11002", Refused, Category.DATA),
    ],
)
async def test_codes_that_any_call_may_get(operation: str, code: object, kind: type, category: Category | None) -> None:
    desk = await desk_with(answer(operation, code, "说明"))
    outcome = await desk.call(operation)
    assert type(outcome) is kind, outcome
    assert outcome.exchange is not None
    assert outcome.exchange.reply is not None
    if isinstance(outcome, Refused):
        assert outcome.category is category
        assert outcome.code == str(code)
        assert outcome.message == "说明"
    assert len(desk.centre.calls) == 1


@pytest.mark.parametrize(
    ("operation", "code", "text", "kind", "category"),
    [
        ("register", 51014, "", Refused, Category.ALREADY_DONE),
        ("register", 51013, "", Refused, Category.ORDER),
        ("register", 51016, "", InDoubt, None),
        ("register", 51018, "", Refused, Category.DATA),
        ("cancel_registration", 61009, "", InDoubt, None),
        ("upload_lines", 81019, "", InDoubt, None),
        ("upload_lines", 81028, "", Refused, Category.MAINTENANCE),
        ("cancel_lines", 130004, "", Refused, Category.NOTHING_TO_UNDO),
        ("approve_fees", 91005, "", Refused, Category.ALREADY_DONE),
        ("leave", 110010, "", Refused, Category.ALREADY_DONE),
        ("leave", 110008, "", Refused, Category.ORDER),
        ("leave", 110024, "", InDoubt, None),
        ("leave", 110021, "J110021-出院接口正在使用中,请等待!", Busy, None),
        ("cancel_leave", 120003, "", Refused, Category.BUSINESS),
        ("cancel_leave", 120002, "", Refused, Category.NOTHING_TO_UNDO),
        ("register_offsite", 310020, "", Refused, Category.ALREADY_DONE),
        ("register_offsite", 310023, "", InDoubt, None),
        ("leave_offsite", 350019, "", InDoubt, None),
        ("list_stays", 230003, "", Refused, Category.NOT_FOUND),
        ("upload_lines", 220003, "T220003-该人员存在未同步体检信息撤销操作,请稍后再试!", Busy, None),
        ("find_treatments", 180005, "Q180005-该人员存在未同步继续治疗申请撤销操作,请稍后再试!", Busy, None),
    ],
)
async def test_codes_of_one_operation(
    operation: str, code: int, text: str, kind: type, category: Category | None
) -> None:
    for form in (code, str(code)):
        desk = await desk_with(answer(operation, form, text))
        outcome = await desk.call(operation)
        assert type(outcome) is kind, outcome
        if isinstance(outcome, Refused):
            assert (outcome.code, outcome.category) == (str(code), category)
            assert outcome.message, "the table's words where the centre gives none"
        if isinstance(outcome, Busy):
            assert outcome.retry_after == 30 * SECOND


async def test_180005_means_two_things_and_the_text_decides() -> None:
    desk = await desk_with({"code": 180005, "msg": "Q180005-该人员已经已经撤销申请,请等候!"})
    assert not isinstance(await desk.call("find_treatments"), Busy)


@given(st.integers(min_value=-(10**9), max_value=10**9))
def test_only_codes_of_the_table_are_more_than_a_doubt(code: int) -> None:
    from adapters.neimenggu.errors import Kind, error_groups, meaning

    known = {row.code for group in error_groups() for row in group.rows}
    if str(code) not in known:
        assert meaning("register", code, "").kind is Kind.IN_DOUBT


# -- what nobody can read
GARBAGE: list[bytes] = [
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b'"text"',
    b"0",
    b"{",
    b"<html><body>502 Bad Gateway</body></html>",
    b'{"code": 0,',
    b'{"code": NaN, "msg": ""}',
    b'{"msg": "ok"}',
    b"{}",
    b"[" * 100_000,
    b'{"code": 1e99, "msg": ""}',
    b'{"code": ' + b"9" * 5000 + b"}",
]


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("operation", ["register", "upload_lines", "send_material", "list_stays"])
async def test_garbage_is_in_doubt(operation: str, body: bytes) -> None:
    desk = await desk_with(body)
    outcome = await desk.call(operation)
    assert isinstance(outcome, InDoubt)
    assert len(desk.centre.calls) == 1


@pytest.mark.parametrize("operation", ["upload_lines", "approve_fees", "settlement_sheet", "check_card", "drug_share"])
async def test_success_without_its_members_is_in_doubt_where_they_matter(operation: str) -> None:
    desk = await desk_with({"code": 0, "msg": ""})
    outcome = await desk.call(operation)
    if operation == "upload_lines":  # how many rows were saved is for the step to compare
        assert isinstance(outcome, Done | InDoubt)
    else:
        assert isinstance(outcome, InDoubt)


async def test_success_that_does_not_fit_is_in_doubt_and_names_the_field() -> None:
    desk = await desk_with({"code": 0, "msg": "", "akc190": STAY, "alc407": "viel", "collections": ""})
    outcome = await desk.call("approve_fees")
    assert isinstance(outcome, InDoubt)
    assert "alc407" in outcome.reason
    assert "viel" not in outcome.reason


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 401, 403, 404, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("operation", ["register", "send_material", "list_stays"])
async def test_any_other_http_status_is_in_doubt(operation: str, status: int) -> None:
    desk = await desk_with(httpx.Response(status, json={"code": 0, "msg": ""}, headers={"Location": "/elsewhere"}))
    outcome = await desk.call(operation)
    assert isinstance(outcome, InDoubt)
    assert str(status) in outcome.reason
    assert len(desk.centre.calls) == 1


async def test_a_code_in_an_answer_with_another_status_is_not_believed() -> None:
    """Not even that the session is refused: a gateway in between may say anything."""
    desk = await desk_with(httpx.Response(500, json={"code": 11005, "msg": "sessionid无效"}))
    assert isinstance(await desk.call("upload_lines"), InDoubt)
    assert desk.centre.sent.count("login") == 1


# -- the network
BROKEN: list[tuple[type[httpx.TransportError], type]] = [
    (httpx.ConnectError, NotSent),
    (httpx.ConnectTimeout, NotSent),
    (httpx.PoolTimeout, NotSent),
    (httpx.UnsupportedProtocol, NotSent),
    (httpx.WriteError, InDoubt),
    (httpx.WriteTimeout, InDoubt),
    (httpx.ReadError, InDoubt),
    (httpx.ReadTimeout, InDoubt),
    (httpx.CloseError, InDoubt),
    (httpx.RemoteProtocolError, InDoubt),
    (httpx.LocalProtocolError, InDoubt),
    (httpx.ProxyError, InDoubt),
]


@pytest.mark.parametrize(("error", "kind"), BROKEN, ids=lambda value: value.__name__)
@pytest.mark.parametrize("operation", ["register", "send_material", "list_stays"])
async def test_network(operation: str, error: type[httpx.TransportError], kind: type) -> None:
    desk = await desk_with(error("broken"))
    outcome = await desk.call(operation)
    assert type(outcome) is kind
    assert len(desk.centre.calls) == 1


async def test_corrupt_compression_is_in_doubt() -> None:
    desk = Desk(transport=httpx.MockTransport(lambda _request: corrupt()))
    assert isinstance(await desk.call(), NotSent), "of the log-in"

    async def after_log_in(request: httpx.Request) -> httpx.Response:
        return await desk.centre(request) if request.url.path.endswith("login.html") else corrupt()

    desk = Desk(transport=httpx.MockTransport(after_log_in))
    assert isinstance(await desk.call("upload_lines"), InDoubt)


def corrupt() -> httpx.Response:
    body = gzip.compress(b'{"code": 0, "msg": ""}')[:-4] + b"????"
    return httpx.Response(200, stream=httpx.ByteStream(body), headers={"Content-Encoding": "gzip"})


async def test_an_answer_without_end_is_in_doubt() -> None:
    desk = await desk_with(b'{"code": 0, "msg": "' + b"x" * 4096 + b'"}', largest_answer=2048)
    outcome = await desk.call("register")
    assert isinstance(outcome, InDoubt)
    assert "2048" in outcome.reason


async def test_time_out() -> None:
    desk = Desk()

    async def slow(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("login.html"):
            await asyncio.Event().wait()
        return await desk.centre(request)

    desk.transport = httpx.MockTransport(slow)
    desk.__post_init__()
    outcome = await desk.call("upload_lines", timeout=30_000)
    assert isinstance(outcome, InDoubt)
    assert outcome.reason == "timeout"


@pytest.mark.parametrize("operation", WRITES)
async def test_a_write_is_sent_once_whatever_happens(operation: str) -> None:
    for lost in (httpx.ReadTimeout("x"), b"", httpx.Response(502), answer(operation, 99999)):
        desk = await desk_with(lost)
        assert isinstance(await desk.call(operation), InDoubt)
        assert len(desk.centre.calls) == 1


async def test_what_does_not_fit_is_never_sent() -> None:
    desk = await desk_with(GOOD["register"][1])
    outcome = await desk.call("register", {"isnewinjure": "0", "kc21": {"aac003": "甲"}})
    assert isinstance(outcome, Refused)
    assert outcome.category is Category.DATA
    assert "akc190" in outcome.message
    assert desk.centre.asked == []


# -- what is told (G10)
@pytest.mark.parametrize("code", [51014, 51016, 77777, 110021])
async def test_nothing_personal_in_what_is_told(code: int) -> None:
    other = identity_number(7)
    words = f"人员{NAME}（{PERSON}）与{other}电话13912345678卡A1234567B"
    desk = await desk_with({"code": code, "msg": words})
    outcome = await desk.call("register")
    told = outcome.message if isinstance(outcome, Refused) else outcome.reason
    for secret in (NAME, PERSON, other, "13912345678", "A1234567B"):
        assert secret not in told
    assert "人员" in told
    assert PERSON.encode() in outcome.exchange.reply, "the exchange has it all, and is encrypted"


async def test_a_code_that_is_a_person_is_not_told() -> None:
    outcome = await (await desk_with({"code": PERSON, "msg": ""})).call("register")
    assert isinstance(outcome, InDoubt)
    assert PERSON not in outcome.reason


@pytest.mark.parametrize("operation", ODD)
async def test_the_two_that_answer_with_other_members(operation: str) -> None:
    desk = await desk_with({"code": 0, "msg": "", "aac147": PERSON, "aac003": NAME})
    assert isinstance(await desk.call(operation), InDoubt), "code 0 is not resCode 0"
    assert READS
