"""A day's session through real processes: opened by a schedule, kept across a kill, closed by sign-out."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from service import demo
from tests.jiangsu import ROOT
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow

SCHEDULE = {
    "name": "sign_in",
    "every": "24h",
    "catch_up": True,
    "open": {"flow": "jiangsu.session", "key": "{operator}-{day}", "data": {"operator": "001"}},
}


def listed(stage: demo.Stage) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "service", "schedules", "--json"],
        env=stage.service.environment,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_session(tmp_path: Path) -> None:
    with demo.stage(tmp_path, ROOT / "flows.yaml", schedules=[SCHEDULE]) as stage:

        def sessions() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = stage.call("GET", "/api/v1/visits?flow=jiangsu.session")
            return found

        deadline = time.monotonic() + PATIENCE
        while not sessions() and time.monotonic() < deadline:
            time.sleep(0.05)
        visit = sessions()[0]["visit"]
        shown = stage.wait(visit, lambda each: each["state"] == "signed_in")
        number = shown["data"]["sign_no"]
        stage.call("POST", f"/api/v1/visits/{visit}/trigger", {"trigger": "check_clock", "by": "test"})
        shown = stage.wait(visit, lambda each: "skew_seconds" in each["data"])
        assert abs(shown["data"]["skew_seconds"]) <= 2
        stage.service.kill()
        stage.service.start()
        stage.wait(stage.open("MZ1", 1), lambda each: each["state"] == "pre_settled")
        assert [each["visit"] for each in sessions()] == [visit]  # the centre was still signed in
        (schedule,) = listed(stage)
        assert (schedule["last_visit"]["visit"], schedule["last_visit"]["state"]) == (visit, "signed_in")
        stage.call("POST", f"/api/v1/visits/{visit}/trigger", {"trigger": "sign_out", "by": "test"})
        stage.wait(visit, lambda each: each["status"] == "closed")
        # somebody comes after hours: the adapter signs in by itself, and that is written down
        stage.wait(stage.open("MZ2", 2), lambda each: each["state"] == "pre_settled")
        later = next(each["visit"] for each in sessions() if each["visit"] != visit)
        shown = stage.wait(later, lambda each: each["state"] == "signed_in")
        assert shown["key"].endswith("-2")
        assert shown["data"]["sign_no"] != number
        assert shown["data"]["reason"] == "first_use"
