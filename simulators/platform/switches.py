"""Readings of what 003 leaves to the platform, to be changed while it runs (docs/assumptions.md, P170-P179)."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.common.switches import Board, Value

#: Name, values (the first is the default), meaning.
_TABLE: tuple[tuple[str, tuple[Value, ...], str], ...] = (
    ("notices", ("3", "1", "2", "10", "100"), "how often a notice is sent while nothing is known (P170)"),
    ("notice_every", ("5", "0", "1", "30", "600"), "seconds of its own clock between them (P170)"),
    (
        "deposit_every",
        ("600", "1", "60", "3600", "21600"),
        "seconds between notices of a deposit, 24 hours long (P170)",
    ),
    ("queries", ("5", "1", "20", "200"), "how often 13.1.1 is asked before the money is left where it is (P171)"),
    ("query_every", ("60", "0", "1", "600"), "seconds between the questions (P171)"),
    ("limit", ("10", "1", "3", "30", "60"), "seconds a hospital may take to answer, true time (P172)"),
    ("job_every", ("300", "0", "1", "3600"), "seconds between the rounds of the job of 8.1.3"),
    ("job_rounds", ("12", "1", "3", "100"), "how many of them before the patient is sent to the desk"),
    ("unknown_refund", ("10002", "REFUND_FAILED"), "9.1.2 of a refund nobody asked for (P173)"),
    ("running_refund", ("40004", "10002", "REFUND_FAILED"), "9.1.2 while the money is on its way (P173)"),
    ("refund_takes", ("0", "5", "60", "3600"), "seconds until money is back; until then PROCESSING (P173)"),
    ("refund_outcome", ("success", "fail"), "what the payment provider makes of refunds"),
    ("whole_only", (False, True), "refunds the hospital asks for must be of the whole order too (P174)"),
    ("check_card", (True, False), "13.2.1: the card must be the payer's, else 20003 (P174)"),
    ("unknown_order", ("10002", "20003"), "a refund of an order nobody paid (P174)"),
    ("code_type", ("documented", "text", "number"), "JSON type of `code`: as in each example, or always the same"),
)
BOARD = Board(_TABLE)


@dataclass
class Switches:
    """The table as it is set."""

    notices: str = "3"
    notice_every: str = "5"
    deposit_every: str = "600"
    queries: str = "5"
    query_every: str = "60"
    limit: str = "10"
    job_every: str = "300"
    job_rounds: str = "12"
    unknown_refund: str = "10002"
    running_refund: str = "40004"
    refund_takes: str = "0"
    refund_outcome: str = "success"
    whole_only: bool = False
    check_card: bool = True
    unknown_order: str = "10002"
    code_type: str = "documented"
