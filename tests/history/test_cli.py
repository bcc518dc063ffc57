"""``visitflow history`` as an analyst types it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli import app, console
from service.cli.console import run_guarded
from service.history.figures import TOPICS
from storage import Vault, open_store, upgrade
from tests.conftest import TEST_KEY
from tests.console.seed import seeded
from tests.history.conftest import drawn
from tests.jiangsu import ROOT

pytestmark = pytest.mark.slow
PERIOD = ("--from", "20261101", "--to", "20261130")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store on disk after a morning, with its facts drawn; the settings point at it."""
    url = f"sqlite:///{tmp_path / 'visitflow.db'}"
    for name, value in (
        ("DATA", str(tmp_path)),
        ("STORE", url),
        ("EXCHANGE_KEYS", TEST_KEY),
        ("PATIENT_KEY", "test"),
        ("SITE", str(ROOT / "flows.yaml")),
    ):
        monkeypatch.setenv(f"VISITFLOW_{name}", value)
    monkeypatch.setattr(console.out, "width", 220)  # one line a row
    upgrade(url)
    return url


async def _morning(url: str, *, draw: bool) -> None:
    store = open_store(url, Vault.parse(TEST_KEY))
    await store.start()
    seed = await seeded(store=store)
    if draw:
        await drawn(seed)
    await store.close()


def typed(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["history", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_every_topic_as_table_and_as_json(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(_morning(database, draw=True))
    for topic, (columns, _ask) in TOPICS.items():
        code, out, err = typed(topic, *PERIOD)
        assert (code, err) == (0, "") and "2026-11-01 – 2026-11-30" in out, err
        code, out, _err = typed(topic, *PERIOD, "--json")
        found = json.loads(out)
        assert found["behind"] == 0 and [*found["rows"][0]] == [*columns] == [*found["columns"]]
    assert "业务处理错误" in typed("failures", *PERIOD)[1]
    assert "270.00" in typed("money", *PERIOD)[1]
    assert "这段时间没有记录" in typed("money", "--from", "20250101", "--to", "20250102")[1]
    assert "这段时间没有记录" in typed("money", *PERIOD, "--flow", "jiangsu.inpatient")[1]
    monkeypatch.setenv("VISITFLOW_LANGUAGE", "en")
    _code, out, _err = typed("doubts", *PERIOD)
    assert "settled by" in out and not re.search("[\u4e00-\u9fff]", out)
    assert len(json.loads(typed("paths", *PERIOD, "--limit", "2", "--json")[1])["rows"]) == 2


def test_figures_that_lag_say_so(database: str) -> None:
    asyncio.run(_morning(database, draw=False))
    assert "visitflow history rebuild" in typed("visits", *PERIOD)[2]
    assert typed("rebuild", "--check")[0] == 6
    code, out, _err = typed("rebuild")
    assert code == 0 and "重写 7" in out
    code, out, err = typed("visits", *PERIOD)
    assert code == 0 and re.search(r"有 \d+ 条事件尚未计入", err), "the reader has still to go through the feed"
    assert typed("rebuild", "--check", "--json")[0] == 0


def test_an_export_and_what_it_refuses(database: str, tmp_path: Path) -> None:
    asyncio.run(_morning(database, draw=True))
    for form, name in (("csv", "csv"), ("parquet", "parquet"), ("xes", "log.xes")):
        target = tmp_path / name
        code, out, _err = typed("export", "--format", form, "--out", str(target), *PERIOD, "--json")
        assert (code, json.loads(out)) == (0, {"visits": 7, "out": str(target)}) and target.exists()
    code, out, _err = typed("export", "--format", "csv", "--out", str(tmp_path / "none"), "--flow", "x.y", *PERIOD)
    assert code == 0 and "0" in out


def test_refusals_are_one_line_with_the_code_of_bad_input(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ("money", "--from", "yesterday"),
        ("export", "--format", "csv", "--out", str(tmp_path)),
        ("money", "--from", "20261102", "--to", "20261101"),
    ):
        monkeypatch.setattr("sys.argv", ["visitflow", "history", *words])
        assert run_guarded(lambda words=words: app(["history", *words])) == 2
        assert "Traceback" not in capsys.readouterr().err


def test_help_shows_an_example_of_every_command() -> None:
    for topic in (*TOPICS, "export", "rebuild"):
        assert f"visitflow history {topic}" in re.sub(r"\s+", " ", typed(topic, "--help")[1])
