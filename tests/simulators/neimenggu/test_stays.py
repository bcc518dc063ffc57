"""What a stay goes through: charges, refunds, approval, sheet, leaving, invoices, review, and all of it back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.simulators.neimenggu.desk import OFF, STAY, Desk, bill, invoice

REFUND = {"alc406": "-1", "alc407": "-60"}


def test_the_same_charge_twice_is_charged_twice(desk: Desk) -> None:
    desk.until("uploaded")

    assert desk.upload(desk.med())["code"] == 0
    assert (desk.stay()["count"], desk.stay()["total"]) == (2, Decimal("240.00"))


def test_an_order_is_overwritten_by_its_number(desk: Desk) -> None:
    desk.until("registered")
    for text in ("换药", "拆线"):
        assert desk.upload(advice=[desk.advice(alk009=text)])["code"] == 0

    assert (desk.stay()["orders"], desk.stay()["overwritten"]) == (["Y1"], 1)


def test_a_charge_of_an_order_in_the_same_batch_or_before(desk: Desk) -> None:
    desk.until("registered")

    assert desk.upload(desk.med(aae080="Y1"), advice=[desk.advice()])["code"] == 0
    assert desk.upload(desk.med(aae080="Y1"))["code"] == 0


@pytest.mark.parametrize(("switch", "counts"), [("lines_and_orders", 3), ("lines", 2)])
def test_counts_with_or_without_orders(desk: Desk, switch: str, counts: int) -> None:
    desk.switch(counts=switch)
    desk.until("registered")

    assert desk.upload(desk.med(), desk.med(), advice=[desk.advice()])["counts"] == counts
    desk.until_offsite("registered")
    answer = desk.upload_offsite(desk.offsite_med(), desk.offsite_med(), advices={"advice": [desk.advice()]})
    assert answer["count"] == str(counts)


@pytest.mark.parametrize(
    ("switch", "code", "counts", "saved"),
    [("atomic", 81008, None, 0), ("until_error", 81008, None, 1), ("skip_bad", 0, 2, 2)],
)
def test_what_a_bad_line_means_for_the_batch(
    desk: Desk, switch: str, code: int, counts: int | None, saved: int
) -> None:
    desk.switch(batch=switch)
    desk.until("registered")

    answer = desk.upload(desk.med(), desk.med(alc400=""), desk.med())

    assert (answer["code"], answer.get("counts"), desk.stay()["count"]) == (code, counts, saved)


def test_refunds_are_bounded_by_what_was_charged(desk: Desk) -> None:
    desk.until("uploaded")

    assert desk.upload(desk.med(**REFUND), desk.med(**REFUND))["code"] == 0
    assert desk.upload(desk.med(**REFUND))["code"] == 81021
    assert desk.upload(desk.med(), desk.med(**REFUND))["code"] == 0
    assert desk.upload(desk.med(akc515="N9", **REFUND))["code"] == 81021
    assert desk.stay()["total"] == Decimal("60.00")


def test_approval_sums_by_category(desk: Desk) -> None:
    desk.until("registered")
    desk.upload(desk.med(), desk.drug(alc405="0.3333", alc406="1", alc407="0.3333"), desk.med(**REFUND))

    answer = desk.ask("discharge", akc190=STAY, aaca07="JS1", rolltype="0")

    assert answer["alc407"] == Decimal("60.33")
    assert answer["collections"]["collection"] == [
        {"aka063": "11", "alc407": Decimal("0.33")},
        {"aka063": "51", "alc407": Decimal("60.00")},
    ]
    assert desk.stay()["approvals"] == 1


def test_cancelling_lines_keeps_the_registration_and_takes_the_approval_back(desk: Desk) -> None:
    desk.until("approved")
    assert desk.code("invalidData", akc190=STAY) == 0

    assert (desk.stay()["count"], desk.stay()["approval"], desk.stay()["state"]) == (0, None, "registered")
    assert desk.code("regundo", akc190=STAY, alca02="R2020001") == 0
    assert desk.register() == 0  # the number is free again


@pytest.mark.parametrize(
    ("switches", "way", "code"),
    [
        ({"upload_after_approval": "refuse"}, lambda d: d.upload(d.med())["code"], 81005),
        ({"new_approval": False}, lambda d: (d.upload(d.med()), d.leave())[1], 0),
        ({"undo_with_fees": "cascade"}, lambda d: d.code("regundo", akc190=STAY, alca02="R2020001"), 61005),
        (
            {"undo_with_fees": "cascade", "undo_approved": "allow"},
            lambda d: d.code("regundo", akc190=STAY, alca02="R2020001"),
            0,
        ),
        (
            {"approval_reset": "never"},
            lambda d: (d.code("invalidData", akc190=STAY), d.code("regundo", akc190=STAY, alca02="R2020001"))[1],
            61005,
        ),
        (
            {"approval_reset": "undo_leave"},
            lambda d: (d.leave(), d.code("leaveHosUndo", akc190=STAY), d.leave())[2],
            110008,
        ),
        ({}, lambda d: (d.leave(), d.code("leaveHosUndo", akc190=STAY), d.leave())[2], 0),
        ({"records": "none"}, lambda d: d.leave(km02s=None, km03s=None, km05s=None), 0),
        ({"records": "any"}, lambda d: d.leave(km02s=None, km03s=None), 0),
        ({"records": "all"}, lambda d: d.leave(km02s=None), 1004),
        ({"sheet_before_leaving": "refuse"}, lambda d: d.code("getJSSheet", akc190=STAY, rolltype="0"), 240003),
        ({"trace_code": "always"}, lambda d: d.upload(d.med())["code"], 1004),
        ({"trace_code": "never"}, lambda d: d.upload(d.drug(akc999=""))["code"], 0),
        ({"order_must_exist": False}, lambda d: d.upload(d.med(aae080="Y9"))["code"], 0),
        ({"earlier_stay": "reviewed"}, lambda d: (d.leave(), d.register(akc190="ZY2"))[1], 51013),
        ({}, lambda d: (d.leave(), d.register(akc190="ZY2", akc192="2026-11-20"))[1], 0),
        ({"outpatients": False}, lambda d: d.register_offsite(aka130="71"), 1004),
        ({"employer_required": "new"}, lambda d: (d.leave(), d.register(akc190="ZY2", aab001=""))[1], 0),
        (
            {"undo_certificate": False, "undo_with_fees": "cascade", "undo_approved": "allow"},
            lambda d: d.code("regundo", akc190=STAY),
            0,
        ),
        (
            {"undo_with_fees": "refuse", "undo_approved": "allow"},
            lambda d: d.code("regundo", akc190=STAY, alca02="R2020001"),
            61006,
        ),
        ({"list_offsite": True}, lambda d: (d.register_offsite(), d.code("getPerMed", akc190=OFF))[1], 0),
    ],
)
def test_open_points_are_switches(desk: Desk, switches: dict[str, Any], way: Any, code: int) -> None:
    desk.until("approved")
    desk.switch(**switches)

    assert int(way(desk)) == code


@pytest.mark.parametrize(("wanted", "code"), [(False, 0), (True, 51017)])
def test_a_new_injury_may_need_a_filing(desk: Desk, wanted: bool, code: int) -> None:
    desk.switch(new_injury_filing=wanted)
    desk.centre.world.reports.clear()

    assert desk.fresh() == code


@pytest.mark.parametrize(("when", "code"), [("prescribed", 0), ("left", 110022)])
def test_when_an_entry_had_expired_is_a_switch(desk: Desk, when: str, code: int) -> None:
    desk.switch(expired_when=when)
    desk.arrange("PUT /items", code="HC0100000001", expires="2026-11-19")

    assert desk.until("approved").leave() == code


@pytest.mark.parametrize(("wanted", "again", "kept"), [("released", 0, 1), ("spent", 1004, 0), ("kept", 1004, 1)])
def test_invoice_numbers_after_an_undo(desk: Desk, wanted: str, again: int, kept: int) -> None:
    desk.switch(invoices_after_undo=wanted)
    desk.until("left")
    assert desk.code("leaveHosUndo", akc190=STAY) == 0

    assert desk.leave(**bill(invoice())) == again
    assert len(desk.stay()["invoices"]) == kept


def test_an_invoice_is_used_once_by_whomever(desk: Desk) -> None:
    desk.until("left")
    desk.until_offsite("approved")

    assert desk.leave_offsite(**bill(invoice("FP1"), local=False)) == 1004
    assert desk.leave_offsite() == 0
    assert desk.form(akc190=OFF, rolltype="1", invoiceNo="FP1") == 1004


def test_several_invoices_up_to_the_total(desk: Desk) -> None:
    desk.until("approved").leave()

    assert desk.form(invoiceNo="A", invoiceMoney="100") == 0
    assert desk.form(invoiceNo="B", invoiceMoney="20.01") == 110025
    assert desk.control("POST", "/applications", {"akc190": STAY})[0] == 400  # 100 of 120
    assert desk.form(invoiceNo="B", invoiceMoney="20") == 0
    assert desk.arrange("POST /applications", akc190=STAY)["state"] == "applied"


def _sheet(desk: Desk) -> dict[str, Any]:
    sheet: dict[str, Any] = desk.ask("getJSSheet", akc190=STAY, rolltype="0")["kc21dto"]
    return sheet


def test_automatic_deductions_and_the_agencys(desk: Desk) -> None:
    desk.arrange("PUT /items", code="HC0100000001", limit="50")
    desk.arrange("PUT /items", code="XJ01XYA000X0010", expires="2026-11-01")
    desk.until("registered")
    desk.upload(
        desk.med(),  # 10 over the limit, twice
        desk.own(alc406="1", alc407="60"),
        desk.own(alc406="1", alc407="60", spreason="1"),
        desk.med(noinjury="1"),
        desk.drug(alc402="XJ01XYA000X0010"),
        desk.drug(),
        desk.med(**REFUND),
    )
    sheet = _sheet(desk)
    rows = [(row["marktype"], row["alc408"]) for row in sheet["kc22dtos"]["kc22dto"]]
    assert rows == [("5", "20.00"), ("1", "60.00"), ("2", "120.00"), ("13", "120.00"), ("5", "-10.00")]
    assert (sheet["alc407sum"], sheet["alc408sum"], sheet["jjin"]) == ("540.00", "310.00", "230.00")
    assert sheet["akc667"] == "0"
    assert not {"akc194", "akc196", "hsfbtje"} & set(sheet)
    assert desk.stay()["approvals"] == 1  # 4.16 approves by itself
    assert desk.leave(**bill(invoice(money="540"))) == 110022
    desk.arrange("PUT /items", code="XJ01XYA000X0010", expires="")

    assert desk.leave(**bill(invoice(money="540"))) == 0
    desk.arrange("POST /applications", akc190=STAY)
    serial = desk.stay()["lines"][2]["serial"]
    desk.arrange("POST /deductions", akc190=STAY, serial=serial, amount="12.34", reason="11")
    assert desk.control("POST", "/deductions", {"akc190": STAY, "serial": serial, "amount": "60.01"})[0] == 400
    desk.arrange("POST /reviews", akc190=STAY)

    sheet = _sheet(desk)
    assert ("11", "12.34") in [(row["marktype"], row["alc408"]) for row in sheet["kc22dtos"]["kc22dto"]]
    assert (sheet["alc408sum"], sheet["jjin"], sheet["akc667"]) == ("202.34", "337.66", "1")
    assert sheet["akc194"] == "2026-11-20"
    assert desk.ask("getPerDetail", akc190=STAY)["detailcolls"]["detailData"][0]["alc408"] == "202.34"


def test_the_meal_subsidy_is_settled_with_some_hospitals(desk: Desk) -> None:
    desk.arrange("PUT /hospitals", akb020="10000001", meal_subsidy="30")
    desk.until("left")

    sheet = _sheet(desk)

    assert (sheet["hsfbtje"], sheet["ylaccounts"]) == ("60.0000", "180.0000")


def test_the_web_and_the_agency_move_a_stay_in_order_only(desk: Desk) -> None:
    desk.until("approved")
    for what in ("POST /applications", "POST /reviews", "DELETE /applications", "DELETE /reviews"):
        assert desk.control(*what.split(" "), {"akc190": STAY})[0] == 400
    desk.leave(**bill(invoice()))
    desk.arrange("POST /applications", akc190=STAY)
    assert desk.arrange("DELETE /applications", akc190=STAY)["state"] == "left"
    desk.arrange("POST /applications", akc190=STAY)
    desk.arrange("POST /reviews", akc190=STAY)
    assert desk.arrange("DELETE /reviews", akc190=STAY)["state"] == "applied"
    assert desk.control("POST", "/applications", {"akc190": "ZY9"})[0] == 400


def test_all_of_it_back(desk: Desk) -> None:
    desk.until("left")
    for method, members in (
        ("leaveHosUndo", {}),
        ("invalidData", {}),
        ("regundo", {"alca02": "R2020001"}),
    ):
        assert desk.code(method, akc190=STAY, **members) == 0
    assert desk.stay()["state"] == "cancelled"
    assert [each["method"] for each in desk.stay()["history"]] == [
        "register",
        "discharge",
        "leaveHos",
        "leaveHosUndo",
        "invalidData",
        "regundo",
    ]


def test_all_of_it_back_offsite(desk: Desk) -> None:
    desk.until_offsite("left")
    for method in ("offsiteLeaveHosUndo", "medInfoInvalidData", "offsiteRegisterUndo"):
        assert desk.code(method, akc190=OFF) == 0
    assert desk.stay(OFF)["state"] == "cancelled"


def test_thirty_days_to_the_cent(desk: Desk) -> None:
    desk.until("registered")
    for batch in range(60):
        meds = [desk.med(akc515=f"N{batch}-{n}", alc405="0.07", alc406="3", alc407="0.21") for n in range(34)]
        assert desk.upload(*meds)["counts"] == 34
    assert desk.stay()["total"] == Decimal("428.40")
    assert desk.ask("discharge", akc190=STAY, aaca07="1", rolltype="0")["alc407"] == Decimal("428.40")
