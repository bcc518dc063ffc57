"""What is received: read however the peer writes it, refused only when it does not say what it must."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from adapters.neimenggu.contracts import Unfit, contracts, read_reply
from adapters.neimenggu.interfaces import INTERFACES


def read(operation: str, **body: Any) -> dict[str, Any]:
    return read_reply(INTERFACES[operation], {"code": 0, "msg": "", **body})


@pytest.mark.parametrize(
    "body",
    [
        {"lc01s": {"lc01": [{"aac001": 5}]}},
        {"lc01s": {"lc01": {"aac001": "5"}}},
        {"lc01s": [{"aac001": Decimal(5)}]},
        {"lc01": [{"aac001": "5", "alc060": None, "ala040": ""}]},
        {"lc01s": {"lc01": [None, {"aac001": "5"}, ""]}},
    ],
)
def test_one_row_however_it_is_written(body: dict[str, Any]) -> None:
    assert read("find_injuries", counts="1", **body) == {"counts": 1, "lc01": [{"aac001": "5"}]}


@pytest.mark.parametrize("nothing", [None, "", " ", [], {}, {"lc01": None}, {"lc01": ""}, {"lc01": []}])
def test_no_rows_however_they_are_written(nothing: Any) -> None:
    assert read("find_injuries", counts=0, lc01s=nothing) == {"counts": 0, "lc01": []}
    assert read("find_injuries") == {"lc01": []}


def test_a_wrapper_without_its_list_is_not_an_empty_list() -> None:
    """A probe that reads "no such stay" out of an unknown shape would have it registered twice."""
    with pytest.raises(Unfit) as error:
        read("list_stays", detailcolls={"detaildata2": [{"akc190": "1"}]})
    assert error.value.fields == ("detailData",)


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("find_injuries", "lc01"),
        ("find_treatments", "lkb7"),
        ("search_treatments", "lkb7"),
        ("find_reports", "ldc1"),
        ("search_reports", "ldch"),
        ("list_stays", "detailData"),
        ("find_offsite_filings", "Bs001Gets"),
    ],
)
def test_lists_stand_under_their_innermost_name(operation: str, name: str) -> None:
    member = next(each for each in contracts()[operation].reply.members if each.name == name)
    row = {"akc190": "1"}
    body = {member.within: {name: row}} if member.within else {name: row}
    assert read(operation, **body)[name] == [row]


def test_a_settlement_sheet() -> None:
    sheet = {"alc407sum": "798.0", "jjin": 798, "alc408sum": "0E-4", "akc667": 1, "neu": "x"}
    items = {"kc22dtos": {"kc22dto": {"alc403": "片", "alc408": "0,5"}}}
    with pytest.raises(Unfit) as error:
        read("settlement_sheet", kc21dto=sheet | items)
    assert error.value.fields == ("kc21dto.kc22dto.0.alc408",)
    items["kc22dtos"]["kc22dto"]["alc408"] = ".5"
    assert read("settlement_sheet", kc21dto=sheet | items)["kc21dto"] == {
        "alc407sum": Decimal("798.0"),
        "jjin": Decimal(798),
        "alc408sum": Decimal(0),
        "akc667": "1",
        "neu": "x",
        "kc22dto": [{"alc403": "片", "alc408": Decimal("0.5")}],
    }


def test_fees_approved() -> None:
    body = {"akc190": "1", "alc407": Decimal("399.0"), "collections": {"collection": {"aka063": "01", "alc407": 399}}}
    assert read("approve_fees", **body) == {
        "akc190": "1",
        "alc407": Decimal("399.0"),
        "collection": [{"aka063": "01", "alc407": Decimal(399)}],
    }


@pytest.mark.parametrize("operation", ["upload_lines", "upload_offsite_lines"])
@pytest.mark.parametrize("body", [{"counts": 2}, {"count": "2"}, {"counts": Decimal("2.0")}])
def test_the_number_of_saved_rows_under_either_name(operation: str, body: dict[str, Any]) -> None:
    assert read(operation, **body) == {"counts": 2}


@pytest.mark.parametrize("wrong", ["zwei", "-1", "1.5", [1], True, 2.0])
def test_a_number_of_saved_rows_that_is_none_is_not_believed(wrong: Any) -> None:
    with pytest.raises(Unfit):
        read("upload_lines", counts=wrong)


def test_the_envelope_stays_with_the_adapter_and_new_members_are_kept() -> None:
    assert read("register", sessionid="8280", neu={"a": 1}) == {"neu": {"a": 1}}
    body = {"resCode": "0", "resMsg": "", "aac147": 1, "aac003": "x"}
    assert read_reply(INTERFACES["read_offsite_card"], body) == {"aac147": "1", "aac003": "x"}
    assert read("log_in", sessionid=8280) == {"sessionid": "8280"}


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        ("log_in", "sessionid"),
        ("approve_fees", "alc407"),
        ("settlement_sheet", "kc21dto"),
        ("check_card", "result"),
        ("drug_share", "alc407sum"),
        ("check_qr_code", "aac002"),
    ],
)
@pytest.mark.parametrize("nothing", [None, "", {}])
def test_what_a_reply_must_say(operation: str, field: str, nothing: Any) -> None:
    with pytest.raises(Unfit) as error:
        read(operation, **{field: nothing})
    assert field in error.value.fields


@pytest.mark.parametrize("body", [None, [], "x", 1, True])
def test_a_reply_that_is_no_object(body: object) -> None:
    with pytest.raises(Unfit):
        read_reply(INTERFACES["register"], body)


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.decimals() | some.floats() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted(
    {
        name
        for contract in contracts().values()
        for member in contract.reply.members
        for name in (member.name, member.within, member.also)
        if name
    }
)


@given(some.sampled_from(sorted(INTERFACES)), JSON | some.dictionaries(some.sampled_from(NAMES), JSON, max_size=4))
def test_any_json_is_read_or_unfit(operation: str, body: object) -> None:
    try:
        found = read_reply(INTERFACES[operation], body)
    except Unfit as unfit:
        assert unfit.fields
    else:
        lists = [each.name for each in contracts()[operation].reply.members if each.kind == "list"]
        assert all(isinstance(found[name], list) for name in lists)
