"""The document's own examples fit the contracts, apart from what is marked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from adapters.platform.contracts import INTERFACES, Misfit, Verdict, loads, read_reply, validate_request
from adapters.platform.contracts.members import spread
from adapters.platform.contracts.model import Field
from tests import people
from tests.adapters.platform.examples import FOLDER, Example, replies, requests

REQUESTS = [pytest.param(number, example, id=number) for number, example in requests()]
REPLIES = [pytest.param(number, name, example, id=f"{number}{name}") for number, name, example in replies()]
#: Members that only one example has, or that belong to no interface at all.
STRANGE = {"20.1.5": Verdict.NO}


def test_each_interface_has_its_examples() -> None:
    assert [number for number, _ in requests()] == [number for number in INTERFACES if number != "16.1.4"]
    assert {number for number, _, _ in replies()} == set(INTERFACES) - {"16.1.4"}


@pytest.mark.parametrize(("number", "example"), REQUESTS)
def test_a_request_fits(number: str, example: Example) -> None:
    _printed(example)
    checked = validate_request(INTERFACES[number], example.body)
    problems = {each.member: each.code for each in checked.problems} if isinstance(checked, Misfit) else {}
    assert problems == example.problems
    assert not list(_strange(example.body, INTERFACES[number].request))


@pytest.mark.parametrize(("number", "name", "example"), REPLIES)
def test_a_reply_can_be_read(number: str, name: str, example: Example) -> None:
    _printed(example)
    interface = INTERFACES[number]
    answer = read_reply(interface, example.body, name)
    assert answer.verdict is STRANGE.get(number, Verdict.YES)
    assert {each.member: each.code for each in answer.problems} == example.problems
    contract = interface.reply(name)
    assert set(answer.beside) == set(contract.beside)
    if contract.data is not None and contract.data.compound:
        assert answer.data
        assert not list(_strange(example.body.get("data") or example.body.get("data "), contract.data))


def _printed(example: Example) -> None:
    if not example.invalid:
        loads(example.text)
        assert not example.repaired
        return
    with pytest.raises(ValueError, match=r".*"):
        loads(example.text)
    loads(example.repaired)


def _strange(body: Any, field: Field) -> Any:
    """Return the members that the contract does not know, at any depth."""
    for each in body if isinstance(body, list) else [body]:
        if not isinstance(each, Mapping):
            continue
        known, others = spread(each, field.fields)
        yield from others
        for name, value in known.items():
            yield from _strange(value, field.fields[name])


def _text() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yaml")))


def test_no_real_persons_number_is_kept() -> None:
    for number in re.findall(r"(?<!\d)(\d{17}[\dXx])(?!\d)", _text()):
        valid = people.check_digit(number[:17]) == number[17].upper()
        assert not valid or number.startswith(people.REGION)
    assert not re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)", _text())


def test_the_check_would_find_one() -> None:
    number = people.identity_number(1)
    assert people.check_digit(number[:17]) == number[17]
