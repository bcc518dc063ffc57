"""Signing in: once, before first use, again when the gateway has forgotten it, never in a loop. 000; J15, J20."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from adapters.jiangsu import JiangsuGateway
from adapters.jiangsu.transport import Transport
from engine.environment import SECOND
from engine.outcomes import Done, InDoubt, NotSent
from tests.adapters.gateway import GOOD, FakeGateway, failure, success
from tests.patience import PATIENCE

SETTLED = success(GOOD["settle"][1])


async def test_signs_in_before_first_use_only() -> None:
    gateway = FakeGateway(SETTLED)
    for _ in range(3):
        assert isinstance(await gateway.call("settle"), Done)
    assert gateway.sent == ["init", "signin_status", "9001", "2207", "2207", "2207"]


async def test_init_carries_what_the_site_says() -> None:
    gateway = FakeGateway(SETTLED, fixmedins_code="H32132200561", fixmedins_name="某医院", operator_id="001")
    await gateway.call("settle")
    config = gateway.asked[0]["config"]
    assert config["fixmedinsCode"] == "H32132200561"
    assert config["fixmedinsName"] == "某医院"
    assert config["defaultOperator"] == "001"


async def test_a_sign_in_that_stands_is_used() -> None:
    gateway = FakeGateway(SETTLED, signed_in=True)
    assert isinstance(await gateway.call("settle"), Done)
    assert gateway.sent == ["init", "signin_status", "2207"]


async def test_many_at_once_sign_in_once() -> None:
    gateway = FakeGateway(SETTLED)
    outcomes = await asyncio.gather(*(gateway.call("settle") for _ in range(20)))
    assert all(isinstance(each, Done) for each in outcomes)
    assert gateway.sent.count("9001") == 1


@pytest.mark.parametrize("code", [1001, 1003, "1003"])
async def test_forgotten_sign_in_is_renewed_and_the_call_sent_once_more(code: object) -> None:
    gateway = FakeGateway(failure(code), SETTLED)
    assert isinstance(await gateway.call("settle"), Done)
    assert gateway.operations == ["2207", "2207"]
    assert gateway.asked[-1] == next(each for each in gateway.asked if each.get("transactionName") == "2207")


async def test_renewal_signs_in_whatever_the_status_says() -> None:
    """The gateway's own state may be stale; 1003 means sign in again (J20)."""
    gateway = FakeGateway(failure(1003), SETTLED, signed_in=True)
    assert isinstance(await gateway.call("settle"), Done)
    assert gateway.sent.count("9001") == 1


@pytest.mark.parametrize("code", [1001, 1003])
@pytest.mark.parametrize("operation", ["settle", "receipt"])
async def test_renewal_is_no_loop(code: int, operation: str) -> None:
    gateway = FakeGateway(failure(code))
    outcome = await gateway.call(operation)
    assert isinstance(outcome, NotSent)
    assert len(gateway.operations) == 2


async def test_check_sign_in_signs_in_when_the_status_says_no() -> None:
    gateway = FakeGateway(SETTLED)
    outcome = await gateway.call("check_sign_in")
    assert isinstance(outcome, Done)
    assert outcome.reply["signed_in"] is True
    assert gateway.sent == ["init", "signin_status", "9001", "signin_status"]
    gateway.signed_in = False  # the gateway was restarted
    outcome = await gateway.call("check_sign_in")
    assert isinstance(outcome, Done)
    assert gateway.sent.count("9001") == 2


BAD: list[Any] = [
    failure(1001),
    failure(2001),
    failure(3001),
    b"garbage",
    httpx.Response(500),
    httpx.ConnectError("x"),
    httpx.ReadTimeout("x"),
    '{"success": true, "code": 1003, "message": "?", "data": {}}',
]


@pytest.mark.parametrize("step", ["init", "signin_status", "9001"])
@pytest.mark.parametrize("answer", BAD, ids=range(len(BAD)))
async def test_failed_sign_in_sends_nothing(step: str, answer: Any) -> None:
    gateway = FakeGateway(SETTLED)
    gateway.session[step] = answer
    outcome = await gateway.call("settle")
    assert isinstance(outcome, NotSent)
    assert outcome.exchange is not None
    assert gateway.operations == []
    del gateway.session[step]
    assert isinstance(await gateway.call("settle"), Done), "the next call signs in"


# -- the lease (G5)
async def test_guard_is_asked_after_signing_in() -> None:
    gateway = FakeGateway(SETTLED)
    outcome = await gateway.call("settle", guard=lambda: "9001" not in gateway.sent)
    assert isinstance(outcome, NotSent)
    assert gateway.operations == []


async def test_guard_is_asked_before_the_second_sending() -> None:
    gateway = FakeGateway(failure(1003), SETTLED)
    outcome = await gateway.call("settle", guard=lambda: gateway.sent.count("9001") < 2)
    assert isinstance(outcome, NotSent)
    assert gateway.operations == ["2207"]


async def test_guard_is_asked_when_the_connection_stands() -> None:
    """Connecting takes time, in which a lease may be lost: not one byte of the request leaves then."""
    received: list[bytes] = []
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionResetError):  # given up: reset
            received.append(await reader.read(1))
        writer.close()
        closed.set()

    answers = iter([True, False])
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport = Transport(f"http://127.0.0.1:{port}/", 5.0)
    answer = await transport.post(b"{}", 5 * SECOND, lambda: next(answers))
    assert not answer.sent
    await asyncio.wait_for(closed.wait(), PATIENCE)
    assert b"".join(received) == b""
    await transport.close()
    server.close()
    await server.wait_closed()


async def test_guard_is_asked_between_headers_and_body() -> None:
    """They leave in two writes, a turn of the event loop apart; a request without its body is none."""
    received: list[bytes] = []
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionResetError):  # given up: reset
            while chunk := await reader.read(65536):
                received.append(chunk)
        writer.close()
        closed.set()

    answers = iter([True, True, False])
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport = Transport(f"http://127.0.0.1:{port}/", 5.0)
    answer = await transport.post(b'{"moves": "money"}', 5 * SECOND, lambda: next(answers))
    assert not answer.sent
    await asyncio.wait_for(closed.wait(), PATIENCE)
    assert b"".join(received) == b"" or b"".join(received).endswith(b"\r\n\r\n"), "headers at the most"
    await transport.close()
    server.close()
    await server.wait_closed()


async def test_without_the_lease_nothing_leaves() -> None:
    gateway = FakeGateway(SETTLED)
    assert isinstance(await gateway.call("settle", guard=lambda: False), NotSent)
    assert gateway.asked == []


# -- message ids, settings, network
@pytest.mark.parametrize(
    ("now", "number", "expected"),
    [
        (1_733_020_200, 10_001, "H0000120241201103000010001"),  # the example of 000
        (1_733_020_200, 1_000_000, "H0000120241201103000000000"),
        (1_733_020_200, 999_999, "H0000120241201103000999999"),
        (1_733_068_799, 1, "H0000120241201235959000001"),  # local midnight, not UTC's
        (1_733_068_800, 1, "H0000120241202000000000001"),
    ],
)
def test_message_ids(now: int, number: int, expected: str) -> None:
    made = JiangsuGateway.from_settings({}).message_id(now * SECOND + 999_999, number)
    assert made == expected
    assert len(made) == 26


@pytest.mark.parametrize("prefix", ["", "H0001", "H000011", "H0000 ", "H0000中"])
def test_prefix_has_six_characters(prefix: str) -> None:
    with pytest.raises(ValidationError, match="message_prefix"):
        JiangsuGateway.from_settings({"message_prefix": prefix})


@pytest.mark.parametrize("wrong", [{"surprise": 1}, {"connect_timeout": 0}, {"batch_size": 0}])
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        JiangsuGateway.from_settings(wrong)


async def test_environment_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    gateway = JiangsuGateway.from_settings({})
    client = gateway._transport._network.client
    assert not client.trust_env
    assert not client.follow_redirects
    await gateway.close()


async def test_nobody_listening_is_not_sent() -> None:
    gateway = FakeGateway(SETTLED)
    real = JiangsuGateway.from_settings({"url": "http://127.0.0.1:9/none"})
    gateway.adapter = real
    assert isinstance(await gateway.call("settle"), NotSent)
    await real.close()


async def test_unknown_answer_leaves_the_sign_in_alone() -> None:
    gateway = FakeGateway(b"", SETTLED)
    assert isinstance(await gateway.call("settle"), InDoubt)
    assert isinstance(await gateway.call("settle"), Done)
    assert gateway.sent.count("9001") == 1
