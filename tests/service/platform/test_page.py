"""docs/platform-endpoint.md says what the tables and the settings say."""

from __future__ import annotations

import re

import pytest

from service.settings import Settings
from tests.service.platform.endpoint_page import PAGE, PARTS


@pytest.mark.parametrize("part", PARTS)
def test_the_page_is_up_to_date(part: str) -> None:
    shown = re.search(rf"<!-- {part}: begin -->\n(.*)\n<!-- {part}: end -->", PAGE.read_text(encoding="utf-8"), re.S)
    assert shown
    assert shown[1] == "\n".join(PARTS[part]()), "run `python -m tests.service.platform.endpoint_page`"


def test_every_setting_is_explained() -> None:
    text = PAGE.read_text(encoding="utf-8")
    ours = [name for name in Settings.model_fields if name.startswith("platform_")]
    assert len(ours) == 8
    assert all(f"`VISITFLOW_{name.upper()}`" in text for name in ours)
