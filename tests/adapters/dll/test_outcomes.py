"""Everything that a library and a centre can do, and what it is taken for (G2, G8)."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.jiangsu.dll import JiangsuDll
from adapters.jiangsu.transactions import TRANSACTIONS
from engine.environment import SECOND
from engine.outcomes import Category, Done, InDoubt, NotSent, Refused
from tests.adapters.dll.conftest import MakeDesk
from tests.adapters.dll.peer import AMOUNTS, OUTPUTS, Desk, refusal, reply, success
from tests.adapters.gateway import GOOD, LINE, MESSAGE_ID, NUMBERS, PERSON, WRITES

#: fault → does the host survive it?
FAULTS = {
    "segfault before": False,
    "segfault after": False,
    "exit after": False,
    "scribble after": False,
    "underrun after": False,
    "no-nul after": False,
    "garbage after": True,
    "empty after": True,
    "half after": True,
    "fail after": True,
}


async def test_every_operation_goes_through(desk: Desk) -> None:
    for operation in GOOD:
        outcome = await desk.call(operation)
        assert isinstance(outcome, Done), (operation, outcome)
        if operation != "check_sign_in":
            assert outcome.exchange is not None
            assert outcome.exchange.request == desk.peer.raw[-1]
            assert outcome.exchange.status == "0"
    assert desk.starts == desk.peer.initialised == 1


# -- what the library does
@pytest.mark.parametrize(("fault", "survives"), FAULTS.items())
async def test_whatever_happens_to_a_write_is_in_doubt_and_the_next_call_works(
    desk: Desk, fault: str, survives: bool
) -> None:
    desk.fault(f"{fault} 2207")
    outcome = await desk.call("settle")
    assert isinstance(outcome, InDoubt), outcome
    assert outcome.exchange is not None
    assert json.loads(outcome.exchange.request.decode("gbk"))["msgid"] == MESSAGE_ID
    assert desk.peer.sent.count("2207") == ("before" not in fault), "sent once at most (G2)"
    assert isinstance(await desk.call("receipt"), Done)
    assert desk.starts == (1 if survives else 2)
    assert desk.peer.sent.count("9001") == desk.starts, "a new host signs in anew"


async def test_a_hang_is_killed_at_the_deadline(desk: Desk) -> None:
    assert isinstance(await desk.call("centre_time"), Done)
    desk.fault("hang after 2207")
    began = asyncio.get_running_loop().time()
    outcome = await desk.call("settle", timeout=SECOND)
    assert 0.9 < asyncio.get_running_loop().time() - began < 3
    assert isinstance(outcome, InDoubt)
    assert "in time" in outcome.reason
    assert desk.peer.sent.count("2207") == 1
    assert isinstance(await desk.call("receipt"), Done)
    assert len(desk.peer.processes) == 2


async def test_a_failed_read_is_no_more_than_that(desk: Desk) -> None:
    desk.fault("segfault after 6101", "fail after 6101")
    assert isinstance(await desk.call("receipt"), InDoubt)
    assert isinstance(await desk.call("receipt"), InDoubt)
    assert isinstance(await desk.call("receipt"), Done)


@pytest.mark.parametrize("fault", ["fail after INIT", "segfault before INIT", "exit after INIT", "no-nul after INIT"])
async def test_nothing_was_sent_when_the_library_does_not_initialise(desk: Desk, fault: str) -> None:
    desk.fault(fault)
    assert isinstance(await desk.call("settle"), NotSent)
    assert desk.peer.sent == []
    assert isinstance(await desk.call("settle"), Done)


async def test_a_library_that_is_not_there() -> None:
    adapter = JiangsuDll.from_settings({"library": "/nowhere/ZJSInterface.dll"})
    outcome = await Desk(adapter, None, None, None).call("settle")  # type: ignore[arg-type]
    assert isinstance(outcome, NotSent)
    assert "could not be loaded" in outcome.reason
    await adapter.close()


async def test_an_interpreter_that_is_not_there(make_desk: MakeDesk) -> None:
    desk = await make_desk(interpreter=["/nowhere/python"])
    outcome = await desk.call("settle")
    assert isinstance(outcome, NotSent)
    assert "could not be started" in outcome.reason


async def test_an_initialisation_that_takes_longer_than_a_call_serves_the_next(make_desk: MakeDesk) -> None:
    desk = await make_desk(interpreter=["/bin/sh", "-c", 'sleep 0.7; shift 2; exec python3 "$@"', "sh"])
    outcome = await desk.call("settle", timeout=SECOND // 4)
    assert isinstance(outcome, NotSent)
    assert "still initialising" in outcome.reason
    assert isinstance(await desk.call("settle"), Done)
    assert desk.starts == 1


async def test_a_library_that_dies_again_and_again_is_started_less_often(make_desk: MakeDesk) -> None:
    desk = await make_desk(first_pause=0.4)
    desk.fault(*["segfault before 2207"] * 3)
    assert isinstance(await desk.call("settle"), InDoubt)
    assert isinstance(await desk.call("settle"), InDoubt), "the first new start comes at once"
    paused = await desk.call("settle")
    assert isinstance(paused, NotSent)
    assert "next start in" in paused.reason
    await asyncio.sleep(0.45)
    assert isinstance(await desk.call("settle"), InDoubt)
    await asyncio.sleep(0.45)
    assert isinstance(await desk.call("settle"), NotSent), "the second pause is longer"
    assert desk.starts == 3


async def test_a_host_that_died_between_calls_is_replaced_unseen(desk: Desk) -> None:
    assert isinstance(await desk.call("receipt"), Done)
    host = desk.adapter._supervisor._host
    assert host is not None
    await host.kill()
    assert isinstance(await desk.call("settle"), Done)
    assert desk.starts == 2


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
async def test_the_library_sees_none_of_our_keys(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISITFLOW_EXCHANGE_KEYS", "secret")
    desk = await make_desk()
    assert isinstance(await desk.call("centre_time"), Done)
    inherited = Path(f"/proc/{next(iter(desk.peer.processes))}/environ").read_bytes()
    assert b"VF_DLL_PORT" in inherited
    assert b"VISITFLOW" not in inherited


# -- one call at a time
async def test_concurrent_calls_are_made_one_after_the_other(desk: Desk) -> None:
    desk.peer.delay = 0.02
    outcomes = await asyncio.gather(*(desk.call("receipt") for _ in range(8)))
    assert all(isinstance(each, Done) for each in outcomes)
    assert desk.peer.most == 1
    assert desk.starts == 1


async def test_waiting_for_the_turn_past_the_deadline_is_not_sent(desk: Desk) -> None:
    assert isinstance(await desk.call("receipt"), Done)
    desk.peer.delay = 0.6
    first = asyncio.create_task(desk.call("receipt"))
    await asyncio.sleep(0.05)
    outcome = await desk.call("settle", timeout=SECOND // 4)
    assert isinstance(outcome, NotSent)
    assert "occupied" in outcome.reason
    assert isinstance(await first, Done)
    assert "2207" not in desk.peer.sent


async def test_a_call_with_too_little_time_is_not_begun(make_desk: MakeDesk) -> None:
    desk = await make_desk(shortest_call=1.0)
    assert isinstance(await desk.call("receipt"), Done)
    assert isinstance(await desk.call("settle", timeout=SECOND // 2), NotSent)
    assert "2207" not in desk.peer.sent
    assert desk.starts == 1


async def test_a_cancelled_call_takes_its_host_along(desk: Desk) -> None:
    """Otherwise its answer would be taken for the next call's."""
    assert isinstance(await desk.call("receipt"), Done)
    desk.peer.delay = 0.3
    call = asyncio.create_task(desk.call("settle"))
    await asyncio.sleep(0.1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    desk.peer.delay = 0
    outcome = await desk.call("read_card")
    assert isinstance(outcome, Done)
    assert outcome.reply["psn_no"] == PERSON
    assert desk.starts == 2


# -- the lease (G5)
@pytest.mark.parametrize("allowed", [0, 1])
async def test_without_the_lease_nothing_leaves(desk: Desk, allowed: int) -> None:
    answers = iter([True] * allowed + [False] * 10)
    outcome = await desk.call("settle", guard=lambda: next(answers))
    assert isinstance(outcome, NotSent)
    assert "2207" not in desk.peer.sent
    assert len(desk.peer.sent) == allowed, "the sign-in is a message as well"


# -- what the centre answers
UNREADABLE = [
    b"",
    b"\xb3\xc9\xb9\xa6",  # a text, no JSON
    b"[]",
    b"{}",
    reply("1"),
    reply(""),
    reply("00"),
    b'{"infcode": 0.0, "output": null}',
    b'{"infcode": true, "output": null}',
    b'{"infcode": "0", "INFCODE": "-1"}',
    '{"infcode": "0", "err_msg": "成功"}'.encode(),  # UTF-8 where GBK was agreed: one byte too many
    success("[]"),
    success('"text"'),
    success("{}"),
    success('{"medfee_sumamt": "NULL", "hifp_pay": 108.00, "psn_cash_pay": 27.00}'),
    success('{"medfee_sumamt": 135.001, "hifp_pay": 108.00, "psn_cash_pay": 27.00}'),
    success(f'{{"ipt_otp_no": "MZ0002", {AMOUNTS}}}'),  # about another visit
    success(f'{{"ipt_otp_no": "MZ0001", "mdtrt_id": "INV2", {AMOUNTS}}}'),
    (-1, success(OUTPUTS["2207"])),
    (1, success(OUTPUTS["2207"])),
    (-1, refusal("该就诊已结算")),
]


async def test_what_nobody_can_read_is_in_doubt(desk: Desk) -> None:
    for given in UNREADABLE:
        desk.peer.answers["2207"] = given
        outcome = await desk.call("settle")
        assert isinstance(outcome, InDoubt), (given, outcome)
        assert outcome.exchange is not None
    assert desk.starts == 1, "a strange answer is no reason to restart"
    assert desk.peer.sent.count("2207") == len(UNREADABLE)


@pytest.mark.parametrize("operation", WRITES)
async def test_a_crash_is_never_a_refusal(desk: Desk, operation: str) -> None:
    desk.fault(f"segfault after {TRANSACTIONS[operation].number}")
    assert isinstance(await desk.call(operation), InDoubt)


READABLE: list[tuple[bytes, dict[str, Any]]] = [
    (success('{"MEDFEE_SUMAMT": 135.00, "Hifp_Pay": "108.00", "psn_cash_PAY": 27}'), {"settle_id": "INV1"}),
    (success(f'{{"mdtrt_id": 7, {AMOUNTS}}}'), {}),
    (b'{"INFCODE": 0, "Output": {' + AMOUNTS.encode() + b"}}", {"settle_id": "INV1"}),
    (success('{"medfee_sumamt": "0.00", "hifp_pay": ".01", "psn_cash_pay": "-.01"}'), {"self_amt": Decimal("-0.01")}),
]


async def test_what_differs_only_in_form_is_read(desk: Desk) -> None:
    for given, expected in READABLE:
        desk.peer.answers["2207"] = given
        request = GOOD["settle"][0] | ({"mdtrt_id": "7"} if b'"mdtrt_id": 7' in given else {})
        outcome = await desk.call("settle", request)
        assert isinstance(outcome, Done), (given, outcome)
        assert outcome.reply.items() >= expected.items()


async def test_no_output_is_a_success(desk: Desk) -> None:
    for output in ("null", "{}"):
        desk.peer.answers["2202"] = success(output)
        assert isinstance(await desk.call("cancel_registration"), Done)
    desk.peer.answers["2201"] = success("null")
    outcome = await desk.call("register")
    assert isinstance(outcome, Done)
    assert outcome.reply == {"visit_no": "MZ0001"}, "the hospital's number is the visit's (J42)"


async def test_a_person_number_may_be_a_number(desk: Desk) -> None:
    desk.peer.answers["1101"] = success('{"psn_no": 32000000000123, "psn_name": null, "age": 44}')
    outcome = await desk.call("read_card")
    assert isinstance(outcome, Done)
    assert outcome.reply["psn_no"] == "32000000000123"


@pytest.mark.parametrize(
    ("operation", "text", "category"),
    [
        ("receipt", "无结算信息", Category.NOT_FOUND),
        ("receipt", "查询失败：无结算信息系统连接", Category.BUSINESS),  # an outage is not "no settlement"
        ("settle", "无结算信息", Category.BUSINESS),
        ("settle", "该就诊已结算", Category.ALREADY_DONE),
        ("cancel_settlement", "无可撤销的结算", Category.NOTHING_TO_UNDO),
        ("cancel_lines", "存在结算，须先撤销结算", Category.ORDER),
        ("register", "从未见过的文字", Category.BUSINESS),
        ("register", "", Category.BUSINESS),
        ("register", "本院约定：查无此人", Category.NOT_FOUND),
    ],
)
async def test_a_refusal_means_what_its_text_says(
    make_desk: MakeDesk, operation: str, text: str, category: Category
) -> None:
    desk = await make_desk(refusals=[{"contains": "查无此人", "category": "not_found"}])
    desk.peer.answers[TRANSACTIONS[operation].number] = refusal(text)
    outcome = await desk.call(operation)
    assert isinstance(outcome, Refused), outcome
    assert (outcome.code, outcome.category) == ("-1", category)
    assert outcome.message == text


async def test_words_of_the_centre_lose_what_points_to_a_person(desk: Desk) -> None:
    desk.peer.answers["2201"] = refusal(f"人员{PERSON}未参保，电话13800001111")
    outcome = await desk.call("register")
    assert isinstance(outcome, Refused)
    assert PERSON not in outcome.message
    assert "13800001111" not in outcome.message
    desk.peer.answers["2207"] = (-3, f"人员{PERSON}".encode("gbk"))
    doubt = await desk.call("settle")
    assert isinstance(doubt, InDoubt)
    assert PERSON not in doubt.reason


# -- what is never sent
@pytest.mark.parametrize(
    ("operation", "wrong", "field"),
    [
        ("settle", {"mdtrt_id": ""}, "mdtrt_id"),
        ("settle", {"surprise": "1"}, "surprise"),
        ("upload_lines", {"feedetail": [LINE | {"med_list_codg": "甲\U0002070e"}]}, "0.med_list_codg"),
        ("register", {"adm_diag_dscr": "😀"}, "adm_diag_dscr"),
        ("register", {"tel": "\ud800"}, "tel"),
        ("upload_lines", {"feedetail": [LINE | {"feedetl_sn": str(n)} for n in range(31)]}, "31 lines"),
    ],
)
async def test_what_does_not_fit_is_refused_before_anything_starts(
    desk: Desk, operation: str, wrong: dict[str, Any], field: str
) -> None:
    outcome = await desk.call(operation, GOOD[operation][0] | wrong)
    assert isinstance(outcome, Refused)
    assert outcome.category is Category.DATA
    assert field in outcome.message
    assert desk.starts == 0


# -- pages
async def test_pages_are_read_to_the_end(desk: Desk) -> None:
    def page(body: dict[str, Any]) -> bytes:
        number = body["input"]["pageNumber"]
        row = f'{{"rxno": "RX{number}", "feedetl_sn": "1", "umamt": 1.00, "pageCount": 3}}'
        return success(f"[{row}]")

    desk.peer.answers["9104"] = page
    outcome = await desk.call("list_lines", NUMBERS)
    assert isinstance(outcome, Done)
    assert [row["rxno"] for row in outcome.reply["lines"]] == ["RX1", "RX2", "RX3"]


async def test_a_page_that_fails_fails_the_list(desk: Desk) -> None:
    first = success('{"lines": [], "pageCount": 2}')
    desk.peer.answers["9104"] = [first, reply("7")]
    assert isinstance(await desk.call("list_lines", NUMBERS), InDoubt)
