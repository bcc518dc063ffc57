"""Each of the 143 interfaces over HTTP: a valid call is answered by its contract, a missing member is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import structlog

from adapters.platform.calling import HOSPITAL_METHODS
from adapters.platform.contracts import INTERFACES, Kind, Misfit, Verdict, dumps, read_reply, validate_request
from adapters.platform.contracts.model import Direction, Envelope, Field, Type
from tests.adapters.platform import examples, samples
from tests.adapters.platform.peers import refusal_of, reply_of
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


QUERIES = [
    operation
    for operation, method in HOSPITAL_METHODS.items()
    if method.interface.kind is Kind.QUERY
    and operation not in ("13.1.1", "5.1.6")  # a bad answer to these is "nonrefundable", see test_refunds
    and method.interface.reply(method.name).envelope is not Envelope.BYTES
]


def unfit_replies(operation: str) -> list[tuple[dict[str, Any], str]]:
    """Replies of the HIS that say yes and miss one required member each, with how that member is told."""
    method = HOSPITAL_METHODS[operation]
    contract = method.interface.reply(method.name)
    whole = reply_of(method)
    said = [(path, contract.beside) for path in samples.required(Field("", Type.OBJECT, fields=contract.beside))]
    if contract.data is not None and whole.get("data") is not None:
        said += [(("data", *path), {"data": contract.data}) for path in samples.required(contract.data)]
    found = []
    for path, fields in said:
        last = Field("", Type.OBJECT, fields=fields)
        for part in path:
            last = last.fields[part] if part else last
        if last.also:
            continue  # it has another spelling, which is there
        there = path[:1] + path[2:] if path[1:2] == ("",) and isinstance(whole["data"], dict) else path  # 19.2: one row
        found.append((samples.without(whole, there), samples.spelt(path)))
    return found


@pytest.mark.parametrize("operation", QUERIES)
async def test_a_reply_of_the_his_that_does_not_fit_is_a_fault_that_names_members(desk: Bench, operation: str) -> None:
    body = wire(operation, samples.request(HOSPITAL_METHODS[operation].interface, full=True))
    for reply, member in unfit_replies(operation):
        desk.his(operation, reply)
        with structlog.testing.capture_logs() as logs:
            answer = await desk.post(operation, body)
        assert (answer["success"], str(answer["code"])) == (False, "10003"), (member, answer)
        assert member in answer["msg"]
        assert answer["msg"].startswith("院内返回的数据不符合接口规范：")
        [told] = [each for each in logs if each["event"] == "platform_reply_unfit"]
        assert member in told["members"]


def test_most_queries_have_a_member_to_miss() -> None:
    assert sum(len(unfit_replies(operation)) for operation in QUERIES) > 600


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"<html>", "10003"),
        (b"[]", "10003"),
        ({"success": True, "msg": "", "code": "60506", "data": None}, "10003"),
        ({"success": True, "msg": "", "code": "10001", "data": {"balance": "much"}}, "10003"),
        (httpx.Response(500, content=b"{}"), "40001"),
        (httpx.ReadError("x"), "40001"),
    ],
)
async def test_no_answer_is_busy_and_a_bad_answer_is_a_fault(desk: Bench, said: Any, code: str) -> None:
    desk.his("7.1.1", httpx.Response(200, content=said) if isinstance(said, bytes) else said)
    answer = await desk.post("7.1.1", wire("7.1.1", samples.request(INTERFACES["7.1.1"], full=True)))
    assert str(answer["code"]) == code
    assert "much" not in answer["msg"]


async def test_an_empty_result_keeps_its_structure(desk: Bench) -> None:
    desk.his("2.1.3", {"success": True, "msg": "", "code": "10001", "data": None})
    answer = await desk.post("2.1.3", wire("2.1.3", samples.request(INTERFACES["2.1.3"], full=True)))
    assert (answer["success"], answer["data"]) == (True, [])


async def test_many_queries_at_once(desk: Bench) -> None:
    body = wire("3.1.1", samples.request(INTERFACES["3.1.1"], full=True))
    answers = await asyncio.gather(*(desk.post("3.1.1", body) for _ in range(40)))
    assert all(each["success"] for each in answers)
    assert refusal_of(HOSPITAL_METHODS["3.1.1"], "10002")["success"] is False
