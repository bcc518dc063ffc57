"""``visitflow neimenggu``: every query through the real adapter to a centre made by hand; tables, JSON, exit codes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from adapters.neimenggu import Neimenggu
from adapters.neimenggu.interfaces import INTERFACES
from adapters.neimenggu.settings import NeimengguSettings
from engine.adapter import Adapter
from engine.environment import SystemEnvironment
from engine.errors import BadInput, NotLegal
from engine.store import Status
from service.application import Application
from service.asking import PeerHasNone, PeerRefused, PeerRefusedData, PeerUnavailable
from service.cli import app
from service.cli import neimenggu as commands
from service.cli.console import FOUND_SOMETHING
from service.cli.neimenggu import refuse_while_uploading
from storage import Vault, open_books, open_store, upgrade
from tests.adapters.neimenggu.centre import KEY, PASSWORD, URL, USER, Centre
from tests.conftest import TEST_KEY
from tests.jiangsu import ROOT
from tests.people import identity_number, name
from tests.service.sheets.example import pages

WHO, NAME = identity_number(7), name(7)
PERSON = ("--id", WHO, "--name", NAME)
OK = {"code": 0, "msg": ""}
INJURY = {"aac001": "90001", "alca02": "C-1", "aac003": NAME, "aac004": "2", "alc021": "3", "aab301": "150581"}


@pytest.fixture
def centre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Centre:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'visitflow.db'}"
    upgrade(url)
    values = {"STORE": url, "EXCHANGE_KEYS": TEST_KEY, "SITE": str(ROOT / "flows.yaml")}
    for variable, value in {**values, "NEIMENGGU_KEY": KEY, "NEIMENGGU_PASSWORD": PASSWORD}.items():
        monkeypatch.setenv(f"VISITFLOW_{variable}", value)
    made = Centre(SystemEnvironment())

    def build(_catalogue: object, _configured: object) -> Mapping[str, Adapter]:
        settings = NeimengguSettings.model_validate({"url": URL, "username": USER})
        return {"neimenggu": Neimenggu(settings, httpx.MockTransport(made))}

    monkeypatch.setattr("service.application.build_adapters", build)
    return made


def run(*words: str, typed: str = "", **environment: str) -> Result:
    env = {"COLUMNS": "220", **environment}
    return CliRunner().invoke(app, ["neimenggu", *words], input=typed, catch_exceptions=False, env=env)


def said(*words: str) -> str:
    done = run(*words)
    assert done.exit_code == 0, done.output
    return done.stdout


#: Each query: words, the method that is called, what is asked, an answer, what the table says of it.
QUERIES: dict[str, tuple[tuple[str, ...], str, dict[str, str], dict[str, Any], tuple[str, ...]]] = {
    "find_injuries": (
        ("injuries", *PERSON),
        "getInjuryByNameAndId",
        {"aac002": WHO, "aac003": NAME},
        {"counts": 1, "lc01s": {"lc01": [INJURY]}},
        ("认定书号", "C-1", "3 工伤", NAME),
    ),
    "find_treatments": (
        ("treatments", "C-1"),
        "getCure",
        {"alca02": "C-1"},
        {"lkb7s": {"lkb7": {"aae073": "77", "akc175": "1", "akc173": "2026-11-01"}}},
        ("审批编号", "77", "2026-11-01"),
    ),
    "search_treatments": (
        ("search-treatments", "--from", "20261101", "--to", "2026-11-07", "--reviewed"),
        "getCureBatch",
        {"aae035": "2026-11-01", "aae037": "2026-11-07"},
        {"lkb7s": {"lkb7": []}},
        ("继续治疗申请: 0",),
    ),
    "find_reports": (
        ("reports", "90001"),
        "getReport",
        {"aac001": "90001"},
        {"ldc1": {"clc004": "40", "alc029": "1", "aac003": NAME}},
        ("认定流程", "40", NAME),
    ),
    "search_reports": (
        ("search-reports", "--name", NAME),
        "getReportBatch",
        {"aac003": NAME},
        {"ldch": [{"alca02": "C-9", "clc004": "30"}, {"alca02": "C-8"}]},
        ("工伤事故备案: 2", "C-9", "C-8"),
    ),
    "list_stays": (
        ("stays", "ZY1", "--by", "discharged", "--from", "2026-11-01"),
        "getPerDetail",
        {"akc190": "ZY1", "akc194s": "2026-11-01"},
        {"detailcolls": {"detailData": [{"akc190": "ZY1", "alc407": "399.00", "aka130": "21"}]}},
        ("399.00", "21 住院"),
    ),
    "settlement_sheet": (
        ("sheet", "ZY1", "--offsite", "--yes"),
        "getJSSheet",
        {"akc190": "ZY1", "rolltype": "1"},
        {
            "kc21dto": {
                "alc407sum": "798.0",
                "akc667": "0",
                "kc22dtos": {"kc22dto": [{"alc403": "床位", "alc407": "9"}]},
            }
        },
        ("798.0", "0 未审核", "自付项目明细: 1", "床位"),
    ),
    "drug_share": (
        ("drug-share", "ZY1"),
        "getPerMed",
        {"akc190": "ZY1"},
        {"alc407sum": "798.00", "alc407med": "0", "alc407per": "0.00%"},
        ("药品占比", "0.00%"),
    ),
    "check_card": (
        ("check-card", "--card", "A12345678", "--identifier", "150500D15600000500BF", *PERSON),
        "sbkAuth",
        {"aaz500": "A12345678", "aaz501": "150500D15600000500BF", "aac002": WHO, "aac003": NAME},
        {"result": "1", "errmsg": ""},
        ("鉴权结果", "1 有效"),
    ),
    "check_qr_code": (
        ("check-qr", "--qr", "Q" * 22, "--operator", "7"),
        "dzSbkAuth",
        {"qrcode": "Q" * 22, "operatorid": "7"},
        {"aac002": WHO, "aac003": NAME, "aaz502": "1"},
        (WHO, NAME, "1 正常"),
    ),
    "find_offsite_filings": (
        ("offsite-filings", *PERSON, "--on", "2026-11-20"),
        "getBSTdjyba",
        {"aac002": WHO, "aac003": NAME, "aae030s": "20261120"},
        {"Bs001Gets": [{"alc011": "C-7", "ala491": "01", "aae030": "20260101"}]},
        ("C-7", "01 转诊转院（就医）"),
    ),
    "read_offsite_qr_code": (
        ("read-qr", "--qr", "Q" * 22),
        "parsingQrcode",
        {"qrcode": "Q" * 22},
        {"resCode": "0", "resMsg": "", "aac147": WHO, "aac003": NAME},
        (WHO, NAME),
    ),
    "read_offsite_card": (
        ("read-card", "--card", "A12345678", "--identifier", "X" * 32),
        "parsingSbk",
        {"aaz500": "A12345678", "aaz501": "X" * 32},
        {"resCode": "0", "resMsg": "", "aac147": WHO, "aac003": NAME, "aaz502": "2"},
        ("2 挂失",),
    ),
}


@pytest.mark.parametrize("operation", QUERIES)
def test_a_query_asks_and_shows(centre: Centre, operation: str) -> None:
    words, method, asked, answer, shown = QUERIES[operation]
    centre.answers = [OK | answer]
    table = said(*words)
    assert INTERFACES[operation].method == method
    assert [each.name for each in centre.calls] == [method]
    assert {key: value for key, value in centre.calls[0].body.items() if key != "sessionid"} == asked
    for words_ in shown:
        assert words_ in table
    assert json.loads(said(*words, "--json"))
    assert "  {" not in table


def test_every_command_is_tested_has_an_example_and_no_other_operation_is_a_query() -> None:
    group = cast(Any, get_command(commands.app))
    assert {words[0] for words, *_ in QUERIES.values()} == set(group.commands)
    for command in group.commands.values():
        assert "Example: `visitflow neimenggu " in command.help
    reads = {interface.operation for interface in INTERFACES.values() if interface.effect == "read"}
    assert set(QUERIES) == reads | {"settlement_sheet"}


def test_all_members_with_full_and_english_by_switch(centre: Centre) -> None:
    centre.answers = [OK | {"counts": 1, "lc01s": {"lc01": [INJURY]}, "new": "member"}]
    brief, full = said("injuries", *PERSON), said("injuries", *PERSON, "--full")
    assert "150581" not in brief
    assert "150581 霍林郭勒市" in full
    assert "2 女" in full
    assert "member" in full  # the centre may add members (2.4)
    english = run("injuries", *PERSON, "--full", VISITFLOW_LANGUAGE="en").stdout
    assert "2 female" in english
    assert "certificate number" in english


def test_json_has_amounts_as_text_and_lists_as_lists(centre: Centre) -> None:
    centre.answers = [OK | {"detailcolls": {"detailData": {"akc190": "ZY1", "alc407": 399.10}}}]
    reply = json.loads(said("stays", "--json"))
    assert reply == {"detailData": [{"akc190": "ZY1", "alc407": "399.1"}]}
    assert Decimal(reply["detailData"][0]["alc407"]) == Decimal("399.1")


def test_what_concerns_a_person_is_asked_for_when_left_out(centre: Centre) -> None:
    centre.answers = [OK | {"counts": 0}]
    done = run("injuries", typed=f"{WHO}\n{NAME}\n")
    assert done.exit_code == 0
    assert centre.calls[0].body["aac002"] == WHO
    assert "工伤信息: 0" in done.stdout


def test_a_card_that_is_not_valid_is_a_finding(centre: Centre) -> None:
    centre.answers = [OK | {"result": "0", "errmsg": "卡已注销"}]
    done = run("check-card", "--card", "A1", "--identifier", "X", *PERSON)
    assert (done.exit_code, "卡已注销" in done.stdout, "0 无效" in done.stdout) == (6, True, True)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"code": 230003, "msg": "无此人员"}, PeerHasNone),
        ({"code": 21002, "msg": "A21002-用户名错误"}, PeerRefused),
        ({"code": 77, "msg": "?"}, PeerUnavailable),
        (httpx.ConnectError("no route"), PeerUnavailable),
        (b"\xff\xff", PeerUnavailable),
    ],
)
def test_a_no_says_what_kind_of_no(centre: Centre, answer: Any, error: type[Exception]) -> None:
    centre.answers = [answer]
    with pytest.raises(error):
        run("stays", "ZY1")


def test_what_the_contract_forbids_is_never_sent(centre: Centre) -> None:
    with pytest.raises(PeerRefusedData) as caught:
        run("injuries", "--id", "9" * 19, "--name", NAME)
    assert "9999" not in caught.value.message
    assert centre.sent == []
    with pytest.raises(BadInput, match="day"):
        run("stays", "--from", "yesterday")


def test_a_sheet_is_asked_for_only_when_the_approval_is_meant(centre: Centre) -> None:
    with pytest.raises(NotLegal, match="--yes"):
        run("sheet", "ZY1")
    assert centre.sent == []


def test_a_sheet_that_was_asked_for_is_written_as_the_form(centre: Centre, tmp_path: Path) -> None:
    sheet = {"akc190": "ZY1", "aac003": NAME, "alc407sum": "798.0", "alc408sum": "0.0", "jjin": "797.0"}
    centre.answers = [OK | {"kc21dto": sheet}]
    done = run("sheet", "ZY1", "--yes", "--pdf", str(tmp_path / "sheet.pdf"))
    assert done.exit_code == FOUND_SOMETHING  # it does not add up, and says so
    assert "798.00" in done.stderr
    (text,) = pages((tmp_path / "sheet.pdf").read_bytes())
    assert NAME in text
    assert "核对不一致" in text


class _Wired:
    """An application with one visit."""

    def __init__(self, flow: str = "neimenggu.inpatient", **changes: Any) -> None:
        projection = SimpleNamespace(
            visit_id="v", flow=flow, key="ZY1", state=changes.get("state", "charged"), status=Status.READY
        )
        projection.status = changes.get("status", Status.READY)

        async def visits(which: Any) -> list[Any]:
            return [projection] if which.key == "ZY1" else []

        async def report(_visit: str) -> Any:
            return SimpleNamespace(visit=SimpleNamespace(call=changes.get("call")), projection=projection)

        self.store, self.commands = SimpleNamespace(visits=visits), SimpleNamespace(report=report)


@pytest.mark.parametrize("changes", [{"state": "uploading"}, {"call": object()}])
async def test_a_sheet_is_refused_while_an_upload_is_open(changes: dict[str, Any]) -> None:
    with pytest.raises(NotLegal, match=r"neimenggu\.inpatient/ZY1 is uploading"):
        await refuse_while_uploading(cast(Application, _Wired(**changes)), "ZY1")
    await refuse_while_uploading(cast(Application, _Wired(**changes)), "ZY2")
    await refuse_while_uploading(cast(Application, _Wired("jiangsu.inpatient", **changes)), "ZY1")
    await refuse_while_uploading(cast(Application, _Wired(**changes, status=Status.CLOSED)), "ZY1")


async def test_a_sheet_may_be_asked_for_between_uploads() -> None:
    await refuse_while_uploading(cast(Application, _Wired()), "ZY1")


def test_the_session_of_another_process_is_used(centre: Centre, tmp_path: Path) -> None:
    """The durable book keeps the command line from a second log-in, which the centre would refuse (21003)."""
    centre.log_in_elsewhere()

    async def keep() -> None:
        store = open_store(f"sqlite:///{tmp_path / 'visitflow.db'}", Vault.parse(TEST_KEY))
        await store.start()
        await open_books(store).sessions.write("neimenggu", USER, centre.session, centre.now(), "open", 0)
        await store.close()

    session = centre.session
    asyncio.run(keep())
    centre.answers = [OK | {"counts": 0}]
    said("injuries", *PERSON)
    assert "login" not in centre.sent
    assert centre.calls[0].body["sessionid"] == session
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("visitflow.db*"))
    assert session.encode() not in stored


def test_nothing_of_a_person_is_logged_or_kept(
    centre: Centre, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    centre.answers = [OK | {"counts": 1, "lc01s": {"lc01": [INJURY | {"aac002": WHO}]}}]
    done = run("injuries", *PERSON, "--full")
    assert WHO in done.stdout
    assert WHO not in done.stderr
    assert WHO not in caplog.text
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("visitflow.db*"))
    assert WHO.encode() not in stored
    assert NAME.encode() not in stored
