"""Readings of what 003 leaves to the hospital, to be changed while it runs (docs/assumptions.md, P160-P169)."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.common.switches import Board, Value

#: Name, values (the first is the default), meaning.
_TABLE: tuple[tuple[str, tuple[Value, ...], str], ...] = (
    ("dedupe", (False, True), "the same key again: taken twice, or answered as the first time (P160)"),
    ("other_content", ("refuse", "answer"), "with dedupe, same key and other amounts: 20003, or the old answer (P160)"),
    ("working", ("40004", "wait_not", "40001"), "a second call while the first is still under way (P161)"),
    ("paid_lines", ("take", "refuse"), "payment of lines that are paid: taken again, or 60102 (P160)"),
    ("nothing_found", ("empty", "10002"), "a query without result: success with empty data, or 10002 (P162)"),
    ("unknown_card", ("60506", "20215", "10002"), "a card nobody knows (P162)"),
    ("refund_query_closes", (False, True), "13.1.1, 5.1.6 refundable: a late notice is refused from then on (P163)"),
    ("refund_query_unsure", ("nonrefundable", "40004"), "13.1.1 while the payment is under way (P163)"),
    ("slow", ("0", "0.05", "0.5", "2", "11"), "seconds before every answer"),
    ("code_type", ("documented", "text", "number"), "JSON type of `code`: as in each example, or always the same"),
    ("endless_bills", (False, True), "when the last line is paid the doctor writes another prescription"),
    ("check_in", ("open", "slot"), "registrations are cancelled at any time, or until their slot begins: 60209 (P165)"),
    ("one_open_order", (True, False), "a patient has at most one unfinished insurance order (P164)"),
    ("hospital_id", ("any", "checked"), "a hospitalId other than ours: ignored, or 60001"),
)
BOARD = Board(_TABLE)


@dataclass
class Switches:
    """The table as it is set."""

    dedupe: bool = False
    other_content: str = "refuse"
    working: str = "40004"
    paid_lines: str = "take"
    nothing_found: str = "empty"
    unknown_card: str = "60506"
    refund_query_closes: bool = False
    refund_query_unsure: str = "nonrefundable"
    slow: str = "0"
    code_type: str = "documented"
    endless_bills: bool = False
    check_in: str = "open"
    one_open_order: bool = True
    hospital_id: str = "any"
