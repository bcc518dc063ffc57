"""An operator's whole evening by the command line alone, against a running service and a centre that misbehaves."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service import demo
from tests.jiangsu import ROOT
from tests.patience import PATIENCE

IMPATIENT = {
    "first_look": "100ms",
    "look_again": "100ms",
    "late_look": "100ms",
    "tries": 2,
    "backoff": {"first": "100ms"},
}
WHO = ("--by", "wang", "--reason", "asked the centre by telephone")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[demo.Stage]:
    with demo.stage(tmp_path, ROOT / "flows.yaml", settling=IMPATIENT) as running:
        yield running


def visitflow(stage: demo.Stage, *words: str, code: int = 0) -> Any:
    """Run the command line; return what it printed as JSON (or the error as JSON)."""
    done = subprocess.run(
        [*stage.service.command[:3], *words, "--json"],
        check=False,
        env=stage.service.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout if code == 0 else done.stderr.splitlines()[-1])


def stuck(shown: dict[str, Any]) -> bool:
    return bool(shown["status"] == "stuck")


def settle_into(stage: demo.Stage, key: str, faults: list[dict[str, Any]]) -> str:
    """Open a visit, let the centre misbehave, settle; return the visit's id once it is stuck."""
    visit = stage.open(key, 1)
    stage.wait(visit, demo._in("pre_settled"))
    for fault in faults:
        stage.control("POST", "/faults", {"ipt_otp_no": key, **fault} if "action" not in fault else fault)
    demo._settle(stage, visit, key)
    stage.wait(visit, stuck)
    return visit


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_evening(stage: demo.Stage) -> None:
    # a settlement whose answer is lost, while query and reversal fail: nobody but a person can tell
    deaf = [
        {"transactionCode": "2207", "fault": "lose_reply"},
        {"transactionCode": "6101", "fault": "error", "code": 2001, "times": -1},
        {"action": "reverse", "fault": "error", "code": 2001, "times": -1},
    ]
    doubt = settle_into(stage, "MZEVE0001", deaf)
    reference = f"{demo.FLOW}/MZEVE0001"

    listed = visitflow(stage, "visits", "list", "--stuck")
    assert [(each["key"], each["cause"]) for each in listed] == [("MZEVE0001", "doubt")]

    shown = visitflow(stage, "visits", "show", reference)
    assert shown["open_call"]["operation"] == "settle"
    message_id = shown["open_call"]["message_id"]
    assert shown["stuck"]["evidence"]["message_id"] == message_id
    assert {(a["action"], a["target"]) for a in shown["actions"]} == {
        ("resume", ""),
        ("settle", "applied"),
        ("settle", "not_applied"),
    }
    assert any(exchange["operation"] == "settle" for exchange in shown["exchanges"])

    # each refused when not legal, with the reason
    for words in (("cancel", reference), ("reverse", reference, "registered"), ("correct", reference, '{"tel": "1"}')):
        refused = visitflow(stage, "visits", *words, *WHO, code=3)
        assert "settle it first" in refused["error"]["message"]
    refused = visitflow(stage, "visits", "settle", reference, "applied", *WHO, code=2)
    assert refused["error"]["field"] == "settle_id"

    # the centre's own ledger is what the telephone would say
    ledger = stage.control("GET", "/ledger")
    found = next(v for v in ledger["visits"] if v["ipt_otp_no"] == "MZEVE0001")["settlements"][0]
    assert found["msgid"] == message_id
    data = json.dumps(
        {
            "settle_id": found["settle_id"],
            "total_amt": str(found["total"]),
            "fund_amt": str(found["fund"]),
            "self_amt": str(found["own"]),
        }
    )
    visitflow(stage, "visits", "settle", reference, "applied", "--data", data, *WHO)
    stage.control("DELETE", "/faults")
    done = stage.wait(doubt, demo._closed)
    assert demo.our_books(done) == demo.centre_books(stage.control("GET", "/ledger")["totals"], "MZEVE0001")

    # a refusal: corrected, resumed; then all of it taken back
    wrong = settle_into(
        stage, "MZEVE0002", [{"transactionCode": "2207", "fault": "error", "code": 3999, "message": "发票号有误"}]
    )
    assert visitflow(stage, "visits", "show", wrong)["stuck"]["cause"] == "refused"
    visitflow(stage, "visits", "correct", wrong, '{"invoice_no": "FPNEW1"}', *WHO)
    visitflow(stage, "visits", "resume", wrong, *WHO)
    stage.wait(wrong, demo._closed)
    visitflow(stage, "visits", "reverse", wrong, "registered", *WHO)
    back = stage.wait(wrong, lambda shown: bool(shown["waiting_for"] == "resume"))
    assert back["state"] == "registered"
    visitflow(stage, "visits", "cancel", wrong, *WHO)
    stage.wait(wrong, lambda shown: shown["state"] == "cancelled" and demo._closed(shown))
    totals = stage.control("GET", "/ledger")["totals"]["MZEVE0002"]
    assert (totals["registrations"], totals["settled_total"], totals["line_total"]) == (0, 0, 0)

    # migration is refused on the version the visit is on; the projection is what the journals say
    refused = visitflow(stage, "visits", "migrate", stage.open("MZEVE0003", 1), *WHO, code=3)
    assert "on this version already" in refused["error"]["message"]
    stage.wait(visitflow(stage, "visits", "list")[0]["visit"], demo._in("pre_settled"))
    assert visitflow(stage, "db", "rebuild")["differences"] == []
    assert visitflow(stage, "visits", "show", f"{demo.FLOW}/NOBODY", code=4)["error"]["code"] == "unknown_visit"
