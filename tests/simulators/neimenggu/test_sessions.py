"""Log-in, log-out, the two sessionids, the two hours, the key of the day, and how a message may come."""

from __future__ import annotations

import datetime
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from simulators.common.http import Request
from tests.simulators.neimenggu.desk import KEY, NOON, PUBLIC, STAY, Desk, credentials, day_key, opened, sealed

HOUR = datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    ("code", "change"),
    [
        (0, {}),
        (21001, {"username": ""}),
        (21002, {"username": "nobody"}),
        (21004, {"password": ""}),
        (21005, {"password": credentials(password="wrong")["password"]}),
    ],
)
def test_log_in(desk: Desk, code: int, change: dict[str, Any]) -> None:
    answer = desk.login(**change)

    assert answer["code"] == code
    assert answer.get("sessionid", "").isdigit() == (code == 0)


def test_one_log_in_of_a_user_at_a_time(desk: Desk) -> None:
    desk.login()

    assert desk.login()["code"] == 21003


def test_a_session_lives_two_hours_from_its_last_use(desk: Desk) -> None:
    desk.login()
    for _ in range(3):
        desk.now += 2 * HOUR - datetime.timedelta(seconds=1)
        assert desk.code("getReport", aac001="900000003") == 0
    desk.now += 2 * HOUR

    assert desk.code("getReport", aac001="900000003") == 11006
    assert desk.login()["code"] == 0


def test_a_refused_request_uses_the_session_as_well(desk: Desk) -> None:
    desk.login()
    desk.now += HOUR
    assert desk.code("getReport", aac001="") == 1004
    desk.now += HOUR

    assert desk.code("getReport", aac001="900000003") == 0


@pytest.mark.parametrize(
    ("header", "member", "code"),
    [("", "yes", 11004), ("yes", "", 11004), ("1", "yes", 11005), ("yes", "1", 11005), ("yes", "yes", 0)],
)
def test_both_sessionids_are_checked(desk: Desk, header: str, member: str, code: int) -> None:
    desk.login()
    given = {"yes": desk.session}
    text = json.dumps({"sessionid": given.get(member, member), "aac001": "900000003"})

    answer = desk.post("getReport", sealed(KEY, text), given.get(header, header))

    assert answer["code"] == code


@pytest.mark.parametrize(("check", "code"), [("header", 0), ("member", 11004), ("both", 11004)])
def test_which_sessionid_is_checked_is_a_switch(desk: Desk, check: str, code: int) -> None:
    desk.switch(session_check=check)
    desk.login()

    assert desk.post("getReport", sealed(KEY, json.dumps({"aac001": "1"})), desk.session)["code"] == code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", 11001),
        ("not base64", 11002),
        (sealed("F" * 32, "{}"), 11002),
        (sealed(KEY, "not JSON"), 11002),
        (sealed(KEY, "[1]"), 11002),
        (sealed(KEY, "null"), 11003),
        (sealed(KEY, "{}"), 11003),
    ],
)
def test_a_message_that_cannot_be_read(desk: Desk, message: str, code: int) -> None:
    desk.login()

    assert desk.post("getReport", message, desk.session)["code"] == code


@pytest.mark.parametrize(
    ("code", "change"),
    [
        (0, {}),
        (31002, {"username": ""}),
        (31003, {"username": "nobody"}),
        (31005, {"password": ""}),
        (31006, {"password": "X" * 32}),
        (31007, {"sessionid": "1"}),
    ],
)
def test_log_out(desk: Desk, code: int, change: dict[str, Any]) -> None:
    desk.login()

    answer = desk.ask("logout", **(credentials() | change))

    assert answer["code"] == code
    assert code or answer["sessionid"] == desk.session
    assert code or desk.code("getReport", aac001="1") == 11005


def test_log_out_twice_or_by_another(desk: Desk) -> None:
    first = desk.login()["sessionid"]
    assert desk.code("logout", **credentials()) == 0
    assert desk.code("logout", **credentials()) == 31001
    desk.login()
    desk.session = first

    assert desk.code("logout", **credentials()) == 31004


def test_a_lost_session_may_be_logged_out_by_switch(desk: Desk) -> None:
    desk.login()
    message = sealed(KEY, json.dumps({"sessionid": "", **credentials()}))
    assert desk.post("logout", message)["code"] == 11004
    desk.switch(logout_without_session=True)

    assert desk.post("logout", message)["code"] == 0
    assert desk.login()["code"] == 0


def test_the_code_after_a_log_out_is_a_switch(desk: Desk) -> None:
    desk.switch(after_logout="21006")
    desk.login()
    desk.ask("logout", **credentials())

    assert desk.code("getReport", aac001="1") == 21006


@pytest.mark.parametrize(("zone", "code"), [("Asia/Shanghai", 0), ("UTC", 11002)])
def test_the_key_of_the_day_is_that_of_the_centres_clock(zone: str, code: int) -> None:
    desk = Desk(now=NOON.replace(hour=1))  # still the day before in UTC
    desk.switch(zone=zone)

    assert desk.login()["code"] == code


@pytest.mark.parametrize(
    ("change", "day"),
    [
        ({"set": "2026-12-24T23:59:59"}, datetime.date(2026, 12, 24)),
        ({"jump": 43_200}, datetime.date(2026, 11, 21)),
        ({"offset": -86_400}, datetime.date(2026, 11, 19)),
    ],
)
def test_the_clock_can_be_set(desk: Desk, change: dict[str, Any], day: datetime.date) -> None:
    desk.arrange("PUT /clock", **change)
    text = json.dumps(credentials())

    assert desk.post("login", sealed(day_key(day), text))["code"] == 0
    assert desk.post("login", sealed(day_key(day + datetime.timedelta(1)), text))["code"] == 11002


def _carried(message: str) -> dict[str, Request]:
    path, form = PUBLIC.format("login"), "application/x-www-form-urlencoded"
    return {
        "query": Request("POST", f"{path}?{urlencode({'message': message})}", b""),
        "form": Request("POST", path, urlencode({"message": message}).encode(), {"content-type": form}),
        "json": Request(
            "POST", path, json.dumps({"message": message}).encode(), {"content-type": "application/json; charset=utf-8"}
        ),
        "raw": Request("POST", path, message.encode(), {"content-type": "text/plain"}),
    }


@pytest.mark.parametrize("wanted", ["any", "query", "form", "json", "raw"])
@pytest.mark.parametrize("given", ["query", "form", "json", "raw"])
def test_the_message_is_taken_where_the_switch_says(desk: Desk, wanted: str, given: str) -> None:
    desk.switch(carrier=wanted)
    request = _carried(sealed(day_key(NOON.date()), json.dumps(credentials())))[given]

    code = desk.read(desk.http(request))["code"]

    assert code == (0 if wanted in ("any", given) else 11001)


def test_the_verb_is_a_switch(desk: Desk) -> None:
    message = urlencode({"message": sealed(day_key(NOON.date()), json.dumps(credentials()))})
    request = Request("GET", f"{PUBLIC.format('login')}?{message}", b"")
    desk.switch(verb="POST")
    assert desk.http(request).status == 405
    desk.switch(verb="GET")

    assert desk.read(desk.http(request))["code"] == 0
    assert desk.http(Request("DELETE", PUBLIC.format("login"), b"")).status == 405
    assert desk.http(Request("POST", "/nm-his/nothing", b"")).status == 404


def test_answers_may_be_encrypted(desk: Desk) -> None:
    desk.switch(encrypted_answers=True)
    message = sealed(day_key(NOON.date()), json.dumps(credentials()))
    response = desk.http(_carried(message)["form"])
    session = json.loads(opened(day_key(NOON.date()), response.body.decode()))["sessionid"]
    asked = sealed(KEY, json.dumps({"sessionid": session, "akc190": STAY, "rolltype": "0"}))
    headers = {"content-type": "text/plain", "sessionid": session}

    answer = desk.http(Request("POST", PUBLIC.format("getJSSheet"), asked.encode(), headers))

    assert json.loads(opened(KEY, answer.body.decode()))["code"] == 240002


@pytest.mark.parametrize(("switch", "local", "card"), [("documented", 0, "0"), ("number", 0, 0), ("text", "0", "0")])
def test_the_type_of_code_is_a_switch(desk: Desk, switch: str, local: Any, card: Any) -> None:
    desk.switch(code_type=switch)

    assert desk.ask("getReport", aac001="1")["code"] == local
    assert desk.ask("parsingSbk", **_card(desk))["resCode"] == card


def _card(desk: Desk) -> dict[str, str]:
    card = desk.centre.world.cards["A00000004"]
    return {"aaz500": card["aaz500"], "aaz501": card["aaz501"]}


def test_every_answer_tells_the_date_of_the_centres_clock(desk: Desk) -> None:
    desk.arrange("PUT /clock", set="2026-12-24T23:59:59")

    for path in (PUBLIC.format("login"), "/nm-his/nothing"):
        assert dict(desk.http(Request("POST", path, b"")).headers)["Date"] == "Thu, 24 Dec 2026 15:59:59 GMT"


def test_another_hospital_has_its_own_key(desk: Desk) -> None:
    key = "ABCDEFGHIJKLMNOP"
    desk.arrange("PUT /hospitals", akb020="2", key=key)
    desk.arrange("PUT /users", username="other", akb020="2", password="p")
    session = desk.login(**credentials("other", "p"))["sessionid"]
    text = json.dumps({"sessionid": session, "aac001": "1"})

    assert desk.post("getReport", sealed(KEY, text), session)["code"] == 11002
    assert desk.post("getReport", sealed(key, text), session)["code"] == 0


def test_every_log_in_can_be_made_to_expire(desk: Desk) -> None:
    desk.login()
    desk.arrange("DELETE /sessions")

    assert desk.code("getReport", aac001="1") == 11006
