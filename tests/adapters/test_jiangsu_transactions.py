"""The table of the 26 transactions: complete against interface 001, sound in itself, and what the page says."""

from __future__ import annotations

import re

import pytest

from adapters.jiangsu.transactions import OPERATIONS, TRANSACTIONS, UnknownTransaction, resolve
from engine.outcomes import Effect
from tests.adapters.transactions_page import PAGE, PART, lines

#: Interface 001, chapter 3.1, table 1.
OF_001 = {
    "1320",
    "1321",
    "1322",
    "1323",
    "9001",
    "9002",
    "1101",
    "2201",
    "2202",
    "2203",
    "2204",
    "2205",
    "2206",
    "2207",
    "2208",
    "2209",
    "3101",
    "6101",
    "1102",
    "9103",
    "9104",
    "9105",
    "9106",
    "1800",
    "1106",
    "1107",
}
ONCE = {"1322", "1323", "2201", "2202", "2204", "2205", "2207", "2208", "3101", "1102", "1106", "1107"}
KEYED = {"9001", "9002", "2203", "2209"}


def test_all_26_transactions_of_the_manual_and_nothing_else() -> None:
    assert len(OF_001) == 26
    assert {row.number for row in TRANSACTIONS.values()} == {*OF_001, "signin_status"}


def test_what_does_harm_when_it_is_sent_twice() -> None:
    assert {row.number for row in TRANSACTIONS.values() if row.effect is Effect.ONCE} == ONCE
    assert {row.number for row in TRANSACTIONS.values() if row.effect is Effect.KEYED} == {
        "9001",
        "9002",
        "2203",
        "2209",
    }


@pytest.mark.parametrize("row", TRANSACTIONS.values(), ids=lambda row: row.number)
def test_a_row_is_sound(row: object) -> None:
    assert isinstance(row, type(next(iter(TRANSACTIONS.values()))))
    assert OPERATIONS[row.operation].effect is row.effect
    assert row.undo in ("none", "human") or row.undo in OF_001
    for way in row.doubt:
        kind, _, asked = way.partition(" ")
        assert kind in ("probe", "reverse", "repeat", "ask")
        assert (resolve(asked).effect is Effect.READ) if kind == "probe" else not asked
    if row.effect is Effect.ONCE:
        assert row.doubt[-1] == "ask"
        assert "repeat" not in row.doubt
    for name in (row.number, row.zh, row.operation, *row.names):
        assert resolve(name) is row
        assert resolve(f"  {name.swapcase()} ") is row


@pytest.mark.parametrize(  # every name that interface 000 shows
    ("name", "number"),
    [
        ("签到", "9001"),
        ("读卡", "1101"),
        ("RegisterPatient", "2201"),
        ("PreSettle", "2206"),
        ("Settle", "2207"),
        ("9001", "9001"),
        ("ReadCard", "1101"),
        ("登记(挂号)撤销", "2202"),
        ("登记（挂号）撤销", "2202"),
    ],
)
def test_names_of_interface_000(name: str, number: str) -> None:
    assert resolve(name).number == number


@pytest.mark.parametrize("name", ["", " ", "2210", "结", "Settl", "drop table"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(UnknownTransaction):
        resolve(name)


def test_the_page_says_what_the_table_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = re.search(f"<!-- {PART}: begin -->\n(.*)<!-- {PART}: end -->", text, re.DOTALL)
    assert shown is not None
    assert shown[1].splitlines() == list(lines()), "run `python -m tests.adapters.transactions_page`"
