"""Every required member of every interface is asked for by name; what is built can be read again."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.platform.contracts import (
    INTERFACES,
    Misfit,
    Verdict,
    build_refusal,
    build_reply,
    build_request,
    dumps,
    loads,
    read_reply,
    validate_request,
)
from adapters.platform.contracts.model import Envelope, Field, Interface, Kind, Type
from tests.adapters.platform import samples

EACH = pytest.mark.parametrize("interface", list(INTERFACES.values()), ids=list(INTERFACES))
REQUIRED = [
    pytest.param(each, path, id=f"{each.number}-{samples.spelt(path)}")
    for each in INTERFACES.values()
    for path in samples.required(each.request)
]
ANSWERING = [
    (each, name)
    for each in INTERFACES.values()
    for name, reply in each.replies.items()
    if reply.envelope is not Envelope.BYTES
]
REPLIES = pytest.mark.parametrize(
    ("interface", "name"), ANSWERING, ids=[f"{each.number}{name}" for each, name in ANSWERING]
)
PROMISED = [
    pytest.param(each, name, path, id=f"{each.number}{name}-{samples.spelt(path)}")
    for each, name in ANSWERING
    if (data := each.reply(name).data) is not None
    for path in samples.required(data)
]


def _checked(interface: Interface, body: Any) -> Any:
    return validate_request(interface, loads(dumps(body)))


@EACH
@pytest.mark.parametrize("full", [False, True], ids=["required", "full"])
def test_what_is_built_is_read_again(interface: Interface, full: bool) -> None:
    values = samples.request(interface, full=full)
    assert _checked(interface, build_request(interface, values)) == values


@pytest.mark.parametrize(("interface", "path"), REQUIRED)
def test_a_missing_member_is_named(interface: Interface, path: tuple[str, ...]) -> None:
    values = samples.without(samples.request(interface, full=True), path)
    with pytest.raises(Misfit) as built:
        build_request(interface, values)
    assert (samples.spelt(path), "20001") in {(each.member, each.code) for each in built.value.problems}
    read = validate_request(interface, values)
    assert isinstance(read, Misfit)
    assert (samples.spelt(path), "20001") in {(each.member, each.code) for each in read.problems}
    assert path[-1] in read.message


def test_so_many_are_required() -> None:
    assert len(REQUIRED) == 726
    assert len(PROMISED) == 770


@REPLIES
@pytest.mark.parametrize("full", [False, True], ids=["required", "full"])
def test_a_reply_that_is_built_is_read_again(interface: Interface, name: str, full: bool) -> None:
    contract = interface.reply(name)
    data = samples.value(contract.data, full=full) if contract.data else None
    beside = samples.beside(contract, full=full)
    body = build_reply(interface, data, beside=beside, name=name)
    assert ("data" in body) == (contract.data is not None)
    answer = read_reply(interface, loads(dumps(body)), name)
    assert answer.problems == ()
    assert answer.data == data
    assert answer.beside == beside
    refused = contract.data is not None and contract.data.table == "done"  # the sample says 0
    assert answer.verdict is (Verdict.NO if refused else Verdict.YES)


@pytest.mark.parametrize(("interface", "name", "path"), PROMISED)
def test_a_reply_without_a_promised_member_does_not_leave(
    interface: Interface, name: str, path: tuple[str, ...]
) -> None:
    contract = interface.reply(name)
    assert contract.data is not None
    data = samples.without(samples.value(contract.data, full=True), path)
    where = _below_data(path)
    with pytest.raises(Misfit) as built:
        build_reply(interface, data, beside=samples.beside(contract, full=True), name=name)
    assert where in {each.member for each in built.value.problems}
    body = {"success": True, "code": "10001", "msg": "", "status": 1, "data": data}
    assert where in {each.member for each in read_reply(interface, body, name).problems}


def _below_data(path: tuple[str, ...]) -> str:
    return samples.spelt(("data", *path))


@REPLIES
def test_a_refusal_keeps_the_structure(interface: Interface, name: str) -> None:
    body = build_refusal(interface, "60205", "号源已满", name=name)
    answer = read_reply(interface, loads(dumps(body)), name)
    assert answer.verdict is Verdict.NO
    assert answer.problems == ()
    assert answer.message == "号源已满"
    assert answer.code == ("60205" if interface.reply(name).envelope is Envelope.STANDARD else "")
    assert ("data" in body) == (interface.reply(name).data is not None)


@REPLIES
def test_only_a_question_may_find_nothing(interface: Interface, name: str) -> None:
    contract = interface.reply(name)
    if contract.data is None or contract.data.type is Type.NOTHING:
        return
    beside = samples.beside(contract, full=True)
    if interface.kind is Kind.QUERY:
        assert build_reply(interface, beside=beside, name=name)["data"] in (None, [])
    elif contract.data.required:
        with pytest.raises(Misfit, match="data"):
            build_reply(interface, beside=beside, name=name)


def _money(field: Field) -> list[Field]:
    return [each for each in field.walk() if each.type is Type.MONEY]


@EACH
def test_money_that_is_asked_of_us_is_never_negative(interface: Interface) -> None:
    hospital = interface.path is None
    for each in _money(interface.request):
        assert (each.least == 0) == (hospital or interface.number in ("9.1.1", "9.1.2", "13.2.1", "20.2.2", "21.1.7"))
