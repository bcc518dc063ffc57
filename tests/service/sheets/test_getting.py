"""The sheet of a real visit by HTTP and on the command line."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from typer.testing import CliRunner, Result

from service.cli import app, sheets
from service.cli.console import exit_code
from service.sheets.kept import NoSheet
from tests.flows.test_neimenggu import Story
from tests.people import name
from tests.service.sheets.example import pages
from tests.service.wired import Wired, opened, settings
from tests.steps.neimenggu.views import KEY, LEAVING, PERSON, fee
from tests.world import World


async def with_sheet(flow: str = "neimenggu.inpatient") -> Story:
    told = await Story(flow).begin()
    await told.say("hand_over", fees=[fee("L1", "60.00"), fee("L2", "40.00")])
    await told.say("leave", **LEAVING)
    assert await told.state() == "sheet_ready"
    return told


def wired(world: World, **changes: Any) -> Wired:
    made = Wired(world, settings(sheet_city="通辽市", **changes))
    cast(SimpleNamespace, made.application).site = SimpleNamespace(timezone="Asia/Shanghai")
    return made


async def get(world: World, visit: str, query: str = "", role: str = "supervisor") -> httpx.Response:
    made = wired(world)
    async with made.client(await made.key(role)) as client:
        return await client.get(f"/api/v1/visits/{visit}/sheet{query}")


async def test_a_page_a_pdf_and_data() -> None:
    told = await with_sheet()
    shown = await get(told.world, told.id)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert shown.headers["cache-control"] == "private, no-store"
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert "通辽市工伤保险医疗费结算单" in shown.text
    made = await get(told.world, told.id, "?format=pdf&clerk=%E6%B5%8B")
    assert (made.status_code, made.headers["content-type"]) == (200, "application/pdf")
    assert made.headers["content-disposition"] == f"inline; filename*=UTF-8''sheet-{KEY}.pdf"
    (text,) = pages(made.content)
    assert "100.00" in text
    assert "经办人：测" in text
    assert "2026-03-03" in text
    data = (await get(told.world, told.id, "?format=json")).json()
    assert (data["members"]["jjin"], data["review"], data["adds_up"]) == ("90.00", "preliminary", True)
    assert "Total fees" in (await get(told.world, told.id, "?lang=en")).text


async def test_after_the_review_the_sheet_is_the_reviewed_one() -> None:
    told = await with_sheet()
    await told.say(
        "settled_with_patient", settlement_number="JS1", paid_total="100", paid_by_fund="90", paid_by_patient="10"
    )
    told.centre.stays[KEY].reviewed = True
    await told.say("look_at_review")
    data = (await get(told.world, told.id, "?format=json")).json()
    assert (data["review"], data["members"]["alc408sum"], data["adds_up"]) == ("reviewed", "20.00", True)


async def test_a_visit_without_a_sheet_says_what_to_do() -> None:
    told = await Story().begin()
    answer = await get(told.world, told.id)
    assert (answer.status_code, answer.json()["code"]) == (404, "no_sheet")
    assert "leave" in answer.json()["title"]
    assert (await get(told.world, "nobody")).json()["code"] == "unknown_visit"


async def test_other_visits_have_none() -> None:
    world = await World().start()
    made = wired(world)
    async with made.client(await made.key("supervisor")) as client:
        answer = await client.get(f"/api/v1/visits/{await opened(client)}/sheet")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_sheet")
    assert "toy.visit" in answer.json()["title"]


async def test_whoever_may_not_see_people_does_not_see_it() -> None:
    told = await with_sheet()
    assert (await get(told.world, told.id, role="analyst")).status_code == 403
    assert (await get(told.world, told.id, "?format=docx")).status_code == 422


async def test_the_console_links_to_it_once_it_is_there() -> None:
    told = await Story("neimenggu.inpatient").begin()
    await told.say("hand_over", fees=[fee("L1", "60.00")])
    assert await console_links(told) == []
    told = await with_sheet()
    answers = [await get(told.world, told.id, each) for each in await console_links(told)]
    assert [each.headers["content-type"] for each in answers] == ["text/html; charset=utf-8", "application/pdf"]
    assert await console_links(told, "analyst") == []


async def console_links(told: Story, role: str = "supervisor") -> list[str]:
    """Return the queries of the links to the sheet on a visit's page."""
    made = wired(told.world)
    async with made.client(await made.key(role)) as client:
        page = await client.get(f"/console/visits/{told.id}")
        assert page.status_code == 200
        return [unescape(each) for each in re.findall(rf'href="/api/v1/visits/{told.id}/sheet([^"]*)"', page.text)]


async def test_an_offsite_sheet_is_final_once_the_application_is_submitted() -> None:
    told = await with_sheet("neimenggu.offsite")
    data = (await get(told.world, told.id, "?format=json")).json()
    assert data["review"] == "preliminary"
    await told.say(
        "settled_with_patient", settlement_number="JS1", paid_total="100", paid_by_fund="90", paid_by_patient="10"
    )
    await told.say("application_submitted")
    assert (await told.visit()).data["final"]
    assert (await get(told.world, told.id, "?format=json")).json()["review"] == "offsite"


# -- command line
def run(told: Story, monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    @asynccontextmanager
    async def wiring(_settings: object) -> AsyncIterator[object]:
        yield wired(told.world).application

    monkeypatch.setattr(sheets, "application", wiring)
    env = {"COLUMNS": "120", "VISITFLOW_OPERATOR": "王测甲"}
    return CliRunner().invoke(app, ["visits", "sheet", f"neimenggu.inpatient/{KEY}", *words], env=env)


def test_on_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    told = asyncio.run(with_sheet())
    done = run(told, monkeypatch)
    assert done.exit_code == 0, done.output
    for each in ("通辽市工伤保险医疗费结算单", "未审核", "工伤基金应支付金额", "90.00", "自费项目", "合计", "王测甲"):
        assert each in done.stdout
    assert "Total fees" in run(told, monkeypatch, "--english").stdout
    assert json.loads(run(told, monkeypatch, "--json").stdout)["members"]["aac002"] == PERSON


def test_as_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = asyncio.run(with_sheet())
    path = tmp_path / "sheet.pdf"
    done = run(told, monkeypatch, "--pdf", str(path))
    assert (done.exit_code, done.stdout) == (0, "")
    assert path.stat().st_mode & 0o077 == 0
    assert "90.00" in pages(path.read_bytes())[0]
    again = run(told, monkeypatch, "--pdf", str(path))
    assert "sheet.pdf" in str(again.exception)


def test_what_does_not_add_up_has_an_exit_code_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    told = asyncio.run(with_sheet())
    changes = {"sheet": {"jjin": "1.00"}}
    asyncio.run(told.world.commands.correct(told.id, changes, "x", "to see"))
    done = run(told, monkeypatch)
    assert done.exit_code == 6
    assert "核对不一致" in done.stderr


def test_without_a_sheet_the_command_exits_with_4(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(asyncio.run(Story().begin()), monkeypatch)
    assert isinstance(done.exception, NoSheet)
    assert exit_code(done.exception) == 4
    assert name(7) not in done.output
