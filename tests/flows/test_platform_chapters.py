"""The table of chapters in docs/platform.md says what is there, and there is something behind every interface."""

from __future__ import annotations

import re

from adapters.platform.contracts import INTERFACES, Direction
from tests.adapters.platform.test_outcomes import SPOKEN
from tests.flows.platform_chapters import PAGE, PART, callers, rows
from tests.service.platform.test_interfaces import HOSPITAL


def test_the_page_is_up_to_date() -> None:
    shown = re.search(rf"<!-- {PART}: begin -->\n(.*)\n<!-- {PART}: end -->", PAGE.read_text(encoding="utf-8"), re.S)
    assert shown
    assert shown[1] == "\n".join(rows()), "run `python -m tests.flows.platform_chapters`"


def test_it_names_every_interface_once() -> None:
    cells = [line.split(" | ")[2:4] for line in list(rows())[2:]]
    numbers = [each for pair in cells for cell in pair for each in re.findall(r"\d+\.\d+\.\d+", cell)]
    assert sorted(numbers) == sorted(INTERFACES)


def test_the_tests_that_it_speaks_of_are_of_every_interface() -> None:
    platform = {number for number, each in INTERFACES.items() if each.direction is Direction.PLATFORM}
    assert set(HOSPITAL) == set(INTERFACES) - platform
    assert platform <= {operation for _, operation in SPOKEN}
    assert set(callers()) <= platform
