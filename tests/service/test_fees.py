"""The fee ledger as people see it, on the command line and by HTTP."""

from __future__ import annotations

import pytest

from engine.environment import SECOND
from engine.errors import BadInput
from engine.events import Role
from engine.outcomes import Effect
from engine.visit import PendingCall, Visit
from service.fees import fees_view
from tests.steps.test_jiangsu_ledger import UPLOAD, accepted, hand_over, line, opened, refused


def visit_of(data: object, call: PendingCall | None = None) -> Visit:
    assert isinstance(data, dict)
    return Visit("id", flow="jiangsu.outpatient", key="MZ0001", state="charged", data=data, call=call)


def test_every_line_has_a_state_and_the_counts_add_up() -> None:
    seen = refused(accepted(opened(line("L1"), line("L2", 250), batch_size=1)))
    seen = hand_over(hand_over(seen, fees=[line("L3", 300), line("L4")]), void=["L4"])
    shown = fees_view(visit_of(seen.data))
    assert {each["line_id"]: each["state"] for each in shown["lines"]} == {
        "L1": "uploaded",
        "L2": "refused",
        "L3": "pending",
        "L4": "voided",
    }
    assert shown["counts"] == {"uploaded": 1, "refused": 1, "pending": 1, "voided": 1}
    assert shown["uploaded_total"] == "1.00"
    (bad,) = [each for each in shown["lines"] if each["state"] == "refused"]
    assert (bad["code"], bad["batch"]) == ("3005/2204002", 2)


def test_a_batch_in_the_air_is_shown_as_such() -> None:
    seen = opened(line("L1"))
    call = PendingCall(
        call="c",
        role=Role.FORWARD,
        trigger="upload",
        source="uploading",
        dest="charged",
        adapter="jiangsu_gateway",
        operation="upload_lines",
        effect=Effect.ONCE,
        message_id="M1",
        request=dict(UPLOAD.request(seen)),
        at=SECOND,
    )
    shown = fees_view(visit_of(seen.data, call))
    assert shown["counts"] == {"sending": 1}
    assert shown["uploaded_total"] == "0.00"


def test_a_visit_without_lines_has_an_empty_ledger() -> None:
    assert fees_view(visit_of(opened(line("L1")).data | {"fees": {}}))["lines"] == []


def test_other_flows_have_no_ledger() -> None:
    with pytest.raises(BadInput, match="no fee ledger"):
        fees_view(visit_of({"operator": "001"}))
