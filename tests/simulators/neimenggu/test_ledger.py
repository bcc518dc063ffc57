"""What the control port tells and is told, and that the books survive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulators.common.identity import identity_number
from simulators.neimenggu import view
from simulators.neimenggu.switches import BOARD, Switches
from simulators.neimenggu.world import invent
from tests.simulators.neimenggu.desk import NOON, OFF, STAY, Desk


def test_the_ledger_holds_every_line_as_it_came(desk: Desk) -> None:
    desk.until("registered")
    line = desk.med(unknown="kept as well")
    desk.upload(line)
    desk.ask("invalidData", akc190=STAY)

    books = desk.control("GET", "/ledger")[1]

    (accepted,) = books["accepted"][STAY]
    assert accepted["sent"] == line
    assert (accepted["removed"], accepted["at"]) == ("invalidData", "2026-11-20 12:00:00")
    assert books["stays"][0]["lines"] == []


def test_the_ledger_holds_no_names_and_identity_numbers(desk: Desk) -> None:
    desk.until("reviewed")
    desk.until_offsite("reviewed")

    text = json.dumps(desk.control("GET", "/ledger")[1], ensure_ascii=False)

    for number in (1, 4):
        for name in ("aac002", "aac003"):
            assert desk.person(number)[name] not in text


def test_every_request_is_counted_by_interface_stay_and_code(desk: Desk) -> None:
    desk.until("uploaded")
    desk.upload(desk.med(alc400=""))
    desk.upload(desk.med(alc400=""))

    rows = desk.control("GET", f"/ledger?akc190={STAY}&lines=no")[1]["requests"]

    assert {"interface": "4.10", "method": "sendMedInfo", "akc190": STAY, "code": "81008", "count": 2} in rows
    assert {"interface": "4.8", "method": "register", "akc190": STAY, "code": "0", "count": 1} in rows


def test_the_ledger_of_one_stay_without_lines(desk: Desk) -> None:
    desk.until("uploaded")
    desk.until_offsite("uploaded")

    books = desk.control("GET", f"/ledger?akc190={OFF}&lines=no")[1]

    assert [(stay["akc190"], stay["lines"], stay["count"]) for stay in books["stays"]] == [(OFF, [], 1)]
    assert books["accepted"] == {OFF: 1}


def _everything(desk: Desk) -> dict[str, Any]:
    return view.ledger(desk.centre, {}) | {"world": view.world(desk.centre), "switches": desk.centre.switches}


def test_the_books_survive_a_restart(tmp_path: Path) -> None:
    desk = Desk.at(tmp_path)
    desk.arrange("PUT /items", code="HC0100000001", limit="50")
    desk.arrange("PUT /clock", offset=-60)
    desk.switch(batch="until_error")
    desk.arrange("POST /people", number=77, injury="R77", cure="S77", card="A77")
    desk.until("registered")
    desk.upload(desk.med(), desk.med(alc400=""))  # refused, and yet something is saved
    desk.upload(desk.drug(), desk.med(), advice=[desk.advice()])
    desk.until_offsite("left")
    desk.approve()
    desk.leave()
    assert desk.form(invoiceNo="FP1", invoiceMoney="360") == 0
    desk.arrange("POST /applications", akc190=STAY)

    again = Desk.at(tmp_path)

    assert _everything(again) == _everything(desk)
    again.session = desk.session
    assert again.code("getPerMed", akc190=STAY) == 0
    assert desk.centre.ledger.counter == again.centre.ledger.counter


def test_a_session_that_was_only_read_with_lives_on_after_a_restart(tmp_path: Path) -> None:
    desk = Desk.at(tmp_path)
    desk.login()
    desk.now = NOON.replace(hour=13, minute=30)
    assert desk.code("getReport", aac001="900000003") == 0

    again = Desk.at(tmp_path)
    again.session, again.now = desk.session, NOON.replace(hour=15)

    assert again.code("getReport", aac001="900000003") == 0


@pytest.mark.parametrize(
    ("what", "body", "error"),
    [
        ("PUT /switches", {"nothing": 1}, "no such switch"),
        ("PUT /switches", {"batch": "?"}, "batch must be one of"),
        ("PUT /clock", {}, "one of"),
        ("PUT /clock", {"at": 1}, "one of"),
        ("PUT /items", {"code": "X", "colour": "red"}, "no such member: colour"),
        ("PUT /items", {"code": "X", "kind": "red"}, "kind must be"),
        ("PUT /items", {}, "code is missing"),
        ("PUT /cards", {"aaz500": "A9", "aac001": "1"}, "no such aac001"),
        ("PUT /cards", {"aaz500": "A00000001", "state": "7"}, "AAZ502"),
        ("PUT /hospitals", {"akb020": "2", "key": "short"}, "16, 24 or 32"),
        ("PUT /people", {"aac001": "1"}, "no such aac001"),
        ("POST /people", {"number": 1}, "is there"),
        ("POST /people", {"height": 1}, "no such member: height"),
        ("POST /deductions", {"akc190": STAY, "serial": 1, "reason": "99"}, "AKA073"),
        ("POST /deductions", [], "expected an object"),
        ("POST /faults", {"fault": "melt"}, "fault must be one of"),
        ("POST /faults", {"fault": "hang", "interface": "4.99"}, "interface"),
        ("POST /faults", {"fault": "hang", "method": "x"}, "method"),
        ("POST /faults", {"fault": "hang", "colour": "x"}, "colour"),
    ],
)
def test_the_control_port_says_what_is_wrong(desk: Desk, what: str, body: Any, error: str) -> None:
    status, answer = desk.control(*what.split(" "), body)

    assert status == 400
    assert error in answer["error"]


def test_the_control_port_knows_its_paths(desk: Desk) -> None:
    assert desk.control("GET", "/health") == (200, {"status": "ok"})
    assert desk.control("GET", "/switches")[1]["counts"] == "lines_and_orders"
    assert {each["aac001"] for each in desk.control("GET", "/world")[1]["people"]} >= {"900000001"}
    assert desk.control("GET", "/nothing")[0] == 404


def test_the_switches_stand_as_the_table_says() -> None:
    assert vars(Switches()) == BOARD.defaults
    assert BOARD.parse("outpatients=false") == ("outpatients", False)
    with pytest.raises(ValueError, match="outpatients=1"):
        BOARD.parse("outpatients=1")


@pytest.mark.parametrize("number", [1, 2, 300, 99_999])
def test_identity_numbers_are_valid(number: int) -> None:
    identity = invent(number)["aac002"]

    assert len(identity) == 18
    assert identity_number(identity[:17]) == identity
    assert identity.startswith("990099")
