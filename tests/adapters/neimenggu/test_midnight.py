"""The key of the day, when it is not the same day everywhere. 002, 2.2; N32."""

from __future__ import annotations

import datetime
from typing import Any

import httpx
import pytest
from freezegun import freeze_time

from adapters.neimenggu.calendar import Calendar
from engine.environment import HOUR, MINUTE, SECOND, Micros, SystemEnvironment
from engine.outcomes import Done, NotSent
from tests.adapters.neimenggu.centre import SHANGHAI, Centre, Desk
from tests.toy import ToyEnvironment


def at(hour: int, minute: int = 0, second: int = 0) -> Micros:
    return int(datetime.datetime(2026, 3, 1, hour, minute, second, tzinfo=SHANGHAI).timestamp()) * SECOND


def desk_at(now: Micros, ahead: Micros = 0, **settings: Any) -> Desk:
    environment = ToyEnvironment(now)
    return Desk(environment, Centre(environment, ahead=ahead), settings=settings)


@pytest.mark.parametrize("dates", [True, False])
@pytest.mark.parametrize(
    ("now", "ahead"),
    [
        (at(23, 59), 2 * MINUTE),
        (at(0, 1), -2 * MINUTE),
        (at(23, 50), 15 * MINUTE),
        (at(0, 20), -HOUR),
    ],
)
async def test_the_neighbouring_day_is_tried_once(now: Micros, ahead: Micros, dates: bool) -> None:
    desk = desk_at(now, ahead)
    desk.centre.dates = dates
    assert isinstance(await desk.call(), Done)
    assert desk.centre.sent == ["login", "login", "getPerDetail"]


async def test_a_clock_learned_from_answers_is_right_the_first_time() -> None:
    desk = desk_at(at(22), 90 * MINUTE)
    assert isinstance(await desk.call(), Done)
    desk.environment.time = at(23, 30)  # past midnight at the centre
    desk.centre.session = ""
    assert isinstance(await desk.call(), Done)
    assert desk.centre.sent == ["login", "getPerDetail", "getPerDetail", "login", "getPerDetail"]


@pytest.mark.parametrize("code", [11002, 11003])
async def test_another_day_is_no_loop(code: int) -> None:
    desk = desk_at(at(23, 59))
    desk.centre.doing["login"] = [{"code": code, "msg": "接口入参解析错误"} for _ in range(9)]
    assert isinstance(await desk.call(), NotSent)
    assert desk.centre.sent == ["login", "login"]


async def test_a_header_that_lies_is_not_followed_for_ever() -> None:
    """A proxy with a clock of its own: its date leads to a day that is not the centre's."""
    desk = desk_at(at(10))
    wrong = {"Date": "Sat, 07 Mar 2026 00:00:00 GMT"}
    lying = httpx.Response(200, json={"code": 99999, "msg": ""}, headers=wrong)
    desk.centre.dates = False
    desk.centre.doing["getPerDetail"] = [lying]
    await desk.call()
    desk.centre.session = ""
    assert isinstance(await desk.call(), Done)
    assert desk.centre.sent == ["login", "getPerDetail", "getPerDetail", "login", "login", "getPerDetail"]
    desk.centre.doing["getPerDetail"] = [lying]
    await desk.call()
    desk.centre.session = ""
    assert isinstance(await desk.call(), Done)
    assert desk.centre.sent[-2:] == ["login", "getPerDetail"], "not believed again"
    assert desk.centre.sent[-3] == "getPerDetail"


async def test_a_log_in_that_midnight_overtakes() -> None:
    """Asked before midnight and answered after it: the answer is under the next day's key, and is not lost."""
    desk = desk_at(at(23, 59, 59), encrypted_answers="yes")
    desk.centre.encrypts = True

    async def slow(request: httpx.Request) -> httpx.Response:
        answer = await desk.centre(request)
        if request.url.path.endswith("login.html"):
            from tests.adapters.neimenggu.centre import decrypt, encrypt, key_of

            text = decrypt(key_of(datetime.date(2026, 3, 1)), answer.text)
            assert text is not None
            return httpx.Response(200, text=encrypt(key_of(datetime.date(2026, 3, 2)), text))
        return answer

    desk.transport = httpx.MockTransport(slow)
    desk.__post_init__()
    assert isinstance(await desk.call("cancel_lines"), Done)
    assert desk.centre.sent == ["login", "invalidData"]


async def test_an_answer_to_a_log_in_that_nobody_can_read_is_asked_once_more() -> None:
    desk = desk_at(at(23, 59))
    """The other day's key is wrong this time; nothing is lost, the next call logs in."""
    desk.centre.doing["login"] = [b"???"]
    assert isinstance(await desk.call(), NotSent)
    assert desk.centre.sent == ["login", "login"]
    assert isinstance(await desk.call(), Done)
    assert desk.centre.sent == ["login", "login", "login", "getPerDetail"]


def test_the_day_is_the_centres_zone() -> None:
    with freeze_time("2026-03-01 15:59:59"):
        assert Calendar(SystemEnvironment(), "Asia/Shanghai").today() == datetime.date(2026, 3, 1)
    with freeze_time("2026-03-01 16:00:00"):
        assert Calendar(SystemEnvironment(), "Asia/Shanghai").today() == datetime.date(2026, 3, 2)
        assert Calendar(SystemEnvironment(), "UTC").today() == datetime.date(2026, 3, 1)


@pytest.mark.parametrize(
    "told", ["", "yesterday", "Sun, 99 Mar 2026 00:00:00 GMT", "0", "Mon, 01 Jan 99999 00:00:00 GMT"]
)
def test_a_date_that_is_none_tells_nothing(told: str) -> None:
    calendar = Calendar(ToyEnvironment(at(10)), "Asia/Shanghai")
    calendar.learn({"date": told})
    calendar.learn({})
    assert calendar.today() == datetime.date(2026, 3, 1)


@pytest.mark.parametrize(("hour", "first"), [(1, 28), (11, 28), (12, 2), (23, 2)])
def test_the_nearest_neighbour_comes_first(hour: int, first: int) -> None:
    calendar = Calendar(ToyEnvironment(at(hour)), "Asia/Shanghai")
    others = list(calendar.others(calendar.today()))
    assert [day.day for day in others] == [first, 30 - first]
