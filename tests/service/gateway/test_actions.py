"""The other actions: session, status, retry, reverse, single transactions, and who may call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from service.gateway.endpoint import PATH
from tests.patience import PATIENCE
from tests.service.gateway.bench import Bench, bench
from tests.service.gateway.test_visits import lose, refuse, registered, settled, totals, trial, unreachable

ORIGIN = "http://his.example:8080"


@pytest.fixture
async def service() -> AsyncIterator[Bench]:
    async with bench() as made:
        yield made


# -- session and figures
async def test_sign_in_and_out(service: Bench) -> None:
    assert (await service.post({"action": "signin_status"}))["data"]["signedIn"] is False
    first = await service.data("签到")
    assert first["signNo"]
    assert (await service.data("9001"))["signNo"] == first["signNo"]  # all desks share it
    status = (await service.post({"action": "signin_status"}))["data"]
    assert set(status) == {"signedIn", "signNo", "signInTime", "signInOperator", "sessionDuration"}
    assert (status["signedIn"], status["signNo"], status["sessionDuration"]) == (True, first["signNo"], "0分钟")
    assert (await service.transaction("9002"))["success"]
    assert (await service.post({"action": "signin_status"}))["data"]["signedIn"] is False
    assert (await service.data("SignIn"))["signNo"] != first["signNo"]


async def test_health_and_stats_have_the_members_of_000(service: Bench) -> None:
    await registered(service)
    health = (await service.post({"action": "health"}))["data"]
    assert health["overallHealth"] is True
    assert set(health["checks"]) == {"dllStatus", "initStatus", "signInStatus"}
    await service.post({"action": "init", "config": {"fixmedinsCode": "H1", "logPath": "logs/"}})
    stats = (await service.post({"action": "stats"}))["data"]
    assert set(stats) == {"currentTime", "systemStatus", "transactionRecords", "configuration"}
    assert stats["transactionRecords"]["totalCount"] == 1
    assert stats["configuration"] == {
        "fixmedinsCode": "H1",
        "fixmedinsName": "",
        "interfaceVersion": "V2.1",
        "logPath": "logs/",
    }


# -- transactions by themselves
async def test_every_transaction_is_journalled(service: Bench) -> None:
    answer = await service.transaction("ReadCard", identifyMode="2", qrCodeInfo="TEST-CREDENTIAL-7")
    projection = await service.store.find("jiangsu.transaction", answer["visit"])
    assert projection is not None
    kinds = [event.kind for event in await service.store.journal(projection.visit_id)]
    assert kinds == ["opened", "triggered", "concluded", "closed"]
    assert await service.store.exchanges(projection.visit_id)


async def test_a_query_about_our_visit_takes_our_number(service: Bench) -> None:
    await settled(service)
    data = await service.data("9104", {"visit_no": "MZ1"})
    assert len(data["lines"]) == 2


async def test_a_read_that_gets_no_answer_is_given_up(service: Bench) -> None:
    unreachable(service, "1101")
    answer = await service.transaction("读卡")
    assert answer["code"] == 2002
    async with asyncio.timeout(PATIENCE):
        while (found := await service.store.find("jiangsu.transaction", answer["visit"])) is None or (
            found.state != "cancelled"
        ):
            await asyncio.sleep(0.01)


async def test_a_lost_write_outside_any_visit_joins_the_first(service: Bench) -> None:
    filing = {
        "psn_no": (await service.data("读卡"))["psn_no"],
        "qualification_id": "Q1",
        "actualStartTime": "20241201",
        "actualEndTime": "20241231",
        "applyTime": "20241201",
        "outArea": "320000",
        "outHospitalName": "演示医院",
        "applyReason": "转院",
    }
    lose(service, "1102", times=9)
    first = await service.transaction("1102", filing)
    second = await service.transaction("1102", filing)
    assert first["code"] in (2003, 2004) and second["code"] in (2003, 2004)
    assert first["visit"] == second["visit"]
    arrived = [each for each in service.centre.gateway.centre.ledger.messages if each.code == "1102"]
    assert len(arrived) == 1


# -- retry
async def test_retry_of_a_read_tries_again(service: Bench) -> None:
    failures = [4]

    def interfere(body: dict[str, Any], _answer: Callable[[], dict[str, Any]]) -> httpx.Response | None:
        if body.get("transactionName") == "1101" and failures[0]:
            failures[0] -= 1
            raise httpx.ConnectError("no route")
        return None

    service.centre.interfere = interfere
    body = {"action": "retry", "transactionName": "ReadCard", "maxRetries": 3, "baseDelayMs": 1}
    assert (await service.post(body))["success"]


async def test_retry_of_a_visits_settlement_is_safe(service: Bench) -> None:
    first = await settled(service)
    body = {
        "action": "retry",
        "transactionName": "Settle",
        "businessParams": {"visit_no": "MZ1", "pre_settle_id": first["pre_settle_id"]},
        "maxRetries": 3,
        "baseDelayMs": 1,
    }
    assert (await service.post(body))["data"]["settle_id"] == first["settle_id"]
    assert service.centre.applied()["2207"] == 1


async def test_retry_of_a_write_that_we_do_not_know_is_refused(service: Bench) -> None:
    params = {"visit_no": "V1", "ipt_otp_no": "MZ9", "pre_settle_id": "PS1", "mdtrt_id": "F1"}
    answer = await service.post({"action": "retry", "transactionName": "Settle", "businessParams": params})
    assert answer["code"] == 1012
    assert "2207" in answer["message"]
    assert not service.centre.gateway.centre.ledger.messages


# -- reverse
async def test_reverse_takes_the_newest_write_back_and_names_what_must_go_first(service: Bench) -> None:
    registration = await service.transaction("2201", {"ipt_otp_no": "MZ1", "dept_code": "1"})
    found = await trial(service, "MZ1")
    settling = await service.transaction("Settle", {"visit_no": "MZ1", "pre_settle_id": found["pre_settle_id"]})
    first = await service.post({"action": "reverse", "originalMessageId": registration["messageId"]})
    assert (first["code"], first["businessErrorCode"]) == (3030, "2209002")
    assert "2207" in first["message"]
    assert first["messageId"] == settling["messageId"]
    done = await service.post({"action": "reverse", "originalMessageId": settling["messageId"]})
    assert done["data"] == {"originalMessageId": settling["messageId"], "found": True}
    assert totals(service)["settlements"] == 0
    again = await service.post({"action": "reverse", "originalMessageId": settling["messageId"]})
    assert again["data"]["found"] is False
    assert service.centre.applied()["2208"] == 1


async def test_reverse_of_a_message_that_nobody_here_knows_goes_to_the_centre(service: Bench) -> None:
    answer = await service.post({"action": "reverse", "originalMessageId": "H0000120241201103000010001"})
    assert answer["success"] and answer["messageId"]
    assert service.centre.applied()["2209"] == 1


async def test_reverse_of_a_read_is_refused(service: Bench) -> None:
    card = await service.transaction("读卡")
    answer = await service.post({"action": "reverse", "originalMessageId": card["messageId"]})
    assert answer["code"] == 3031


async def test_reverse_of_a_cancellation_is_refused(service: Bench) -> None:
    """J25: reversing a 2202 would bring the registration back."""
    await registered(service)
    cancelled = await service.transaction("2202", {"visit_no": "MZ1"})
    answer = await service.post({"action": "reverse", "originalMessageId": cancelled["messageId"]})
    assert answer["code"] == 3031
    assert totals(service).get("registrations", 0) == 0


# -- who may call
async def test_a_page_from_a_configured_origin_may_call() -> None:
    async with bench(origins=[ORIGIN]) as service:
        preflight = await service.client.options(
            PATH,
            headers={
                "Origin": ORIGIN,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
                "Access-Control-Request-Private-Network": "true",
            },
        )
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == ORIGIN
        assert "content-type" in preflight.headers["access-control-allow-headers"].lower()
        assert preflight.headers["access-control-allow-private-network"] == "true"
        answer = await service.client.post(PATH, json={"action": "init"}, headers={"Origin": ORIGIN})
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.json()["success"]


async def test_a_page_from_anywhere_else_does_nothing() -> None:
    async with bench(origins=[ORIGIN]) as service:
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:8321"}):
            answer = await service.post({"action": "transaction", "transactionName": "9001"}, **headers)
            assert answer["code"] == 1010
        assert not service.centre.gateway.centre.ledger.messages


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, 1010), ({"X-Token": "wrong"}, 1010), ({"X-Token": "secret"}, 200), ({"Authorization": "Bearer secret"}, 200)],
)
async def test_a_token(headers: dict[str, str], code: int) -> None:
    async with bench(token="secret") as service:
        assert (await service.post({"action": "init"}, **headers))["code"] == code


@pytest.mark.parametrize(("network", "code"), [("10.0.0.0/8", 1010), ("127.0.0.0/8", 200)])
async def test_an_allow_list(network: str, code: int) -> None:
    async with bench(allow=[network]) as service:
        assert (await service.post({"action": "init"}))["code"] == code


async def test_refusals_of_the_centre_keep_their_number(service: Bench) -> None:
    refuse(service, "9105")
    answer = await service.transaction("9105", {"psn_no": "900000000001"})
    assert (answer["code"], answer["transactionCode"]) == (3001, "9105")
