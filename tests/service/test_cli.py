"""The command line as a new user meets it: wrong words, missing things, exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jiangsu import ROOT, opening
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VISITFLOW_")}
    return subprocess.run(
        [sys.executable, "-m", "service", *words],
        check=False,
        cwd=ROOT,
        env=clean | {"VISITFLOW_DATA": str(folder / "data"), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("visits", "cancel", "x/y"), 2, "--reason"),
        (("nonsense",), 2, "nonsense"),
        (("visits", "show"), 2, "visit"),
        (("serve", "--port", "x"), 2, "--port"),
        (("serve",), 2, "visitflow db upgrade"),
        (("flows", "schema", "x"), 2, "flow or site"),
        (("flows", "graph", "x"), 4, "jiangsu.outpatient"),
        (("--help",), 0, "Exit codes"),
    ],
)
def test_wrong_words_get_a_line_and_a_code(tmp_path: Path, words: tuple[str, ...], code: int, told: str) -> None:
    done = run(tmp_path, *words)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert told in done.stdout + done.stderr


def test_a_first_evening(tmp_path: Path) -> None:
    assert "009" in run(tmp_path, "db", "upgrade").stdout
    key = tmp_path / "data" / "exchange.key"
    assert key.stat().st_mode & 0o077 == 0
    assert json.loads(run(tmp_path, "visits", "list", "--json").stdout) == []
    bad = run(tmp_path, "visits", "open", "jiangsu.outpatient", "MZ1", "-d", '{"adm_time": "x"}', "--json")
    error = json.loads(bad.stderr)["error"]
    assert (bad.returncode, error["code"], error["field"]) == (2, "invalid_data", "adm_time")
    assert "{" not in error["message"]
    file = tmp_path / "visit.json"
    file.write_text(json.dumps(opening()), encoding="utf-8")
    words = ("visits", "open", "jiangsu.outpatient", "MZ1", "--data", f"@{file}", "--json")
    first, again = (json.loads(run(tmp_path, *words).stdout)["visit"] for _ in range(2))
    assert first == again
    other = run(tmp_path, *words[:-3], "--data", json.dumps(opening(tel="1")), "--json")
    assert (other.returncode, json.loads(other.stderr)["error"]["code"]) == (2, "duplicate_key")
    shown = json.loads(run(tmp_path, "visits", "show", "jiangsu.outpatient/MZ1", "--json").stdout)
    assert (shown["state"], shown["journal"][0]["kind"]) == ("opened", "opened")
    assert run(tmp_path, "db", "rebuild").returncode == 0


def test_broken_yaml_names_file_and_line(tmp_path: Path) -> None:
    site = tmp_path / "flows.yaml"
    site.write_text("include: []\nflows: [x]\nnonsense: 1\n", encoding="utf-8")
    done = run(tmp_path, "flows", "check", VISITFLOW_SITE=str(site))
    assert done.returncode == 2
    assert "flows.yaml:3:1" in done.stderr.replace("\n", "")


def test_schedules(tmp_path: Path) -> None:
    assert run(tmp_path, "db", "upgrade").returncode == 0
    listed, reconciled, retention = json.loads(run(tmp_path, "schedules", "--json").stdout)
    assert retention["name"] == "retention"
    assert (listed["name"], listed["last_visit"]) == ("sign_in", None)
    assert (reconciled["name"], reconciled["last_visit"]) == ("reconcile", None)
    assert reconciled["next_run"].endswith("T00:30:00+08:00")
    assert listed["next_run"].endswith("T07:30:00+08:00")
    assert listed["next_run"] > listed["last_due"]
    shown = run(tmp_path, "schedules", COLUMNS="150").stdout
    assert "每日签到" in shown
    assert "未建档" in shown
    flow, _, key = listed["last_key"].partition("/")
    run(tmp_path, "visits", "open", flow, key, "--data", '{"operator": "001"}')
    listed, *_ = json.loads(run(tmp_path, "schedules", "--json").stdout)
    assert (listed["last_visit"]["key"], listed["last_visit"]["state"]) == (key, "opened")


def test_schedules_by_hand(tmp_path: Path) -> None:
    why = ("--by", "wang", "--reason", "停机检修")
    assert run(tmp_path, "db", "upgrade").returncode == 0
    assert run(tmp_path, "schedules", "pause", "sign_in", *why).returncode == 0
    again = run(tmp_path, "schedules", "pause", "sign_in", *why)
    assert (again.returncode, "paused already" in again.stderr) == (3, True)
    ran = json.loads(run(tmp_path, "schedules", "run", "sign_in", *why, "--json").stdout)
    assert ran["result"] == "opened"
    (told,) = json.loads(run(tmp_path, "schedules", "runs", "sign_in", "--json").stdout)
    assert (told["by"], told["reason"], told["result"]) == ("wang", "停机检修", "opened")
    listed, *_ = json.loads(run(tmp_path, "schedules", "--json").stdout)
    assert (listed["next_run"], listed["paused"]["by"], listed["paused"]["reason"]) == (None, "wang", "停机检修")
    assert run(tmp_path, "schedules", "pause", "nothing", *why).returncode == 4


def test_schedules_that_cannot_work(tmp_path: Path) -> None:
    assert run(tmp_path, "db", "upgrade").returncode == 0
    site = tmp_path / "flows.yaml"
    shipped = re.sub(r"flows/(\w+)/", r"package:\1/", (ROOT / "flows.yaml").read_text(encoding="utf-8"))
    site.write_text(shipped.replace("    open:", "    opne:"), encoding="utf-8")
    for words in (("schedules",), ("serve",)):
        done = run(tmp_path, *words, VISITFLOW_SITE=str(site))
        assert done.returncode == 2
        assert "unknown key 'opne'; did you mean 'open'?" in done.stderr.replace("\n", " ")
    site.write_text(shipped.replace('operator: "001"', 'operator: "002"'), encoding="utf-8")
    for words in (("flows", "check", "--rules-only"), ("serve",)):
        done = run(tmp_path, *words, VISITFLOW_SITE=str(site))
        assert (done.returncode, "schedules[0].open.data.operator" in done.stderr.replace("\n", "")) == (2, True)
