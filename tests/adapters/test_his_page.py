"""docs/his.md says what the data files say."""

from __future__ import annotations

import pytest

from tests.adapters.his_page import PAGE, PARTS


@pytest.mark.parametrize("part", list(PARTS))
def test_the_page_is_up_to_date(part: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = text.partition(f"<!-- {part}: begin -->\n")[2].partition(f"\n<!-- {part}: end -->")[0]
    assert shown.split("\n") == list(PARTS[part]()), "run python -m tests.adapters.his_page"
