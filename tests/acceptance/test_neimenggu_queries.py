"""The clerks' queries against the simulated centre of Inner Mongolia in a process of its own."""

from __future__ import annotations

import asyncio
import datetime
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from adapters.neimenggu import Neimenggu
from adapters.neimenggu.settings import NeimengguSettings
from engine.adapter import Adapter
from service.application import application
from service.asking import PeerHasNone, ask
from service.cli import app
from service.settings import Settings
from storage import upgrade
from tests.conftest import TEST_KEY
from tests.jiangsu import ROOT
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def centre() -> Iterator[tuple[str, str]]:
    """The addresses of a running centre and of its control port."""
    command = [sys.executable, "-m", "simulators.neimenggu", "--port", "0", "--control-port", "0"]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    ready = json.loads(child.stdout.readline())
    child.stdout.close()
    yield f"{ready['url']}/nm-his", ready["control"]
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=PATIENCE) == 0


@pytest.fixture
def world(centre: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """A hospital at that centre; what the centre knows."""
    monkeypatch.chdir(tmp_path)
    url, control = centre
    store = f"sqlite:///{tmp_path / 'visitflow.db'}"
    upgrade(store)
    values = {"STORE": store, "EXCHANGE_KEYS": TEST_KEY, "SITE": str(ROOT / "flows.yaml")}
    secrets = {"NEIMENGGU_KEY": "0123456789ABCDEF" * 2, "NEIMENGGU_PASSWORD": "secret"}
    for variable, value in {**values, **secrets}.items():
        monkeypatch.setenv(f"VISITFLOW_{variable}", value)

    def build(_catalogue: object, _configured: object) -> Mapping[str, Adapter]:
        return {"neimenggu": Neimenggu(NeimengguSettings.model_validate({"url": url, "username": "hospital"}))}

    monkeypatch.setattr("service.application.build_adapters", build)
    httpx.delete(f"{control}/sessions", trust_env=False, timeout=PATIENCE)
    found: Rows = httpx.get(f"{control}/world", trust_env=False, timeout=PATIENCE).json()
    return found


def asked(*words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["neimenggu", *words, "--json"], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def table(*words: str) -> str:
    done = CliRunner().invoke(app, ["neimenggu", *words], catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.stdout


def of(person: Mapping[str, Any]) -> tuple[str, ...]:
    return ("--id", person["aac002"], "--name", person["aac003"])


def test_what_is_known_of_people_and_cards(world: Rows) -> None:
    injured, _, newly, stranger = world["people"]
    injury = asked("injuries", *of(injured))["lc01"][0]
    assert (injury["alca02"], injury["aac001"]) == (world["injuries"][0]["alca02"], injured["aac001"])
    assert "01 生产事故" in table("injuries", *of(injured), "--full")
    assert asked("treatments", injury["alca02"])["lkb7"][0]["aae073"] == world["cures"][0]["aae073"]
    assert asked("search-treatments", "--from", "2020-06-01", "--to", "2020-06-30")["lkb7"]
    assert asked("reports", newly["aac001"])["ldc1"][0]["aac001"] == newly["aac001"]
    assert asked("search-reports", "--name", newly["aac003"])["ldch"]
    card = world["cards"][0]
    valid = asked("check-card", "--card", card["aaz500"], "--identifier", card["aaz501"], *of(injured))
    assert valid["result"] == "1"
    assert asked("check-qr", "--qr", card["qrcode"])["aac002"] == injured["aac002"]
    assert asked("offsite-filings", *of(stranger))["Bs001Gets"][0]["alc011"] == world["filings"][0]["alc011"]
    for words in (("read-qr", "--qr", card["qrcode"]), ("read-card", "--card", card["aaz500"])):
        more = ("--identifier", card["aaz501"]) if words[0] == "read-card" else ()
        assert asked(*words, *more)["aac147"] == injured["aac002"]


def test_what_is_known_of_a_stay(world: Rows) -> None:
    person, injury, cure = world["people"][0], world["injuries"][0], world["cures"][0]
    with pytest.raises(PeerHasNone):
        asked("drug-share", "ZYQ1")
    stay = {
        **{name: person[name] for name in ("aac001", "aac002", "aac003", "aac004", "aab001")},
        **{"aka130": "21", "akc191": "7", "akc190": "ZYQ1", "akc192": datetime.date.today().isoformat()},
        **{"alc028": "T14.900", "alca02": injury["alca02"], "aae073": cure["aae073"]},
        **{"alk023": "骨科", "akc199": "3", "alk024": "12", "ysbm": "D0007"},
    }

    async def register() -> None:
        async with application(Settings()) as wired:
            await ask(wired, "neimenggu", "register", {"isnewinjure": "0", "kc21": stay})

    asyncio.run(register())
    found = asked("stays", "ZYQ1")["detailData"]
    assert [(each["akc190"], each["aac001"]) for each in found] == [("ZYQ1", person["aac001"])]
    assert "ZYQ1" in table("stays", "--from", stay["akc192"])
    assert asked("drug-share", "ZYQ1")["akc190"] == "ZYQ1"
