"""docs/platform.md says what the contracts say."""

from __future__ import annotations

import re

import pytest

from tests.adapters.platform_page import PAGE, PARTS


@pytest.mark.parametrize("part", PARTS)
def test_the_page_is_up_to_date(part: str) -> None:
    shown = re.search(rf"<!-- {part}: begin -->\n(.*)\n<!-- {part}: end -->", PAGE.read_text(encoding="utf-8"), re.S)
    assert shown
    assert shown[1] == "\n".join(PARTS[part]()), "run `python -m tests.adapters.platform_page`"
