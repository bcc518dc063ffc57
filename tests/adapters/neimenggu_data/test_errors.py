"""The error table: complete against the document's counts, and what each row says about whether a call took effect."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from adapters.neimenggu.errors import UNKNOWN, Kind, Meaning, error_groups, meaning
from adapters.neimenggu.interfaces import INTERFACES
from engine.outcomes import Category

#: 002, 5.2: rows of each group in the document's order; group 29 stands there twice.
ROWS = [9, 6, 7, 2, 21, 8, 8, 39, 6, 5, 26, 3, 4, 4, 10, 1, 21, 6, 2, 7, 4, 1, 3, 4, 24, 5, 5, 41, 29, 4]
#: Of "code text" lines, taken from the document's rows when the file was written: a slip of the hand shows.
DIGEST = "f17cfa6c377e996c"


def test_all_315_rows_stand_there() -> None:
    groups = error_groups()
    assert [len(group.rows) for group in groups] == ROWS
    assert sum(ROWS) == 315
    assert [group.number for group in groups] == [str(number) for number in (*range(1, 30), 29)]
    lines = "\n".join(f"{row.code} {row.meaning.zh}" for group in groups for row in group.rows)
    assert hashlib.sha256(lines.encode()).hexdigest()[:16] == DIGEST
    counted = Counter(row.code for group in groups for row in group.rows)
    assert {code for code, count in counted.items() if count > 1} == {"170001", "180005"}


def test_every_row_has_words_in_both_languages_and_operations_that_exist() -> None:
    for group in error_groups():
        for row in group.rows:
            assert row.meaning.zh, row.code
            assert row.meaning.en, row.code
            assert row.operations <= {*INTERFACES, "*"}


#: The domain page, chapter 7, row by row: the operation that gets the code, the code, what follows.
CHAPTER_7 = [
    *(("upload_lines", code, Kind.RELOGIN, None) for code in (11004, 11005, 11006, 21006)),
    *(("log_in", code, Kind.LOGIN_CONFLICT, None) for code in (21003, 31004)),
    *(("log_in", code, Kind.REFUSED, Category.CREDENTIALS) for code in (21001, 21002, 21004, 21005)),
    *(("log_out", code, Kind.REFUSED, Category.CREDENTIALS) for code in (31002, 31003, 31005, 31006)),
    *(("leave", code, Kind.RETRY_LATER, None) for code in (110021, 220003)),
    *(("register", code, Kind.IN_DOUBT, None) for code in (99999, 1004, 51016, 61009, 81019, 110024, 310023, 330021)),
    *(("leave_offsite", code, Kind.IN_DOUBT, None) for code in (330041, *range(350018, 350026), 350027, 990008)),
    ("register", 51014, Kind.REFUSED, Category.ALREADY_DONE),
    ("approve_fees", 91005, Kind.REFUSED, Category.ALREADY_DONE),
    ("leave", 110010, Kind.REFUSED, Category.ALREADY_DONE),
    ("register_offsite", 310020, Kind.REFUSED, Category.ALREADY_DONE),
    ("leave_offsite", 350011, Kind.REFUSED, Category.ALREADY_DONE),
    ("cancel_leave", 120002, Kind.REFUSED, Category.NOTHING_TO_UNDO),
    ("cancel_lines", 130004, Kind.REFUSED, Category.NOTHING_TO_UNDO),
    ("cancel_offsite_lines", 340004, Kind.REFUSED, Category.NOTHING_TO_UNDO),
    ("cancel_offsite_leave", 360004, Kind.REFUSED, Category.NOTHING_TO_UNDO),
    ("log_out", 31001, Kind.REFUSED, Category.NOTHING_TO_UNDO),
    ("log_out", 31007, Kind.REFUSED, Category.NOTHING_TO_UNDO),
    *(("leave", code, Kind.REFUSED, Category.ORDER) for code in (51013, 61005, 61006, 81005, 91004, 110008, 110020)),
    *(("leave_offsite", code, Kind.REFUSED, Category.ORDER) for code in (130001, 320004, 330005, 340001, 350012)),
    *(("leave_offsite", code, Kind.REFUSED, Category.ORDER) for code in (350014, 310019)),
    *(("register", code, Kind.REFUSED, Category.BUSINESS) for code in (51017, 81007, 120003, 310017, 310018)),
    *(("cancel_lines", code, Kind.REFUSED, Category.BUSINESS) for code in (320003, 340005, 360003)),
    *(("leave", code, Kind.REFUSED, Category.DATA) for code in (110025, 350026, *range(81020, 81025), 51003, 11002)),
    *(("upload_lines", code, Kind.REFUSED, Category.MAINTENANCE) for code in (81028, 81036, 110022, 990009)),
    *(("upload_offsite_lines", code, Kind.REFUSED, Category.MAINTENANCE) for code in (330030, 330038, 350013, 330039)),
    *(("list_stays", code, Kind.REFUSED, Category.NOT_FOUND) for code in (190002, 230003, 240002, 300004, 81001)),
    ("leave", 110009, Kind.REFUSED, Category.NOT_FOUND),
    ("leave", 0, Kind.OK, None),
]


@pytest.mark.parametrize(("operation", "code", "kind", "category"), CHAPTER_7)
def test_what_the_domain_page_says_of_a_code(operation: str, code: int, kind: Kind, category: Category | None) -> None:
    for written in (code, str(code), f" {code} "):
        found = meaning(operation, written)
        assert found.kind is kind
        assert category is None or found.category is category


def test_a_fault_while_saving_is_never_a_refusal() -> None:
    """Such a code says that something was under way (chapter 7: in doubt)."""
    faults = [row for group in error_groups() for row in group.rows if "保存失败" in row.meaning.zh]
    assert len(faults) == 17
    assert {row.meaning.kind for row in faults} == {Kind.IN_DOUBT}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Q180005-该人员存在未同步继续治疗申请撤销操作,请稍后再试!", Kind.RETRY_LATER),
        ("该人员存在未同步继续治疗申请撤销操作，请稍后再试！", Kind.RETRY_LATER),
        ("Q180005-该人员已经已经撤销申请,请等候!", Kind.REFUSED),
        ("", Kind.IN_DOUBT),
        ("something else", Kind.IN_DOUBT),
        (None, Kind.IN_DOUBT),
    ],
)
def test_a_code_that_means_two_things_is_told_by_its_text(text: str | None, kind: Kind) -> None:
    assert meaning("register", 180005, text).kind is kind


def test_both_meanings_of_170001_are_bad_data() -> None:
    assert meaning("register", 170001, "P170001-申请信息整体不能为空!").zh == "P170001-申请信息整体不能为空!"
    assert meaning("register", 170001, "").category is Category.DATA


@pytest.mark.parametrize("code", [7, "", "00", "-1", "51o14", None, True, False, 0.0, [], {}, 10**400])
def test_a_code_that_is_in_no_row_is_in_doubt(code: object) -> None:
    assert meaning("register", code) is UNKNOWN
    assert UNKNOWN.kind is Kind.IN_DOUBT


def test_another_operations_goal_is_not_this_ones() -> None:
    """ "Discharged already" as the answer to an upload does not say that the lines are there (N21)."""
    assert meaning("upload_lines", 110010).category is Category.BUSINESS
    assert meaning("cancel_registration", 120002).category is Category.BUSINESS
    assert meaning("cancel_registration", 61001).category is Category.BUSINESS


@given(some.sampled_from(sorted(INTERFACES)), some.integers() | some.text() | some.none() | some.floats(), some.text())
def test_any_answer_has_a_meaning(operation: str, code: object, text: str) -> None:
    assert isinstance(meaning(operation, code, text), Meaning)
