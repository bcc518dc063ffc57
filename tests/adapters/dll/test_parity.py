"""One flow, two ways to the centre: the gateway and the library, told apart by one setting."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.jiangsu.dll import JiangsuDll
from adapters.jiangsu.dll.refusals import category_of
from adapters.jiangsu.errors import error_table
from adapters.jiangsu.gateway import GatewaySettings, JiangsuGateway
from engine.adapter import Adapter, Call
from engine.definitions import FlowDefinition
from engine.environment import SECOND
from engine.outcomes import Category, Done, Outcome, Refused
from flows import load_catalogue, load_site
from simulators.common.http import Request, Response
from simulators.jiangsu.doors import GATEWAY, doors
from simulators.jiangsu.gateway import Gateway
from simulators.jiangsu.refusals import REFUSALS
from storage import MemoryStore
from tests.adapters.dll.conftest import MakeDesk
from tests.jiangsu import KEY, ROOT, agree, opening
from tests.toy import ToyEnvironment
from tests.world import World

#: The whole change that a site makes.
SWITCH = "overrides: {jiangsu.outpatient: {adapters: {centre: jiangsu_dll}}}"
#: Numbers that one side makes and the other does not have (J42), and times.
NUMBERS = ("visit_no", "pre_settle_id", "settle_id", "sign_no", "sign_time", "setl_time", "receipt_time", "msgid")


def site(tmp_path: Path, *, dll: bool) -> FlowDefinition:
    """The shipped flows.yaml, as a site edits it."""
    shipped = (ROOT / "flows.yaml").read_text(encoding="utf-8")
    text = re.sub(r"flows/(\w+)/", rf"{ROOT}/flows/\1/", shipped)
    path = tmp_path / "flows.yaml"
    path.write_text(text.replace("overrides: {}", SWITCH) if dll else text, encoding="utf-8")
    return next(each for each in load_site(path).definitions if each.flow == "jiangsu.outpatient")


def door(centre: Gateway) -> Any:
    """Answer what the library forwards as the simulated centre does."""
    paths = doors(centre)

    async def handle(request: Request) -> Response:
        return paths[request.path].exchange(request).apply()

    return handle


def over_http(centre: Gateway) -> Any:
    handle = door(centre)

    async def answer(request: httpx.Request) -> httpx.Response:
        given = await handle(Request("POST", GATEWAY, request.content))
        return httpx.Response(200, content=given.body)

    return answer


async def travel(adapter: Adapter, tmp_path: Path) -> tuple[dict[str, Any], str]:
    """Run a visit to its end through the engine, in no time."""
    world = await World(
        store=MemoryStore(),
        environment=ToyEnvironment(),
        catalogue=load_catalogue(),
        adapter=adapter,
        definitions=[site(tmp_path, dll=adapter.name == "jiangsu_dll")],
    ).start()
    projection, _ = await world.commands.open("jiangsu.outpatient", KEY, opening())
    visit = projection.visit_id
    await world.run()
    await world.check(visit)
    done = await world.visit(visit)
    return dict(done.data), done.state


async def test_the_flow_comes_to_the_same_end(make_desk: MakeDesk, tmp_path: Path) -> None:
    ends = {}
    for name in ("gateway", "dll"):
        centre = Gateway()
        adapter: Adapter = JiangsuGateway(GatewaySettings(), httpx.MockTransport(over_http(centre)))
        if name == "dll":
            adapter = (await make_desk(door(centre))).adapter
        data, state = await travel(adapter, tmp_path)
        assert state == "discharged"
        totals = centre.centre.ledger.totals()[KEY]
        applied = Counter(each.code for each in centre.centre.ledger.messages if each.result == "applied")
        ends[name] = ({each: data[each] for each in data if each not in NUMBERS}, totals, applied["2207"])
    assert ends["gateway"] == ends["dll"]
    assert ends["dll"][2] == 1


@pytest.mark.parametrize("code", ["2201", "2204", "2207"])
@pytest.mark.parametrize(
    "fault", ["segfault before", "segfault after", "scribble after", "garbage after", "half after", "fail after"]
)
async def test_whatever_the_library_does_it_happens_once(
    make_desk: MakeDesk, tmp_path: Path, fault: str, code: str
) -> None:
    centre = Gateway()
    desk = await make_desk(door(centre))
    desk.fault(f"{fault} {code}")
    data, state = await travel(desk.adapter, tmp_path)
    assert state == "discharged"
    totals = centre.centre.ledger.totals()[KEY]
    agree(data, totals)
    applied = Counter(each.code for each in centre.centre.ledger.messages if each.result == "applied")
    assert applied[code] == 1
    arrived = Counter(each.msgid for each in centre.centre.ledger.messages if each.code == code)
    assert set(arrived.values()) == {1}, "no message is sent twice (G2)"


def line(number: str) -> dict[str, Any]:
    return {
        "ipt_otp_no": KEY,
        "list_type": "1",
        "rxno": "RX1",
        "feedetl_sn": number,
        "fee_ocur_time": "20241201103000",
        "med_list_codg": "001",
        "med_list_name": "拍片费",
        "pric": "120.0000",
        "cnt": "1.0000",
        "umamt": "120.00",
    }


async def scenario(adapter: Adapter) -> list[Any]:
    """Call most of what there is, good and bad; return the canonical replies without numbers of one side."""
    told: list[Any] = []
    count = 0
    known: dict[str, Any] = {}

    async def ask(operation: str, request: dict[str, Any]) -> Outcome:
        nonlocal count
        count += 1
        message_id = adapter.message_id(1_733_020_200 * SECOND, count)
        outcome = await adapter.call(Call(operation, request, message_id, 10 * SECOND, lambda: True))
        if isinstance(outcome, Done):
            known.update(outcome.reply)
            told.append((operation, _plain(outcome.reply)))
        else:
            assert isinstance(outcome, Refused), (operation, outcome)
            told.append((operation, outcome.category, outcome.message))
        return outcome

    def visit(**more: Any) -> dict[str, Any]:
        return {"visit_no": known.get("visit_no", KEY), "ipt_otp_no": KEY} | more

    def settling() -> dict[str, Any]:
        return visit(psn_no=known["psn_no"], med_type="11", adm_diag_dscr="S62.600", dept_code="1", doctor_code="D1")

    await ask("check_sign_in", {})
    await ask("read_card", {"identify_mode": "2", "qr_code_info": "PARITY"})
    registration = {
        "ipt_otp_no": KEY,
        "visit_type": "1",
        "med_type": "11",
        "adm_time": "20241201103000",
        "adm_diag_dscr": "S62.600",
        "dept_code": "001",
        "dept_name": "骨科",
        "doctor_code": "DOC001",
        "doctor_name": "张主任",
    }
    await ask("register", registration | {"psn_no": known["psn_no"]})
    await ask("change_registration", registration | {"visit_no": known["visit_no"]})
    await ask("list_visits", {"psn_no": known["psn_no"]})
    await ask("cancel_lines", visit())  # nothing to undo
    await ask("pre_settle", settling())  # nothing to settle
    await ask("upload_lines", visit(feedetail=[line("1"), line("2")]))
    await ask("list_lines", visit())
    await ask("cancel_registration", visit())  # lines stand
    await ask("pre_settle", settling())
    await ask("receipt", visit())  # no settlement
    numbers = {"pre_settle_id": known["pre_settle_id"], "mdtrt_id": "FP1"}
    await ask("settle", settling() | numbers)
    await ask("settle", settling() | numbers)  # settled already
    await ask("upload_lines", visit(feedetail=[line("3")]))
    await ask("receipt", visit())
    today = {"begindate": "20000101000000", "enddate": "20991231235959"}
    await ask("list_settlements", today)
    period = {"stmt_begindate": today["begindate"], "stmt_enddate": today["enddate"], "sign_no": known["sign_no"]}
    await ask("compare_totals", period)
    await ask("compare_bill", {"ipt_otp_no": KEY, "medrcdno": "FP1"})
    await ask("compare_bill", {"ipt_otp_no": KEY, "medrcdno": "FP2"})
    undo = {"settle_id": known["settle_id"], "mdtrt_id": "FP1", "setl_time": "20241201110000", "keep_tp_type": "1"}
    await ask("cancel_settlement", visit(**undo))
    await ask("cancel_settlement", visit(**undo))
    await ask("cancel_lines", visit())
    await ask("reverse", {"originalMessageId": adapter.message_id(0, 12345), "oinfno": "2207"})
    await ask("cancel_registration", visit())
    await ask("receipt", visit())  # no visit
    await ask("list_deductions", today)
    await ask("centre_time", {})
    await adapter.close()
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _plain(each)
            for name, each in value.items()
            if name not in NUMBERS and name not in ("centre_time", "mdtrt_id")
        }
    return [_plain(each) for each in value] if isinstance(value, list) else value


async def test_replies_and_refusals_are_the_same(make_desk: MakeDesk) -> None:
    through_gateway = await scenario(JiangsuGateway(GatewaySettings(), httpx.MockTransport(over_http(Gateway()))))
    through_dll = await scenario((await make_desk(door(Gateway()))).adapter)
    for ours, theirs in zip(through_gateway, through_dll, strict=True):
        assert ours == theirs


def test_texts_mean_what_their_numbers_mean() -> None:
    """The library has no numbers; what the simulated centre says in words must not weigh less (J47)."""
    for code, business, text in REFUSALS.values():
        known = category_of(text, business[:4], []) or Category.BUSINESS
        assert known is error_table().meaning(code, business).category, text


@pytest.mark.parametrize(
    "switches",
    [
        {"dll_encoding": "utf-8"},
        {"dll_member_case": "upper", "dll_amounts": "text"},
        {"dll_member_case": "mixed", "dll_empty_output": "null"},
    ],
    ids=json.dumps,
)
async def test_forms_of_the_library_make_no_difference(
    make_desk: MakeDesk, tmp_path: Path, switches: dict[str, str]
) -> None:
    centre = Gateway()
    centre.office.arrange("PUT /switches", switches)
    desk = await make_desk(door(centre), encoding=switches.get("dll_encoding", "gbk"))
    data, state = await travel(desk.adapter, tmp_path)
    assert (state, data["total_amt"]) == ("discharged", "135.00")


def test_the_switch_is_one_line(tmp_path: Path) -> None:
    assert site(tmp_path, dll=False).adapters == {"centre": "jiangsu_gateway"}
    assert site(tmp_path, dll=True).adapters == {"centre": "jiangsu_dll"}
    assert load_catalogue().adapter("jiangsu_dll") is JiangsuDll
