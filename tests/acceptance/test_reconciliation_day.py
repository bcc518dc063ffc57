"""A day with 500 visits: three settlements' answers are lost, one amount differs; the report names exactly that one."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service import demo
from tests.jiangsu import ROOT
from tests.patience import PATIENCE

VISITS = 500
LOST = ("MZDAY0007", "MZDAY0250", "MZDAY0499")
DIFFERENT = "MZDAY0123"
WHO = ("--by", "wang", "--reason", "asked the centre by telephone")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[demo.Stage]:
    with demo.stage(tmp_path, ROOT / "flows.yaml") as running:
        yield running


def reconcile(stage: demo.Stage, *words: str, code: int) -> Any:
    """Run ``visitflow reconcile``; return its report."""
    done = subprocess.run(
        [*stage.service.command[:3], "reconcile", *words, "--json"],
        check=False,
        env=stage.service.environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


def until(reached: Any, patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def key_of(number: int) -> str:
    return f"MZDAY{number:04d}"


def settle_all(stage: demo.Stage) -> None:
    """Open all visits, with everything that the HIS hands over, and wait until the last is closed."""
    for key in LOST:
        stage.control("POST", "/faults", {"transactionCode": "2207", "ipt_otp_no": key, "fault": "lose_reply"})
    with httpx.Client(base_url=stage.api, trust_env=False, timeout=PATIENCE) as client:
        for number in range(VISITS):
            key = key_of(number)
            data = demo.invented_visit(key, number) | {"invoice_no": f"FP{key[2:]}"}
            body = {"flow": demo.FLOW, "key": key, "data": data}
            assert client.post("/api/v1/visits", json=body).status_code == 201
        closed = "/api/v1/visits?flow=jiangsu.outpatient&status=closed&limit=1000"
        until(lambda: len(client.get(closed).json()) == VISITS)


def asked(ledger: dict[str, Any], code: str) -> int:
    return sum(message["code"] == code for message in ledger["messages"])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_report_names_exactly_the_bill_that_differs(stage: demo.Stage) -> None:
    settle_all(stage)
    ledger = stage.control("GET", "/ledger")
    assert stage.control("GET", "/faults")["struck"].count("lose_reply") == len(LOST)
    applied = Counter(m["ipt_otp_no"] for m in ledger["messages"] if m["code"] == "2207" and m["result"] == "applied")
    assert applied == {key_of(number): 1 for number in range(VISITS)}, "nothing is settled twice"
    assert len(ledger["movements"]) == VISITS

    settlements = [each for visit in ledger["visits"] for each in visit["settlements"]]
    (day,) = {each["at"][:8] for each in settlements}
    book = next(visit for visit in ledger["visits"] if visit["ipt_otp_no"] == DIFFERENT)["settlements"][0]
    less = {"medfee_sumamt": f"{book['total'] - 1:.2f}", "hifp_pay": f"{book['fund'] - 1:.2f}"}
    stage.control("PUT", "/amounts", {"ipt_otp_no": DIFFERENT, **less})

    # killed in the middle of asking bill by bill: what was answered is not asked again
    reconcile(stage, day, code=0)
    until(lambda: asked(stage.control("GET", "/ledger"), "1321") >= 50)
    stage.service.kill()
    stage.service.start()
    report = reconcile(stage, day, "--wait", code=1)
    bill = f"FP{DIFFERENT[2:]}"
    named = {"kind": "amounts", "bill_no": bill, "ipt_otp_no": DIFFERENT}
    assert report["differences"] == [
        named | {"field": "total_amt", "ours": f"{book['total']:.2f}", "theirs": less["medfee_sumamt"]},
        named | {"field": "fund_amt", "ours": f"{book['fund']:.2f}", "theirs": less["hifp_pay"]},
    ]
    assert (report["bills"], report["bills_compared"], report["state"]) == (VISITS, VISITS, "different")
    ledger = stage.control("GET", "/ledger")
    assert asked(ledger, "1321") in (VISITS, VISITS + 1), "only the call in the air may be asked again"
    assert ledger["confirmations"] == []
    assert reconcile(stage, day, code=1)["visit"] == report["visit"], "asking twice opens nothing twice"

    # the centre has mended it
    stage.control("PUT", "/amounts", {"ipt_otp_no": DIFFERENT})
    report = reconcile(stage, day, "--again", "--wait", *WHO, code=0)
    assert (report["state"], report["differences"], report["ours"]) == ("confirmed", [], report["centre"])
    (confirmation,) = stage.control("GET", "/ledger")["confirmations"]
    assert (confirmation["begin"], confirmation["end"]) == (f"{day}000000", f"{day}235959")
    assert stage.call("GET", "/healthz")["zombies"] == 0
