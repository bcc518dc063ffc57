"""The sheet itself: the form against the contract, how values are shown, what must agree."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.neimenggu.contracts import contracts
from service.sheets.checks import Ours
from service.sheets.data import sheet_view
from service.sheets.form import Cell, Form, Items, Kind, Section, form
from service.sheets.model import Review
from service.sheets.showing import money, plain
from tests.service.sheets.example import codes, item, members, sheet

(KC21,) = (each.shape for each in contracts()["settlement_sheet"].reply.members if each.shape)
(KC22,) = (each.shape for each in KC21.members if each.shape)


COLUMNS = ("序号", "项目名称", "数量", "单价", "金额", "自付金额", "自付原因")


def test_the_form_shows_every_member_of_the_contract_once() -> None:
    shown = [form().number.member, *(cell.member for cell in form().cells())]
    assert sorted(shown) == sorted(each.name for each in KC21.members if each.name not in ("akc667", "kc22dto"))
    assert sorted(each.member for each in form().items.columns if each.member) == sorted(m.name for m in KC22.members)


def test_the_form_reads_members_as_the_contract_does() -> None:
    kinds = {"text": Kind.TEXT, "code": Kind.CODE, "date": Kind.DATE, "moment": Kind.MOMENT}
    known = {each.name: each for each in (*KC21.members, *KC22.members)}
    for place in (form().number, *form().cells(), *form().items.columns):
        if place.member:
            member = known[place.member]
            assert place.kind is kinds.get(member.kind, place.kind)
            assert member.kind == "decimal" or place.kind not in (Kind.MONEY, Kind.NUMBER)
            assert not member.table or place.tables[0] == member.table


def test_the_words_are_those_of_the_document() -> None:
    headings = [each.heading for each in sheet().blocks] + [sheet().items_heading]
    assert headings == ["基本信息", "本次费用信息", "自付项目明细"]
    assert [each.label for each in sheet().columns] == list(COLUMNS)
    assert sheet().title == "通辽市工伤保险医疗费结算单"
    assert sheet(city="").title == "工伤保险医疗费结算单"


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda: Section(zh="x", en="x", rows=((Cell(zh="x", en="x", member="m", kind=Kind.TEXT),),)), "6 places"),
        (lambda: Cell(zh="x", en="x", member="m", kind=Kind.CODE), "needs tables"),
        (lambda: Cell(zh="x", en="x", member="m", kind=Kind.CODE, tables=("AKA999",)), "AKA999"),
        (lambda: Cell(zh="x", en="x", kind=Kind.TEXT), "expected a member"),
    ],
)
def test_a_form_that_cannot_be_laid_out_is_refused(broken: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        broken()


def texts(found: Any) -> dict[str, str]:
    return {each.member: each.text for block in found.blocks for row in block.rows for each in row}


def test_values_are_shown_exactly_and_codes_in_words() -> None:
    shown = texts(sheet())
    assert (shown["alc407sum"], shown["alc408sum"], shown["jjin"]) == ("79800.00", "9.00", "79791.00")
    assert shown["ylaccounts"] == "1.2345"  # never rounded away
    assert (shown["aac004"], shown["aka130"], shown["akc191"], shown["akc666"]) == ("女", "住院", "治疗", "个人自付")
    assert sheet().items[0] == ("1", "测试项目1 Ⅱ级 5ml", "22", "2.00", "44.00", "4.50", "超价格服务标准")
    assert sheet().totals == ("", "合计", "", "", "88.00", "9.00", "")


def test_in_english_only_what_people_wrote_stays_chinese() -> None:
    found = sheet(language="en")
    assert (texts(found)["aka130"], found.items[0][-1]) == ("inpatient", "price above the standard")
    chinese = [text for block in found.blocks for row in block.rows for text in (each.label for each in row)]
    assert all(text.isascii() for text in [*chinese, *(c.label for c in found.columns), found.review_words])


def test_kinds_of_care_of_offsite_visits_and_codes_of_no_table() -> None:
    assert texts(sheet(members(aka130="72")))["aka130"] == "工伤住院"
    assert texts(sheet(members(aka130="99")))["aka130"] == "99"


def test_amounts_may_be_text_and_refunds_negative() -> None:
    rows = [item(1), item(2, "-4.5", alc407="-44", alc406="-22")]
    found = sheet(members(alc407sum="798.0", alc408sum="0.0", jjin="798.0", kc22dto=rows))
    assert (found.items[1][2:6], found.totals[4:6], codes(found)) == (
        ("-22", "2.00", "-44.00", "-4.50"),
        ("0.00", "0.00"),
        [],
    )


def test_the_blank_row_of_the_document_is_no_item() -> None:
    blank = {"alc403": "", "alc405": "", "alc408": "", "marktype": ""}
    found = sheet(members(alc407sum="798.0", alc408sum="0.0", jjin="798.0", kc22dto=[blank, {}]))
    assert (found.items, found.totals, found.warnings, found.no_items) == ((), (), (), "无自付项目")


@pytest.mark.parametrize(
    ("told", "final", "review"),
    [
        ("1", False, Review.REVIEWED),
        ("0", False, Review.PRELIMINARY),
        ("", False, Review.UNKNOWN),
        ("7", False, Review.UNKNOWN),
        ("0", True, Review.OFFSITE),
        ("", True, Review.OFFSITE),
        ("1", True, Review.REVIEWED),
    ],
)
def test_how_far_the_amounts_are_settled(told: str, final: bool, review: Review) -> None:
    found = sheet(members(akc667=told), final_offsite=final)
    assert found.review is review
    assert bool(found.stamp) == (review in (Review.PRELIMINARY, Review.UNKNOWN))


@pytest.mark.parametrize(
    ("changed", "ours", "expected"),
    [
        ({}, Ours(), []),
        ({"jjin": "79790.99"}, Ours(), ["parts"]),
        ({"jjin": "79790.996"}, Ours(), []),  # to the cent
        ({"alc408sum": "9.01"}, Ours(), ["parts", "items"]),
        ({"kc22dto": []}, Ours(), ["items"]),
        ({}, Ours(approved=Decimal("79800.01")), ["approved"]),
        ({}, Ours(approved=Decimal("79800.0000"), paid=Decimal("1")), ["paid"]),
        ({}, Ours(stay="ZY1"), ["stay"]),
        ({}, Ours(identity_number="x"), ["person"]),
        ({"akc190": "", "aac002": None}, Ours("ZY1", "x"), []),
        ({"hsfbtje": "NULL"}, Ours(), ["amount"]),
        ({"hsfbtje": "1" * 40}, Ours(), ["amount"]),
        ({"kc22dto": [item(1, alc408="9.00"), item(2, alc408="?")]}, Ours(), ["amount"]),
    ],
)
def test_what_disagrees_is_told(changed: dict[str, Any], ours: Ours, expected: list[str]) -> None:
    found = sheet(members(**changed), ours=ours)
    assert codes(found) == expected
    assert found.adds_up == (not expected)


def test_a_warning_tells_both_amounts_and_no_identity() -> None:
    found = sheet(members(jjin="70000"), ours=Ours(identity_number="320199000000000000"))
    assert found.warnings[0].text == "医疗费发生金额 79800.00 与基金支付加自付 70009.00 不一致"
    assert "320199" not in "".join(each.text for each in found.warnings)


def test_a_sheet_told_by_telephone_says_what_it_lacks() -> None:
    found = sheet({"alc407sum": "100.00", "alc408sum": "0", "jjin": "100.00", "akc667": "1"})
    assert [(each.text, each.grave) for each in found.warnings] == [("结算单缺少：姓名", False)]
    assert found.adds_up
    assert codes(sheet({})) == ["missing"]


def test_text_is_made_printable() -> None:
    assert plain(" a\u202eb\x00c\r\nd\ufeff") == "abc  d"
    assert plain(None) == ""
    assert [money(Decimal(each)) for each in ("1", "-0.5", "1E+3", "0.1230", "-0.0000")] == [
        "1.00",
        "-0.50",
        "1000.00",
        "0.123",
        "0.00",
    ]


def test_data_for_programs_keeps_what_came_and_what_is_shown() -> None:
    view = sheet_view(sheet(), members())
    assert (view["members"]["ylaccounts"], view["totals"], view["review"]) == (
        "1.2345",
        {"金额": "88.00", "自付金额": "9.00"},
        "reviewed",
    )
    assert view["items"][1]["序号"] == "2"
    assert {"section": "基本信息", "label": "性别", "member": "aac004", "text": "女"} in view["shown"]


def test_models_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValidationError):
        Form.model_validate(form().model_dump() | {"more": 1})
    assert isinstance(form().items, Items)
