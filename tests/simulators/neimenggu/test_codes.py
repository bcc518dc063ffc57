"""Every rule and every code once, and that no code of the tables is left out."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.neimenggu import view
from simulators.neimenggu.data import ERRORS
from simulators.neimenggu.dialects import DIALECTS
from simulators.neimenggu.office import Asked
from tests.simulators.neimenggu.cases import SUBJECTS, Case
from tests.simulators.neimenggu.desk import Desk

_ALL = [
    pytest.param(case, id=f"{subject}-{number}-{case[0]}")
    for subject, cases in SUBJECTS.items()
    for number, case in enumerate(cases)
]


@pytest.mark.parametrize("case", _ALL)
def test_the_centre_answers_with_the_code_of_the_rule(desk: Desk, case: Case) -> None:
    code, way = case
    watch(desk)

    assert way(desk) == code


def watch(desk: Desk) -> None:
    """From now on a refusal that changes something fails the test."""
    run = desk.office.run

    def watched(asked: Asked) -> dict[str, Any]:
        before = _books(desk)
        answer = run(asked)
        assert answer["code"] == 0 or _books(desk) == before
        return answer

    desk.office.run = watched  # type: ignore[method-assign]


def _books(desk: Desk) -> dict[str, Any]:
    books = view.ledger(desk.centre, {})
    del books["requests"]
    return books


def test_every_code_of_the_rules_is_reached() -> None:
    reached = {code for cases in SUBJECTS.values() for code, _way in cases}
    ruled = {code for dialect in DIALECTS.values() for rules in dialect.codes.values() for code in rules.values()}

    assert ruled - reached == set()


def test_every_code_of_the_rules_is_in_the_document() -> None:
    ruled = {code for dialect in DIALECTS.values() for rules in dialect.codes.values() for code in rules.values()}

    assert ruled - set(ERRORS) == set()
