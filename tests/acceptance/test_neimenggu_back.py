"""The whole way back from a discharge, and its refusal after the review: what a supervisor does and is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.environment import DAY, HOUR, MINUTE
from engine.events import Cause
from service.cli import app
from service.cli.console import out
from storage import Vault, open_store, upgrade
from tests.acceptance.test_neimenggu import KEY, Town
from tests.conftest import TEST_KEY
from tests.shipped import ROOT

VISIT = f"neimenggu.inpatient/{KEY}"
WHO = ("--by", "王主任", "--reason", "患者信息有误，已电话确认")


async def visitflow(*words: str, code: int = 0) -> str:
    """Run the command line beside the service; return what it says in Chinese."""
    made = await asyncio.to_thread(CliRunner().invoke, app, list(words))
    assert made.exit_code == code, made.output
    return made.output


@pytest.fixture
async def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    url = f"sqlite:///{tmp_path / 'visitflow.db'}"
    upgrade(url)
    site = ROOT / "docs/examples/neimenggu.yaml"
    for name, value in {"STORE": url, "EXCHANGE_KEYS": TEST_KEY, "SITE": str(site), "LANGUAGE": "zh"}.items():
        monkeypatch.setenv(f"VISITFLOW_{name}", value)
    monkeypatch.setattr(out, "width", 240)  # one line a row
    store = open_store(url, Vault.parse(TEST_KEY))
    await store.start()
    made = Town("neimenggu.inpatient", monkeypatch)
    monkeypatch.setattr("service.application.SystemEnvironment", lambda: made.environment)  # one clock for all
    await made.begin(1, store=store, application="S2020001")
    assert (await made.to_discharge()).state == "discharged"
    await made.wait(5 * MINUTE)
    yield made
    await store.close()


async def test_everything_back(town: Town) -> None:
    shown = await visitflow("visits", "show", VISIT)
    assert "全部撤销并关闭" in shown
    assert "cancel_leave → cancel_lines → cancel_registration" in shown
    warnings = [line for line in shown.splitlines() if line.startswith("!")]
    assert [warning[:10] for warning in warnings] == ["! 仅限经办机构审核", "! 本次就诊已上传的", "! 慎用：撤销后要重"]
    before = len(town.methods)

    await visitflow("visits", "cancel", VISIT, *WHO)
    visit = await town.wait(2 * HOUR)
    assert (visit.state, visit.closed) == ("cancelled", True), visit.trouble
    assert town.methods[before:] == ["leaveHosUndo", "invalidData", "regundo"]
    books = town.desk.stay()
    assert (books["state"], books["count"], Decimal(books["total"]), books["left"]) == ("cancelled", 0, 0, "")
    assert visit.data["sent_material"] == {"FP1": {**visit.data["sent_material"]["FP1"], "undone": "yes"}}
    assert not {"registered", "discharged", "uploaded_total", "approved_total", "sheet", "paid_total"} & set(visit.data)
    shown = await visitflow("visits", "show", VISIT)
    assert "王主任: 患者信息有误，已电话确认" in shown


async def test_not_after_the_review(town: Town) -> None:
    town.desk.office.arrange("POST /applications", {"akc190": KEY})
    await town.say("application_submitted")
    town.desk.office.arrange("POST /reviews", {"akc190": KEY})
    final = (await town.wait(2 * DAY)).data["final"]
    ways = _ways_back(await visitflow("visits", "show", VISIT))
    assert ways[:2] == ["applied", "discharged"]  # a state, and no verdict; each once
    assert len(set(ways)) == len(ways)

    await visitflow("visits", "cancel", VISIT, *WHO)
    visit = await town.wait(2 * HOUR)
    assert visit.trouble is not None
    assert visit.trouble.cause is Cause.UNDO_REFUSED
    shown = await visitflow("visits", "show", VISIT)
    assert "卡住" in shown
    assert "原因: 撤销被拒绝 · cancel_leave: 120003 K120003-经办机构已完成费用审核" in shown
    assert "! 仅限经办机构审核之前（120003）" in shown
    assert _ways_back(shown)[0] == "discharged"  # sends nothing: the undo is given up
    assert town.desk.stay()["state"] == "reviewed"
    assert town.charged() == Decimal(300)

    await visitflow("visits", "reverse", VISIT, "discharged", *WHO)
    assert (await town.wait(HOUR)).state == "discharged"
    await visitflow("visits", "resume", VISIT, *WHO)
    visit = await town.wait(HOUR)
    assert (visit.state, visit.closed) == ("closed", True), visit.trouble
    assert visit.data["final"] == final


def _ways_back(shown: str) -> list[str]:
    return [line.split()[1] for line in shown.splitlines() if line.startswith("撤销到")]
