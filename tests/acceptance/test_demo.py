"""The four visits of the demonstration, as real processes over real HTTP, on both stores."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service import demo
from tests import postgres
from tests.jiangsu import ROOT

ACTS = {
    "MZDEMO0001": demo.clean,
    "MZDEMO0002": demo.lost_reply,
    "MZDEMO0003": demo.killed,
    "MZDEMO0004": demo.reversed_to_start,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_four_visits_end_to_end(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if kind == "sqlite":
        _play(tmp_path, "")
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        _play(tmp_path, url)


def _play(folder: Path, store: str) -> None:
    with demo.stage(folder, ROOT / "flows.yaml", store=store) as stage:
        for key, act in ACTS.items():
            visit = act(stage, key)
            shown = stage.call("GET", f"/api/v1/visits/{visit}")
            totals = stage.control("GET", "/ledger")["totals"]
            assert demo.our_books(shown) == demo.centre_books(totals, key)
            assert shown["state"] == ("cancelled" if act is demo.reversed_to_start else "discharged")
        ledger = stage.control("GET", "/ledger")
        settled = [m for m in ledger["messages"] if m["code"] == "2207" and m["result"] == "applied"]
        assert len(settled) == 4
        assert stage.call("GET", "/healthz")["zombies"] == 0
    log = (folder / "service.log").read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert "DEMO-MZDEMO" not in log, "credentials do not belong into logs (G10)"


@pytest.mark.slow
def test_the_command_prints_that_the_ledgers_agree(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VISITFLOW_")}
    done = subprocess.run(
        [sys.executable, "-m", "service", "demo", "--once", "--folder", str(tmp_path)],
        check=False,
        cwd=ROOT,
        env=environment | {"VISITFLOW_LANGUAGE": "en"},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    assert "ledgers agree: 4/4" in done.stdout
    assert "SIGKILL" in done.stdout
