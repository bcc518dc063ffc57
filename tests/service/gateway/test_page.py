"""docs/gateway.md lists every code of the table. Renew it with python -m tests.service.gateway.test_page."""

from __future__ import annotations

from adapters.jiangsu.errors import error_table
from service.gateway.envelope import _table, words
from tests.jiangsu import ROOT
from tests.page import renew

PAGE = ROOT / "docs" / "gateway.md"


CENTRES = "| 3001-3999 | the centre's words | refused, nothing happened; the three members of 000 say which and why |"


def rows() -> list[str]:
    own = [f"| {each['code']} | {each['zh']} | {each['means']} |" for each in _table()["codes"]]
    return ["| code | text | what the front end may rely on |", "| --- | --- | --- |", *own, CENTRES]


def test_the_page_lists_every_code() -> None:
    listed = PAGE.read_text("utf-8").partition("<!-- codes: begin -->")[2].partition("<!-- codes: end -->")[0]
    assert listed.strip().splitlines() == rows()


def test_refusals_that_we_know_beforehand_are_the_centres() -> None:
    ours = {"2209002", "2209003", "2204002"}
    for row in _table()["refusals"].values():
        assert 3000 < row["code"] < 4000
        assert row["business"] in error_table().business or row["business"] in ours


def test_codes_lie_in_the_ranges_of_000() -> None:
    assert all(1000 <= code < 1100 or 2000 <= code <= 3000 for code in words())
    assert {1002, 1005} <= set(words())


if __name__ == "__main__":
    renew(PAGE, "codes", rows())
