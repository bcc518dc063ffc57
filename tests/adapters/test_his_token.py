"""The token of 004: one log-in for all, renewed when it is refused or over, never seen (H1)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from adapters.his import HisBackend
from adapters.his.tokens import Tokens, life_of
from engine.environment import SECOND
from engine.outcomes import Category, Done, NotSent, Refused
from tests.adapters.his import BILL, PASSWORD, RECEIPT, VARIABLE, FakeHis, envelope, failure, success, token

REFUSED = [failure(1, "签名错误"), failure("3", "时间过期"), httpx.Response(401)]


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)


async def test_one_token_serves_all_calls() -> None:
    his = FakeHis(success(BILL))
    await asyncio.gather(*(his.call("unsettled_bill") for _ in range(20)))
    assert his.logged_in == 1
    assert len(his.calls) == 20
    assert len({each.headers["authorization"] for each in his.calls}) == 1


async def test_the_log_in_carries_user_and_password() -> None:
    his = FakeHis(success(BILL), username="desk")
    await his.call("unsettled_bill")
    assert his.requests[0].content.decode() == f'{{"userId": "desk", "password": "{PASSWORD}"}}'
    assert "authorization" not in his.requests[0].headers


async def test_without_a_password_none_is_sent() -> None:
    his = FakeHis(success(BILL), password_variable="")
    await his.call("unsettled_bill")
    assert his.requests[0].content == b'{"userId": "visitflow"}'


@pytest.mark.parametrize("refusal", REFUSED, ids=str)
@pytest.mark.parametrize(("operation", "good"), [("unsettled_bill", BILL), ("settle_bill", RECEIPT)])
async def test_a_refused_token_is_renewed_and_the_call_made_once_more(
    refusal: str | httpx.Response, operation: str, good: dict[str, str]
) -> None:
    his = FakeHis(refusal, success(good))
    assert isinstance(await his.call(operation), Done)
    assert his.logged_in == 2
    first, second = his.calls
    assert first.content == second.content
    assert first.headers["authorization"] != second.headers["authorization"]


@pytest.mark.parametrize("refusal", REFUSED, ids=str)
async def test_there_is_no_loop(refusal: str | httpx.Response) -> None:
    his = FakeHis(refusal)
    outcome = await his.call("settle_bill")
    assert isinstance(outcome, NotSent)
    assert len(his.calls) == 2
    assert his.logged_in == 2


async def test_many_callers_with_one_stale_token_log_in_once() -> None:
    his = FakeHis(success(BILL))
    await his.call("unsettled_bill")
    his.void = {his.calls[-1].headers["authorization"]}
    outcomes = await asyncio.gather(*(his.call("unsettled_bill") for _ in range(10)))
    assert all(isinstance(each, Done) for each in outcomes)
    assert his.logged_in == 2


async def test_a_token_at_its_end_is_not_used() -> None:
    his = FakeHis(success(BILL), life=30)  # the margin: it counts as over at once, and as unreadable
    await his.call("unsettled_bill")
    await his.call("unsettled_bill")
    assert his.logged_in == 1
    tokens = Tokens[str]()

    async def log_in() -> str:
        return token(1, iat=1000, exp=1000 + 30 + 0.05)

    loop = asyncio.get_running_loop()
    await tokens.get(log_in, SECOND)
    began = loop.time()
    calls = []

    async def again() -> str:
        calls.append(loop.time() - began)
        return token(2)

    await tokens.get(again, SECOND)
    assert calls == []
    tokens._until = loop.time() - 1
    await tokens.get(again, SECOND)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("made", "life"),
    [
        (token(1, iat=1000, exp=4600), 3570),
        (token(1, nbf=1000, exp=4600), 3570),
        (token(1, exp=5600), 570.0),  # by the wall clock, which says 5000
        (token(1, exp=4000), float("inf")),  # over before it began: the clocks differ
        (token(1), float("inf")),
        (token(1, iat=1000, exp=None), float("inf")),
        ("no-jwt-at-all", float("inf")),
    ],
)
def test_the_life_of_a_token(made: str, life: float) -> None:
    assert life_of(made, now=5000) == life


@pytest.mark.parametrize("code", [1, 5, 6])
async def test_wrong_credentials_call_a_person(code: int) -> None:
    his = FakeHis(success(RECEIPT), log_in=failure(code, f"密码{PASSWORD}错误"))
    outcome = await his.call("settle_bill")
    assert isinstance(outcome, Refused)
    assert outcome.category is Category.CREDENTIALS
    assert PASSWORD not in outcome.message
    assert his.calls == []


@pytest.mark.parametrize(
    "answer",
    [
        failure(2),
        failure(500),
        failure(3),
        failure(42),
        success(""),
        success(None),
        success({"token": "x"}),
        envelope(0, False, "", "token"),
        envelope(6, True, "", "token"),
        b"<html>",
        httpx.Response(401),
        httpx.Response(502),
        httpx.ReadTimeout("late"),
        httpx.ConnectError("refused"),
    ],
    ids=str,
)
async def test_a_failed_log_in_sends_nothing_and_keeps_nothing(
    answer: str | bytes | httpx.Response | Exception,
) -> None:
    his = FakeHis(success(RECEIPT), log_in=answer)
    outcome = await his.call("settle_bill")
    assert isinstance(outcome, NotSent), outcome
    assert outcome.exchange is None  # it would hold the password
    assert his.calls == []


async def test_a_token_that_no_header_can_hold_sends_nothing() -> None:
    his = FakeHis(success(RECEIPT), log_in=success("令牌"))
    assert isinstance(await his.call("settle_bill"), NotSent)
    assert his.calls == []


async def test_the_password_is_read_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE)
    his = FakeHis(success(BILL))
    outcome = await his.call("unsettled_bill")
    assert isinstance(outcome, NotSent)
    assert VARIABLE in outcome.reason
    (tmp_path / "secret").write_text("from-a-file\n")
    monkeypatch.setenv(f"{VARIABLE}_FILE", str(tmp_path / "secret"))
    assert isinstance(await his.call("unsettled_bill"), Done)
    assert b"from-a-file" in his.requests[0].content


async def test_nothing_of_token_or_password_stands_in_what_is_kept() -> None:
    his = FakeHis(failure(3), success(RECEIPT))
    outcome = await his.call("settle_bill")
    shown = repr(outcome) + repr(his.adapter._settings)
    assert PASSWORD not in shown
    assert "eyJ" not in shown


async def test_waiting_for_a_log_in_takes_no_longer_than_the_call_has() -> None:
    his = FakeHis(success(RECEIPT))
    await his.adapter._tokens._logging_in.acquire()
    outcome = await his.call("settle_bill", timeout=SECOND // 20)
    assert isinstance(outcome, NotSent)
    assert "logging in" in outcome.reason


async def test_a_lost_lease_sends_nothing() -> None:
    his = FakeHis(success(RECEIPT))
    assert isinstance(await his.call("settle_bill", guard=lambda: False), NotSent)
    assert his.requests == []
    asked = iter([True])  # for the log-in; then the lease is lost
    assert isinstance(await his.call("settle_bill", guard=lambda: next(asked, False)), NotSent)
    assert his.calls == []


async def test_a_log_in_that_is_cancelled_leaves_the_way_free() -> None:
    tokens = Tokens[str]()

    async def hangs() -> str:
        await asyncio.Event().wait()
        return ""

    waiting = asyncio.create_task(tokens.get(hangs, SECOND))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    async def log_in() -> str:
        return "t"

    assert await tokens.get(log_in, SECOND) == "t"


def test_settings_are_checked() -> None:
    with pytest.raises(ValidationError):
        HisBackend.from_settings({"password": PASSWORD})
    adapter = HisBackend.from_settings({"url": "http://his.invented:8080/"})
    assert adapter.message_id(1_700_000_000 * SECOND, 7).startswith("HIS2023")
