"""Readings of what 004 does not say, to be changed while it runs."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.common.switches import Board, Value

#: Name, values (the first is the default), meaning. The defaults make doubling visible.
_TABLE: tuple[tuple[str, tuple[Value, ...], str], ...] = (
    ("second_settlement", ("again", "refuse"), "SettleByDoctor of a settled bill: takes the money again, or 6"),
    ("settled_bill", ("withdrawn", "marked", "offered"), "the trial after it; marked: offered with BILLSTATUS 1"),
    (
        "nothing_due",
        ("null", "empty", "blank", "refuse"),
        "the trial without a bill: response null, {}, empty texts, or 6",
    ),
    ("bill_id", ("stable", "per_trial"), "BILLID: of the bill, or a new one with every trial"),
    ("check_money", (True, False), "Money must be GRZFJE3 (6)"),
    ("check_out_no", (True, False), "the reply of SettleByDoctor holds CheckOutNo"),
    ("unauthorized", ("code", "http401"), "a missing, forged or expired token: code 1 or 3, or HTTP 401"),
    ("numbers", ("text", "number"), "amounts and quantities as JSON numbers"),
    ("flags", ("boolean", "text"), "isSuccess and status as in the example, or as strings as in the table"),
    ("one_row", ("list", "object"), "a list of one row"),
)
BOARD = Board(_TABLE)


@dataclass
class Switches:
    """The table as it is set."""

    second_settlement: str = "again"
    settled_bill: str = "withdrawn"
    nothing_due: str = "null"
    bill_id: str = "stable"
    check_money: bool = True
    check_out_no: bool = True
    unauthorized: str = "code"
    numbers: str = "text"
    flags: str = "boolean"
    one_row: str = "list"
