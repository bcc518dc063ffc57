"""Signing in: once for each host, anew when the centre has forgotten it (J20, J39)."""

from __future__ import annotations

import pytest

from adapters.jiangsu.session import SignInReason
from engine.environment import SECOND
from engine.outcomes import Done, NotSent, Refused
from tests.adapters.dll.conftest import MakeDesk
from tests.adapters.dll.peer import Desk, refusal, reply, success


async def test_first_use_signs_in_and_every_message_carries_the_number(desk: Desk) -> None:
    told: list[tuple[str, SignInReason]] = []
    desk.adapter.on_sign_in = lambda number, why: told.append((number, why))
    await desk.call("receipt")
    await desk.call("settle")
    assert desk.peer.sent == ["9001", "6101", "2207"]
    assert [each["sign_no"] for each in desk.peer.asked] == ["", "20241201001", "20241201001"]
    assert told == [("20241201001", SignInReason.FIRST_USE)]


async def test_check_sign_in_makes_sure_of_it(desk: Desk) -> None:
    outcome = await desk.call("check_sign_in")
    assert isinstance(outcome, Done)
    assert outcome.reply == {"signed_in": True, "sign_no": "20241201001", "sign_time": ""}
    assert desk.peer.sent == ["9001"]


@pytest.mark.parametrize("text", ["未签到", "参数缺失或错误：未签到", "签到已失效，请重新签到"])
async def test_a_lapsed_sign_in_is_renewed_and_the_message_sent_once_more(desk: Desk, text: str) -> None:
    told: list[SignInReason] = []
    desk.adapter.on_sign_in = lambda _number, why: told.append(why)
    desk.peer.answers = {
        "9001": [success('{"sign_no": "S1"}'), success('{"SIGN_NO": "S2"}')],
        "2207": [refusal(text)],
    }
    assert isinstance(await desk.call("settle"), Done)
    assert desk.peer.sent == ["9001", "2207", "9001", "2207"]
    assert [each["sign_no"] for each in desk.peer.asked] == ["", "S1", "", "S2"]
    assert len({each["msgid"] for each in desk.peer.asked if each["infno"] == "2207"}) == 1
    assert told == [SignInReason.FIRST_USE, SignInReason.GONE]


async def test_there_is_no_loop(desk: Desk) -> None:
    desk.peer.answers = {"2207": refusal("未签到")}
    assert isinstance(await desk.call("settle"), NotSent)
    assert desk.peer.sent == ["9001", "2207", "9001", "2207"]


async def test_a_site_may_know_other_texts(make_desk: MakeDesk) -> None:
    desk = await make_desk(sign_in_texts=["会话过期"])
    desk.peer.answers = {"2207": [refusal("会话过期")], "6101": [refusal("未签到")]}
    assert isinstance(await desk.call("settle"), Done)
    assert isinstance(await desk.call("receipt"), Refused)


@pytest.mark.parametrize("given", [refusal("机构停用"), reply("9"), b"", success("{}"), (-1, b"x"), refusal("未签到")])
async def test_without_a_sign_in_nothing_is_sent(desk: Desk, given: bytes) -> None:
    desk.peer.answers = {"9001": given}
    outcome = await desk.call("settle")
    assert isinstance(outcome, NotSent)
    assert "sign in" in outcome.reason
    assert "2207" not in desk.peer.sent


@pytest.mark.parametrize("fault", ["segfault after", "hang after", "scribble after", "half after"])
async def test_a_sign_in_that_kills_the_host_leaves_the_message_unsent(desk: Desk, fault: str) -> None:
    desk.fault(f"{fault} 9001")
    assert isinstance(await desk.call("settle", timeout=SECOND), NotSent)
    assert isinstance(await desk.call("settle"), Done)
    assert desk.peer.sent == ["9001", "9001", "2207"]


async def test_signing_in_and_out_as_operations(desk: Desk) -> None:
    desk.peer.answers = {"9001": [success('{"sign_no": "S1"}'), success('{"sign_no": "S2"}')]}
    signed = await desk.call("sign_in")
    assert isinstance(signed, Done)
    assert signed.reply == {"sign_no": "S1"}
    assert isinstance(await desk.call("receipt"), Done)
    assert isinstance(await desk.call("sign_out", {"sign_no": "S1"}), Done)
    assert desk.peer.asked[-1]["sign_no"] == "S1"
    assert isinstance(await desk.call("receipt"), Done)
    assert desk.peer.sent == ["9001", "6101", "9002", "9001", "6101"]


async def test_messages_of_its_own_never_have_a_number_of_the_counter(desk: Desk) -> None:
    await desk.call("receipt")
    assert int(desk.peer.asked[0]["msgid"][-6:]) >= 900_000
    ids = {desk.adapter.message_id(1_733_020_200 * SECOND, number) for number in (0, 1, 899_999, 900_000)}
    assert ids == {f"H0000120241201103000{number}" for number in ("000000", "000001", "899999")}
