"""Every kind of answer of 003, from either side, and what it is taken for (G8). Assumptions P40-P45."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.hospital import HospitalPort, KeyedHospitalPort
from adapters.platform import PlatformClient
from adapters.platform.calling import HOSPITAL_METHODS, PLATFORM_METHODS, Method, operation_of
from adapters.platform.contracts import INTERFACES, RETURN_CODES, Kind, loads
from adapters.platform.contracts.codes import REFUNDS
from adapters.platform.contracts.model import Envelope, Type
from adapters.platform.peer import ROWS
from adapters.platform.verdicts import DATA_NO, MESSAGE_NO, STATUS_NO
from engine.outcomes import Busy, Category, Done, Effect, InDoubt, NotSent, Refused
from tests import people
from tests.adapters.platform import samples
from tests.adapters.platform.peers import Adapter, Peer, json, refusal_of, reply_of, request_of

SIDES = [(PlatformClient, name) for name in PLATFORM_METHODS] + [(HospitalPort, name) for name in HOSPITAL_METHODS]
BYTES = "16.1.4"
SPOKEN = [each for each in SIDES if each[1] != BYTES]
#: One of each kind of call: a read and a write at either side, and a refund.
FEW: list[tuple[type[Adapter], str]] = [
    (PlatformClient, "14.1.3"),
    (PlatformClient, "20.2.1"),
    (PlatformClient, "13.2.1"),
    (HospitalPort, "3.1.1"),
    (HospitalPort, "3.1.2"),
]


def method_of(side: type[Adapter], operation: str) -> Method:
    return (PLATFORM_METHODS if side is PlatformClient else HOSPITAL_METHODS)[operation]


def reads(side: type[Adapter], operation: str) -> bool:
    return side.operations[operation].effect is Effect.READ


# -- the tables
def test_every_interface_is_an_operation_of_one_side() -> None:
    assert len(PLATFORM_METHODS) == 45
    assert {each.interface.number for each in HOSPITAL_METHODS.values()} | set(PLATFORM_METHODS) == set(INTERFACES)
    assert len(HOSPITAL_METHODS) == 145  # 143, two of which have two methods
    assert operation_of(INTERFACES["16.1.1"], "hospital.interface.pacsReport") == "16.1.1:pacsReport"
    assert len({each.name for each in HOSPITAL_METHODS.values()}) == 145


def test_effects() -> None:
    platform = {name: each.effect for name, each in PlatformClient.operations.items()}
    assert {name for name, effect in platform.items() if effect is Effect.READ} == {
        each.interface.number for each in PLATFORM_METHODS.values() if each.interface.kind is Kind.QUERY
    }
    assert all(platform[number] is Effect.KEYED for number in REFUNDS)
    for number, each in PLATFORM_METHODS.items():
        if each.interface.kind is Kind.NOTIFY:
            assert platform[number] is Effect.ONCE, number
    assert platform["1.3.2"] is Effect.ONCE
    for name, each in HOSPITAL_METHODS.items():
        read = each.interface.kind is Kind.QUERY
        assert HospitalPort.operations[name].effect is (Effect.READ if read else Effect.ONCE)
        keyed = Effect.KEYED if each.interface.key else Effect.ONCE
        assert KeyedHospitalPort.operations[name].effect is (Effect.READ if read else keyed)


def test_the_table_of_effects_names_every_write_once() -> None:
    from adapters.platform.calling import _raw

    table = _raw()["platform"]
    writes = {name for name, each in PLATFORM_METHODS.items() if each.interface.kind is not Kind.QUERY}
    assert set(table["keyed"]) | set(table["once"]) == writes
    assert not set(table["keyed"]) & set(table["once"])
    codes = [code for each in _raw()["categories"].values() for code in each]
    assert set(codes) <= set(RETURN_CODES)
    assert len(codes) == len(set(codes))
    assert set(_raw()["names"]) == {
        n for n, each in INTERFACES.items() if not each.names and each.direction.value == "hospital"
    }


# -- what is sent, and a good answer
@pytest.mark.parametrize(("side", "operation"), SPOKEN, ids=lambda each: getattr(each, "name", each))
async def test_a_good_reply_is_done(side: type[Adapter], operation: str) -> None:
    method = method_of(side, operation)
    peer = Peer(json(reply_of(method)), adapter_class=side)
    outcome = await peer.call(operation)
    assert isinstance(outcome, Done), outcome
    (asked,) = peer.asked
    assert asked.method == "POST"
    assert asked.headers["content-type"] == "application/Json;charset=UTF-8"
    path = method.interface.path.lstrip("/") if method.interface.path else method.name
    assert asked.url.path == f"/{path}"
    assert set(outcome.reply) == {"data", *method.interface.reply(method.name).beside}
    assert outcome.exchange is not None
    assert outcome.exchange.request == asked.content


async def test_amounts_are_decimals_in_and_out() -> None:
    reply = {"success": True, "msg": "", "code": 10001, "data": {"outRefundId": "R1", "balance": "23.5"}}
    peer = Peer(json(reply), adapter_class=HospitalPort)
    request = request_of(HOSPITAL_METHODS["8.1.2"]) | {"refunAmount": Decimal("7")}
    outcome = await peer.call("8.1.2", request)
    assert isinstance(outcome, Done)
    assert outcome.reply["data"] == {"outRefundId": "R1", "balance": Decimal("23.50")}
    assert loads(peer.asked[0].content)["refunAmount"] in ("7.00", Decimal("7.00"))


async def test_a_list_goes_out_as_a_list() -> None:
    method = PLATFORM_METHODS["21.1.6"]
    peer = Peer(json(reply_of(method)))
    assert isinstance(await peer.call("21.1.6"), Done)
    assert isinstance(loads(peer.asked[0].content), list)
    outcome = await Peer(json(reply_of(method))).call("21.1.6", {"recordId": "1"})
    assert isinstance(outcome, Refused)
    assert "rows" in outcome.message


@pytest.mark.parametrize(("double", "path"), [(False, b"/front/prefront/"), (True, b"/front//prefront/")])
@pytest.mark.parametrize("operation", ["13.2.1", "20.2.2"])  # printed without and with a slash before it
async def test_paths_are_joined_as_the_site_says(operation: str, double: bool, path: bytes) -> None:
    settings = {"url": "http://10.1.1.1:8080/front/", "double_slash": double}
    peer = Peer(json(reply_of(PLATFORM_METHODS[operation])), settings)
    await peer.call(operation)
    assert peer.asked[0].url.raw_path.startswith(path)
    assert b"//" not in peer.asked[0].url.raw_path.removeprefix(path)


async def test_the_hospitals_id_is_filled_in_where_the_contract_has_one() -> None:
    peer = Peer(json(reply_of(PLATFORM_METHODS["11.2.1"])), {"hospital_id": "1001"})
    request = request_of(PLATFORM_METHODS["11.2.1"])
    del request["hospitalId"]
    assert isinstance(await peer.call("11.2.1", request), Done)
    assert str(loads(peer.asked[0].content)["hospitalId"]) == "1001"
    refund = Peer(json(reply_of(PLATFORM_METHODS["13.2.1"])), {"hospital_id": "1001"})
    assert isinstance(await refund.call("13.2.1"), Done)
    assert "hospitalId" not in loads(refund.asked[0].content)


async def test_the_header_that_lets_us_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {"authorization_variable": "PLATFORM_SECRET", "authorization_header": "X-Key"}
    outcome = await Peer(json(reply_of(PLATFORM_METHODS["13.2.1"])), settings).call("13.2.1")
    assert isinstance(outcome, NotSent)
    assert "PLATFORM_SECRET" in outcome.reason
    monkeypatch.setenv("PLATFORM_SECRET", "s3cret")
    peer = Peer(json(reply_of(PLATFORM_METHODS["13.2.1"])), settings)
    assert isinstance(await peer.call("13.2.1"), Done)
    assert peer.asked[0].headers["x-key"] == "s3cret"
    monkeypatch.setenv("PLATFORM_SECRET", "半")
    assert isinstance(await Peer(json({}), settings).call("13.2.1"), NotSent)


@pytest.mark.parametrize(("side", "operation"), FEW, ids=str)
async def test_what_does_not_fit_does_not_leave(side: type[Adapter], operation: str) -> None:
    peer = Peer(json({}), adapter_class=side)
    outcome = await peer.call(operation, {"surprise": "1"})
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.category) == ("contract", Category.DATA)
    assert "surprise" in outcome.message
    assert not peer.asked


@pytest.mark.parametrize(("side", "operation"), SPOKEN, ids=lambda each: getattr(each, "name", each))
async def test_without_a_required_member_nothing_leaves_and_it_is_named(side: type[Adapter], operation: str) -> None:
    contract = method_of(side, operation).interface.request
    peer = Peer(json({}), adapter_class=side)
    whole = samples.request(method_of(side, operation).interface, full=True)
    for path in samples.required(contract):
        body = samples.without(whole, path)
        outcome = await peer.call(operation, {ROWS: body} if isinstance(body, list) else body)
        assert isinstance(outcome, Refused), path
        assert (outcome.code, outcome.category) == ("contract", Category.DATA)
        assert samples.spelt(path) in outcome.message
    assert not peer.asked


@pytest.mark.parametrize(("side", "operation"), FEW, ids=str)
async def test_the_guard_is_asked(side: type[Adapter], operation: str) -> None:
    peer = Peer(json({}), adapter_class=side)
    assert isinstance(await peer.call(operation, guard=lambda: False), NotSent)
    assert not peer.asked


# -- codes
@pytest.mark.parametrize("code", [*RETURN_CODES, "77777", ""])
@pytest.mark.parametrize(("side", "operation"), FEW, ids=str)
async def test_every_code(side: type[Adapter], operation: str, code: str) -> None:
    if code == "10001":
        return
    method = method_of(side, operation)
    outcome = await Peer(json(refusal_of(method, code)), adapter_class=side).call(operation)
    read, refund = reads(side, operation), operation in REFUNDS
    if code in ("40001", "40004"):
        assert isinstance(outcome, Busy)
        assert outcome.retry_after > 0
    elif not read and (code in ("10003", "30001", "90001", "77777", "") or (refund and code == "10002")):
        assert isinstance(outcome, InDoubt), outcome
    else:
        assert isinstance(outcome, Refused), outcome
        assert outcome.code == (code or "(none)")
        expected = {
            "20001": Category.DATA,
            "20215": Category.NOT_FOUND,
            "50001": Category.CREDENTIALS,
            "40003": Category.MAINTENANCE,
            "60102": Category.NOT_FOUND,
            "60303": Category.LATER,
            "60701": Category.ALREADY_DONE,
            "60205": Category.BUSINESS,
            "10002": Category.NOT_FOUND if read else Category.BUSINESS,
            "10003": Category.LATER,
        }
        assert outcome.category is expected.get(code, outcome.category)
    assert outcome.exchange is not None


@pytest.mark.parametrize(("side", "operation"), SPOKEN, ids=lambda each: getattr(each, "name", each))
async def test_an_explicit_no_is_a_refusal_everywhere(side: type[Adapter], operation: str) -> None:
    method = method_of(side, operation)
    outcome = await Peer(json(refusal_of(method, "20003")), adapter_class=side).call(operation)
    assert isinstance(outcome, Refused), outcome
    by_envelope = {Envelope.STATUS: STATUS_NO, Envelope.MESSAGE: MESSAGE_NO}
    assert outcome.code == by_envelope.get(method.interface.reply(method.name).envelope, "20003")


DONE_TABLES = [
    (side, name)
    for side, name in SPOKEN
    if (data := method_of(side, name).interface.reply().data) is not None and data.table == "done"
]


@pytest.mark.parametrize(("side", "operation"), DONE_TABLES, ids=str)
async def test_success_with_data_zero_is_a_refusal(side: type[Adapter], operation: str) -> None:
    reply = reply_of(method_of(side, operation)) | {"data": "0"}
    outcome = await Peer(json(reply), adapter_class=side).call(operation)
    assert isinstance(outcome, Refused)
    assert outcome.code == DATA_NO
    unread = await Peer(json(reply | {"data": "7"}), adapter_class=side).call(operation)
    assert isinstance(unread, InDoubt)


@pytest.mark.parametrize(("side", "operation"), FEW, ids=str)
@pytest.mark.parametrize(
    "reply",
    [
        {"success": True, "code": "10003", "data": {}},
        {"success": False, "code": "10001", "data": {}},
        {"success": True},
        {"code": "10001"},
        {},
        [],
        "10001",
        b"",
        b"<html>",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        {"success": True, "code": "10001"},
        {"success": True, "code": "10001", "data": {"amount": "x"}},
    ],
    ids=lambda each: str(each)[:40],
)
async def test_what_contradicts_itself_or_cannot_be_read_is_in_doubt(
    side: type[Adapter], operation: str, reply: Any
) -> None:
    if operation == "20.2.1" and reply in ({"success": True, "code": "10001"},):
        return  # it has no data: that is a success
    if operation == "20.2.1" and isinstance(reply, dict) and reply.get("data") == {"amount": "x"}:
        return
    outcome = await Peer(json(reply), adapter_class=side).call(operation)
    assert isinstance(outcome, InDoubt), outcome


@pytest.mark.parametrize(("side", "operation"), FEW, ids=str)
@pytest.mark.parametrize("status", [204, 301, 400, 404, 500, 502])
async def test_another_status_is_in_doubt(side: type[Adapter], operation: str, status: int) -> None:
    reply = httpx.Response(status, content=json(reply_of(method_of(side, operation))).content)
    assert isinstance(await Peer(reply, adapter_class=side).call(operation), InDoubt)


@pytest.mark.parametrize(("side", "operation"), FEW, ids=str)
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError("x"), NotSent),
        (httpx.ConnectTimeout("x"), NotSent),
        (httpx.PoolTimeout("x"), NotSent),
        (httpx.ReadTimeout("x"), InDoubt),
        (httpx.WriteError("x"), InDoubt),
        (httpx.ReadError("x"), InDoubt),
        (httpx.RemoteProtocolError("x"), InDoubt),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_when_it_broke_decides(
    side: type[Adapter], operation: str, error: Exception, expected: type[NotSent | InDoubt]
) -> None:
    assert isinstance(await Peer(error, adapter_class=side).call(operation), expected)


async def test_a_peers_words_carry_nothing_personal() -> None:
    identity = people.identity_number(7)
    request = request_of(HOSPITAL_METHODS["3.1.2"]) | {"medicalCardNumber": "CARD-0077", "idCard": identity}
    said = refusal_of(HOSPITAL_METHODS["3.1.2"], "60101", f"卡CARD-0077（{identity}）不允许")
    outcome = await Peer(json(said), adapter_class=HospitalPort).call("3.1.2", request)
    assert isinstance(outcome, Refused)
    assert "CARD-0077" not in outcome.message
    assert identity not in outcome.message
    strange = await Peer(json(refusal_of(HOSPITAL_METHODS["3.1.2"], identity)), adapter_class=HospitalPort).call(
        "3.1.2", request
    )
    assert identity not in str(strange.reason if isinstance(strange, InDoubt) else strange)


# -- files, lists, small things
async def test_a_file_is_fetched_with_get() -> None:
    picture = httpx.Response(200, content=b"DICM\x00\xff", headers={"content-type": "application/octet-stream"})
    peer = Peer(picture, {"names": {BYTES: "images/dcm"}}, HospitalPort)
    outcome = await peer.call(BYTES, {"dcmId": "D 1&2"})
    assert isinstance(outcome, Done)
    assert outcome.reply == {"content": b"DICM\x00\xff", "media_type": "application/octet-stream"}
    (asked,) = peer.asked
    assert (asked.method, asked.url.path, dict(asked.url.params)) == ("GET", "/images/dcm", {"dcmId": "D 1&2"})
    assert outcome.exchange is not None
    assert outcome.exchange.reply is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [({"success": False, "code": "10002"}, Refused), ({"success": True, "code": "10001"}, InDoubt)],
)
async def test_json_instead_of_a_file_is_no_file(said: Any, expected: type) -> None:
    answer = httpx.Response(200, content=json(said).content, headers={"content-type": "application/json"})
    assert isinstance(await Peer(answer, adapter_class=HospitalPort).call(BYTES, {"dcmId": "D1"}), expected)
    assert isinstance(await Peer(httpx.Response(500), adapter_class=HospitalPort).call(BYTES, {"dcmId": "D"}), InDoubt)
    assert isinstance(await Peer(answer, adapter_class=HospitalPort).call(BYTES, {}), Refused)


async def test_nothing_found_is_an_empty_list_or_none() -> None:
    for operation in ("2.1.3", "5.1.5"):
        contract = HOSPITAL_METHODS[operation].interface.reply().data
        assert contract is not None
        reply = {"success": True, "msg": "", "code": "10001", "data": None}
        outcome = await Peer(json(reply), adapter_class=HospitalPort).call(operation)
        assert isinstance(outcome, Done)
        assert outcome.reply["data"] == ([] if contract.type is Type.LIST else None)


@pytest.mark.parametrize(
    "wrong", [{"url": "ftp://x"}, {"names": {"9.9.9": "x"}}, {"timeout": 3}, {"url": "http://a?b"}]
)
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"url|names|timeout"):
        HospitalPort.from_settings(wrong)


def test_message_ids() -> None:
    assert PlatformClient.from_settings({}).message_id(0, 7) == "WX19700101080000000007"
    assert HospitalPort.from_settings({}).message_id(0, 7).startswith("H1970")
