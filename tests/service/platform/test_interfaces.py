"""Each of the 143 interfaces over HTTP: a valid call is answered by its contract, a missing member is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.platform.calling import HOSPITAL_METHODS
from adapters.platform.contracts import INTERFACES, Kind, Misfit, Verdict, dumps, read_reply, validate_request
from adapters.platform.contracts.model import Direction, Envelope
from tests.adapters.platform import examples, samples
from tests.adapters.platform.peers import refusal_of
from tests.service.platform.bench import Bench, bench
from tests.service.platform.flows import wire

OPENING = {"20.1.8": "20.1.7", "21.2.3": "21.2.2", "21.2.4": "21.2.2", "24.1.6": "24.1.4", "24.1.7": "24.1.4"}
OPENING |= {"5.1.2": "5.1.1", "5.1.3": "5.1.1", "5.1.4": "5.1.1", "28.1.7": "28.1.6", "29.1.4": "29.1.3"}
OPENING |= {"33.1.5": "33.1.4", "36.1.3": "36.1.2"}
HOSPITAL = [number for number, each in INTERFACES.items() if each.direction is Direction.HOSPITAL]


@pytest.fixture
async def desk() -> AsyncIterator[Bench]:
    async with bench() as made:
        yield made


def test_there_are_143() -> None:
    assert len(HOSPITAL) == 143


async def prepare(desk: Bench, operation: str, body: dict[str, Any]) -> None:
    """Open the visit that a later call goes to, with the same numbers."""
    opening = OPENING.get(operation)
    if opening is None:
        return
    first = samples.request(INTERFACES[opening], full=True)
    here, there = INTERFACES[operation].request.fields, INTERFACES[opening].request.fields
    first |= {name: body[name] for name in first if name in body and here[name].type is there[name].type}
    answer = await desk.post(opening, wire(opening, first))
    assert answer["success"], answer
    given = {name: answer["data"][name] for name in body if name in (answer.get("data") or {})}
    body |= {name: [value] if isinstance(body[name], list) else value for name, value in given.items()}
    if operation == "33.1.5":
        body["outOrderId"] = answer["data"]["hosRecordId"]


@pytest.mark.parametrize("full", [True, False], ids=["full", "required"])
@pytest.mark.parametrize("operation", list(HOSPITAL_METHODS))
async def test_a_valid_call_is_answered(desk: Bench, operation: str, full: bool) -> None:
    method = HOSPITAL_METHODS[operation]
    if method.interface.reply(method.name).envelope is Envelope.BYTES:
        response = await desk.client.get(f"/hospital/{method.name}", params={"dcmId": "D1"})
        assert (response.content, response.headers["content-length"]) == (b"DICM", "4")
        assert response.headers["content-type"] == "application/octet-stream"
        return
    body = samples.request(method.interface, full=full)
    await prepare(desk, operation, body)
    answer = await desk.post(operation, wire(operation, body))
    assert answer["success"], answer
    said = read_reply(method.interface, answer, method.name)
    assert (said.verdict, said.problems) == (Verdict.YES, ())
    if method.interface.kind is not Kind.QUERY:
        again = await desk.post(operation, wire(operation, body))
        assert again == answer
        assert desk.count(operation) == 1


@pytest.mark.parametrize("number", [number for number, _ in examples.requests() if number in HOSPITAL])
async def test_the_documents_own_examples_are_read(desk: Bench, number: str) -> None:
    [example] = [each for name, each in examples.requests() if name == number]
    method = next(each for each in HOSPITAL_METHODS.values() if each.interface.number == number)
    if method.interface.reply(method.name).envelope is Envelope.BYTES:
        return
    answer = await desk.post(method.operation, dumps(example.body).encode())
    checked = validate_request(method.interface, example.body)
    if isinstance(checked, Misfit):
        assert (str(answer["code"]), answer["msg"]) == (checked.code, checked.message)
    else:
        assert str(answer["code"])[:3] != "200", answer


@pytest.mark.parametrize("operation", list(HOSPITAL_METHODS))
async def test_each_missing_member_is_named_and_nothing_is_asked(desk: Bench, operation: str) -> None:
    method = HOSPITAL_METHODS[operation]
    if method.interface.reply(method.name).envelope is Envelope.BYTES:
        answer = (await desk.client.get(f"/hospital/{method.name}")).json()
        assert (answer["code"], answer["msg"]) == ("20001", "缺少参数：dcmId")
        return
    body = wire(operation, samples.request(method.interface, full=True))
    for path in samples.required(method.interface.request):
        contract = method.interface.request
        for part in path:
            contract = contract.fields[part] if part else contract
        if contract.also:
            continue  # it has another spelling, which is there
        answer = await desk.post(operation, samples.without(body, path))
        assert answer["success"] is False
        assert samples.spelt(path) in answer["msg"]
        assert str(answer["code"]) == "20001"
    assert not desk.heard
    assert not await desk.store.visits(_all())


def _all() -> Any:
    from engine.store import VisitFilter

    return VisitFilter()


@pytest.mark.parametrize("code", ["10002", "10003", "40001", "60506", "77777"])
async def test_what_the_his_says_of_a_query_is_handed_back(desk: Bench, code: str) -> None:
    desk.refuses("3.1.1", code, "查无此人")
    answer = await desk.post("3.1.1", wire("3.1.1", samples.request(INTERFACES["3.1.1"], full=True)))
    assert answer["code"] == {"77777": "10003"}.get(code, code)
    assert answer["data"] is None
    if code not in ("40001",):
        assert answer["msg"] == "查无此人"


async def test_a_query_that_is_not_answered_is_busy_and_asked_once(desk: Bench) -> None:
    import httpx

    body = wire("3.1.1", samples.request(INTERFACES["3.1.1"], full=True))
    for error in (httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.Response(502)):
        desk.his("3.1.1", error)
        assert (await desk.post("3.1.1", body))["code"] == "40001"
    assert desk.count("3.1.1") == 3


async def test_unknown_members_of_the_his_do_not_reach_the_platform(desk: Bench) -> None:
    reply = {"success": True, "msg": "", "code": "10001", "data": {"balance": "3", "secret": {"x": 1}}, "trace": "7"}
    desk.his("7.1.1", reply)
    answer = await desk.post("7.1.1", wire("7.1.1", samples.request(INTERFACES["7.1.1"], full=True)))
    assert answer["success"], answer
    assert "secret" not in dumps(answer)
    assert "trace" not in answer


async def test_a_reply_of_the_his_that_does_not_fit_is_a_fault_that_names_members(desk: Bench) -> None:
    desk.his("7.1.1", {"success": True, "msg": "", "code": "10001", "data": {}})
    answer = await desk.post("7.1.1", wire("7.1.1", samples.request(INTERFACES["7.1.1"], full=True)))
    assert answer["code"] in ("10003", "40001")


async def test_an_empty_result_keeps_its_structure(desk: Bench) -> None:
    desk.his("2.1.3", {"success": True, "msg": "", "code": "10001", "data": None})
    answer = await desk.post("2.1.3", wire("2.1.3", samples.request(INTERFACES["2.1.3"], full=True)))
    assert (answer["success"], answer["data"]) == (True, [])


async def test_many_queries_at_once(desk: Bench) -> None:
    body = wire("3.1.1", samples.request(INTERFACES["3.1.1"], full=True))
    answers = await asyncio.gather(*(desk.post("3.1.1", body) for _ in range(40)))
    assert all(each["success"] for each in answers)
    assert refusal_of(HOSPITAL_METHODS["3.1.1"], "10002")["success"] is False
