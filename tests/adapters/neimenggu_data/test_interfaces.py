"""The table of the 29 interfaces: complete, sound in itself, and what the page says of all data files."""

from __future__ import annotations

import re

import pytest

from adapters.neimenggu.contracts import contracts
from adapters.neimenggu.interfaces import INTERFACES, OPERATIONS, Interface
from engine.outcomes import Effect
from tests.adapters.neimenggu_data.page import PAGE, PARTS

ONCE = {1, 8, 9, 10, 11, 13, 14, 22, 23, 24, 25, 26, 27}
KEYED = {2, 12, 16, 18}


def test_all_29_interfaces_in_the_documents_order() -> None:
    assert [row.number for row in INTERFACES.values()] == [f"4.{number}" for number in range(1, 30)]
    assert len({row.method for row in INTERFACES.values()}) == 29
    assert set(contracts()) == set(INTERFACES) == set(OPERATIONS)


def test_what_does_harm_when_it_is_sent_twice() -> None:
    by_effect = {
        effect: {int(row.number[2:]) for row in INTERFACES.values() if row.effect is effect} for effect in Effect
    }
    assert by_effect[Effect.ONCE] == ONCE
    assert by_effect[Effect.KEYED] == KEYED
    assert by_effect[Effect.READ] == set(range(1, 30)) - ONCE - KEYED


@pytest.mark.parametrize("row", INTERFACES.values(), ids=lambda row: row.number)
def test_a_row_is_sound(row: Interface) -> None:
    assert OPERATIONS[row.operation].effect is row.effect
    assert row.source == f"002 {row.number}"
    folder = "his/pub/interface/upInvoice" if row.number == "4.18" else "public/sendHis"
    assert row.path == f"{folder}/{row.method}.html"
    assert row.carrier == ("form" if row.number == "4.18" else "message")
    assert row.says == (("resCode", "resMsg") if row.number in ("4.28", "4.29") else ("code", "msg"))
    assert row.undo in {"none", "human", *INTERFACES}
    for way in row.doubt:
        kind, _, asked = way.partition(" ")
        assert kind in ("probe", "repeat", "ask")
        assert INTERFACES[asked].effect is Effect.READ if kind == "probe" else not asked
    if row.effect is Effect.ONCE:
        assert row.doubt[-1] == "ask"
        assert "repeat" not in row.doubt


@pytest.mark.parametrize("part", PARTS)
def test_the_page_says_what_the_files_say(part: str) -> None:
    shown = re.search(f"<!-- {part}: begin -->\n(.*)<!-- {part}: end -->", PAGE.read_text("utf-8"), re.DOTALL)
    assert shown is not None
    assert shown[1].splitlines() == list(PARTS[part]()), "run `python -m tests.adapters.neimenggu_data.page`"
