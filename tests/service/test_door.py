"""The door: keys, passwords, sessions, CSRF, hosts, limits, lock-out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from engine.environment import DAY, HOUR, MINUTE, SECOND
from service.access.limits import Buckets, Lockout
from service.access.secrets import check_password
from service.errors import Unauthenticated
from storage.registers import AuditEntry
from tests.service.wired import PASSWORD, Wired, opened, settings
from tests.world import World


@pytest.fixture
async def wired() -> Wired:
    return Wired(await World().start())


@pytest.fixture
async def browser(wired: Wired) -> AsyncIterator[httpx.AsyncClient]:
    await wired.user("wang", "supervisor")
    async with wired.client() as client:
        yield client


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD, name: str = "wang") -> httpx.Response:
    return await client.post("/api/v1/session", json={"name": name, "password": password})


async def audit(wired: Wired) -> list[AuditEntry]:
    assert wired.registers is not None
    return await wired.registers.audit.all(None, None, None, 1000)


async def test_open_only_until_somebody_is_set_up(wired: Wired) -> None:
    async with wired.client() as client:
        assert (await client.get("/api/v1/visits")).status_code == 200
        key = await wired.key("his")
        assert (await client.get("/api/v1/visits")).status_code == 401
        await wired.desk.door.access.revoke_key(key.split("_")[1], 1)
        refused = await client.get("/api/v1/visits")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


async def test_open_only_on_this_machine(wired: Wired) -> None:
    async with wired.client(address="10.1.2.3") as client:
        assert (await client.get("/api/v1/visits")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"host": "evil.example:8320"}, "host_refused"),  # a name that was led here
        ({"origin": "http://evil.example"}, "csrf_refused"),
        ({"sec-fetch-site": "cross-site"}, "csrf_refused"),
        ({"origin": "null"}, "csrf_refused"),
    ],
)
async def test_a_page_of_another_site_gets_nothing_while_open(wired: Wired, headers: Any, code: str) -> None:
    async with wired.client() as client:
        body = {"flow": "toy.visit", "key": "K1", "data": {"patient": "p"}}
        refused = await client.post("/api/v1/visits", json=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, code)


async def test_a_key_works_until_it_expires_or_is_revoked(wired: Wired) -> None:
    key = await wired.key("his")
    async with wired.client(key) as client:
        assert (await client.get("/api/v1/session")).json()["name"] == "his"
        assert (await client.get("/api/v1/visits", headers={"Authorization": "", "X-API-Key": key})).status_code == 200
        assert await wired.desk.door.access.revoke_key(key.split("_")[1], wired.world.environment.now())
        assert (await client.get("/api/v1/session")).status_code == 401


@pytest.mark.parametrize("key", ["x", "vfk_", "vfk_a_b", "vfk__", "vfk_" + "x" * 5000 + "_y"])
async def test_what_is_no_key_is_refused(wired: Wired, key: str) -> None:
    await wired.key("his")
    async with wired.client(key) as client:
        assert (await client.get("/api/v1/visits")).status_code == 401


async def test_no_secret_is_kept(wired: Wired) -> None:
    key = await wired.key("his")
    kept = (await wired.desk.door.access.keys())[0]
    assert key.rsplit("_", 1)[1] not in str(kept) + kept.digest
    await wired.user("wang", "admin")
    account = await wired.desk.door.access.account("wang")
    assert account is not None and account.password.startswith("$argon2id$") and PASSWORD not in str(account)


async def test_a_session_needs_its_token_for_changes(browser: httpx.AsyncClient, wired: Wired) -> None:
    signed_in = await sign_in(browser)
    cookie = signed_in.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "secure" not in cookie
    assert (await browser.get("/api/v1/visits")).status_code == 200
    body = {"flow": "toy.visit", "key": "K1", "data": {"patient": "p"}, "by": "somebody else"}
    refused = await browser.post("/api/v1/visits", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_refused")
    token = {"X-CSRF-Token": signed_in.json()["csrf"]}
    cross = await browser.post("/api/v1/visits", json=body, headers=token | {"Origin": "http://evil.example"})
    assert cross.status_code == 403
    made = await browser.post("/api/v1/visits", json=body, headers=token)
    assert made.status_code == 201
    event = (await wired.world.events(made.json()["visit"]))[0]
    assert (event.by, event.origin) == ("wang", "person 127.0.0.1")  # type: ignore[union-attr]
    assert (await browser.delete("/api/v1/session", headers=token)).status_code == 204
    browser.cookies.clear()
    browser.cookies.set("visitflow_session", signed_in.cookies["visitflow_session"])
    assert (await browser.get("/api/v1/visits")).status_code == 401


async def test_the_cookie_is_secure_under_tls(wired: Wired) -> None:
    await wired.user("wang", "admin")
    transport = httpx.ASGITransport(app=wired.api)
    async with httpx.AsyncClient(transport=transport, base_url="https://localhost") as client:
        assert "; secure" in (await sign_in(client)).headers["set-cookie"].lower()


@pytest.mark.parametrize(("every", "ends"), [(31 * MINUTE, True), (29 * MINUTE, False)])
async def test_a_session_ends_when_idle(browser: httpx.AsyncClient, wired: Wired, every: int, ends: bool) -> None:
    await sign_in(browser)
    wired.world.environment.time += every
    assert (await browser.get("/api/v1/visits")).status_code == (401 if ends else 200)


async def test_a_session_ends_in_any_case(browser: httpx.AsyncClient, wired: Wired) -> None:
    await sign_in(browser)
    for _ in range(48):
        wired.world.environment.time += 15 * MINUTE
        assert (await browser.get("/api/v1/visits")).status_code == 200
    wired.world.environment.time += 15 * MINUTE
    assert (await browser.get("/api/v1/visits")).status_code == 401


@pytest.mark.parametrize("changes", [{"role": "analyst"}, {"password": "x"}, {"locked_at": 1}])
async def test_changing_an_account_ends_its_sessions(
    browser: httpx.AsyncClient, wired: Wired, changes: dict[str, Any]
) -> None:
    await sign_in(browser)
    wired.world.environment.time += SECOND
    assert await wired.desk.door.access.change_account("wang", wired.world.environment.now(), **changes)
    assert (await browser.get("/api/v1/visits")).status_code == 401


async def test_wrong_passwords_lock_out_and_tell_nothing(browser: httpx.AsyncClient, wired: Wired) -> None:
    answers = [await sign_in(browser, "wrong", name) for name in ("wang", "nobody")]
    assert answers[0].json() == answers[1].json()
    for _ in range(4):
        assert (await sign_in(browser, "wrong")).status_code == 401
    locked = await sign_in(browser)  # right, but too late
    assert (locked.status_code, locked.json()["code"]) == (429, "locked_out")
    assert int(locked.headers["retry-after"]) <= 61
    async with wired.client(address="10.0.0.9") as elsewhere:  # the account itself is not taken hostage
        assert (await sign_in(elsewhere)).status_code == 200
    wired.world.environment.time += 61 * SECOND
    assert (await sign_in(browser)).status_code == 200
    outcomes = [(entry.actor, entry.outcome) for entry in await audit(wired)]
    assert ("wang", "refused") in outcomes and ("unknown", "refused") in outcomes and ("wang", "done") in outcomes
    assert not any("nobody" in str(entry) or "wrong" in str(entry) for entry in await audit(wired))


async def test_many_guesses_at_once_are_not_all_tried(browser: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(sign_in(browser, f"guess {number} of many") for number in range(12)))
    assert sorted(each.status_code for each in answers) == [401] * 5 + [429] * 7


async def test_wrong_keys_lock_an_address_out_but_not_its_right_keys(wired: Wired) -> None:
    right = await wired.key("his")
    async with wired.client("vfk_a_b", "10.0.0.7") as client:
        codes = [(await client.get("/api/v1/visits")).status_code for _ in range(22)]
    assert codes == [401] * 20 + [429] * 2
    async with wired.client(right, "10.0.0.7") as client:
        assert (await client.get("/api/v1/visits")).status_code == 200


async def test_too_many_requests_wait() -> None:
    wired = Wired(await World().start(), settings(requests_per_second=1, requests_burst=3))
    key, other = await wired.key("his"), await wired.key("his")
    async with wired.client(key) as client:
        codes = [(await client.get("/api/v1/visits")).status_code for _ in range(4)]
        assert codes == [200, 200, 200, 429]
        wired.world.environment.time += SECOND
        assert (await client.get("/api/v1/visits")).status_code == 200
    async with wired.client(other) as client:
        assert (await client.get("/api/v1/visits")).status_code == 200


def test_what_limits_remember_is_bounded() -> None:
    buckets, lockout = Buckets(1, 1, most=100), Lockout(3, most=100)
    for number in range(10_000):
        buckets.take(f"{number}", number)
        lockout.failed(f"{number}", number)
    assert (len(buckets), len(lockout)) == (100, 100)


def test_lockout_doubles_and_forgets() -> None:
    lockout, now = Lockout(2, first=60 * SECOND, longest=HOUR), 0
    for expected in (0, 60, 120, 240):
        lockout.failed("x", now)
        assert lockout.remaining("x", now) == expected
    for _ in range(30):
        lockout.failed("x", now)
    assert lockout.remaining("x", now) == 3600
    now += DAY
    lockout.failed("x", now)
    assert lockout.remaining("x", now) == 0


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaa", "my name is wang!", "x" * 129])
def test_passwords_that_are_easily_guessed(password: str) -> None:
    with pytest.raises(Exception, match="expected"):
        check_password(password, "wang")


async def test_a_machine_says_for_whom_it_asks(wired: Wired) -> None:
    async with wired.client(await wired.key("his", "HIS")) as client:
        body = {"flow": "toy.visit", "key": "K1", "data": {"patient": "p"}, "by": "desk 3"}
        visit = (await client.post("/api/v1/visits", json=body)).json()["visit"]
    assert (await wired.world.events(visit))[0].by == "HIS/desk 3"  # type: ignore[union-attr]


async def test_analysts_see_no_personal_data(wired: Wired) -> None:
    async with wired.client(await wired.key("his")) as client:
        visit = await opened(client, patient="INVENTED NAME")
    async with wired.client(await wired.key("analyst")) as client:
        for path in ("", "/journal"):
            shown = await client.get(f"/api/v1/visits/{visit}{path}")
            assert shown.status_code == 200 and "INVENTED" not in shown.text and "•••" in shown.text
        assert (await client.get(f"/api/v1/visits/{visit}/journal?raw=true")).status_code == 403


async def test_looking_unmasked_is_audited(wired: Wired) -> None:
    async with wired.client(await wired.key("admin", "boss")) as client:
        visit = await opened(client)
        await wired.world.run()
        path = f"/api/v1/visits/{visit}/exchanges"
        exchange = (await client.get(path)).json()[0]["exchange"]
        assert "•••" in (await client.get(f"{path}/{exchange}")).json()["request"]
        assert (await client.post(f"{path}/{exchange}/unmask", json={"reason": ""})).status_code == 422
        assert not await audit(wired)
        shown = await client.post(f"{path}/{exchange}/unmask", json={"reason": "dispute 77"})
        assert shown.status_code == 200 and "•••" not in shown.json()["request"]
    entry = (await audit(wired))[0]
    assert (entry.actor, entry.action, entry.target) == ("boss", "unmask", f"{visit}/{exchange}")
    assert (entry.reason, entry.origin) == ("dispute 77", "key 127.0.0.1")


async def test_still_follows_keys_and_sessions(wired: Wired) -> None:
    key = await wired.key("his")
    request: Any = type("R", (), {"client": None, "headers": {"x-api-key": key}, "cookies": {}})()
    principal = await wired.desk.door.recognise(request)
    assert await wired.desk.door.still(principal)
    await wired.desk.door.access.revoke_key(key.split("_")[1], 1)
    assert not await wired.desk.door.still(principal)
    with pytest.raises(Unauthenticated):
        await wired.desk.door.recognise(request)
