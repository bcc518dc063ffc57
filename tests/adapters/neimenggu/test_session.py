"""The life of a session: one for all workers, written down before it is used, given back. 002, 4.1, 4.2; N33-N36."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from engine.environment import HOUR, MINUTE, SECOND, Micros
from engine.outcomes import Category, Done, InDoubt, NotSent, Outcome, Refused
from tests.adapters.neimenggu.centre import (
    MORNING,
    PASSWORD,
    PASSWORD_ON_THE_WIRE,
    USER,
    Centre,
    Desk,
    WatchedBook,
    fail,
)
from tests.patience import PATIENCE
from tests.toy import ToyEnvironment

ALWAYS = {"log_out_after": None}
REFUSED_SESSION = [11004, 11005, 11006, 21006]


async def pass_by(desk: Desk, duration: Micros) -> None:
    desk.environment.time += duration
    await asyncio.sleep(0)


# -- first use
async def test_logs_in_before_the_first_call_only() -> None:
    desk = Desk()
    for _ in range(3):
        assert isinstance(await desk.call(), Done)
    assert desk.centre.sent == ["login", "getPerDetail", "getPerDetail", "getPerDetail"]


async def test_session_goes_into_header_and_message_of_all_but_the_log_in() -> None:
    desk = Desk()
    await desk.call()
    first, second = desk.centre.asked
    assert "sessionid" not in first.headers
    assert first.body == {"username": USER, "password": PASSWORD_ON_THE_WIRE}
    assert second.headers["sessionid"] == second.body["sessionid"] == "2026030108280"
    assert next(iter(second.body)) == "sessionid"


async def test_written_down_before_it_is_used() -> None:
    desk = Desk()
    seen: list[list[str]] = []
    desk.book.before_write = lambda state: seen.append(list(desk.centre.sent))
    await desk.call()
    assert seen == [["login"]], "one write, between log-in and call"
    (kept,) = desk.book.writes
    assert (kept.session_id, kept.state, kept.used_at) == ("2026030108280", "open", MORNING)


async def test_a_session_that_cannot_be_written_down_is_given_back_unused() -> None:
    desk = Desk()
    desk.book.before_write = fail
    outcome = await desk.call()
    assert isinstance(outcome, NotSent)
    assert desk.centre.sent == ["login", "logout"]
    assert not desk.centre.stands()
    desk.book.before_write = lambda _state: None
    assert isinstance(await desk.call(), Done)


async def test_many_at_once_log_in_once() -> None:
    desk = Desk()
    outcomes = await asyncio.gather(*(desk.call() for _ in range(20)))
    assert all(isinstance(each, Done) for each in outcomes)
    assert desk.centre.sent.count("login") == 1


async def test_two_workers_share_one_session() -> None:
    desk = Desk()
    other = desk.beside()
    outcomes = await asyncio.gather(*(each.call() for each in (desk, other) for _ in range(5)))
    assert all(isinstance(each, Done) for each in outcomes)
    assert desk.centre.sent.count("login") == 1


async def test_a_session_of_an_earlier_process_is_used() -> None:
    desk = Desk()
    await desk.call()
    later = desk.beside()
    assert isinstance(await later.call(), Done)
    assert desk.centre.sent.count("login") == 1


async def test_without_a_book_nothing_is_sent() -> None:
    desk = Desk(equipped=False)
    assert isinstance(await desk.call(), NotSent)
    assert desk.centre.asked == []


async def test_a_book_that_does_not_answer_sends_nothing() -> None:
    desk = Desk()

    async def broken(peer: str, user: str) -> Any:
        raise OSError

    desk.book.read = broken  # type: ignore[method-assign]
    assert isinstance(await desk.call(), NotSent)
    assert desk.centre.asked == []


# -- two hours from the last use
async def test_the_two_hours_slide_with_use() -> None:
    desk = Desk(settings=ALWAYS)
    for _ in range(6):
        assert isinstance(await desk.call(), Done)
        await pass_by(desk, HOUR)
    assert desk.centre.sent.count("login") == 1


async def test_an_expired_session_is_not_tried() -> None:
    desk = Desk(settings=ALWAYS)
    await desk.call()
    await pass_by(desk, 2 * HOUR)
    assert isinstance(await desk.call(), Done)
    assert desk.centre.sent == ["login", "getPerDetail", "login", "getPerDetail"]


@pytest.mark.parametrize(("idle", "log_ins"), [(HOUR + 54 * MINUTE, 1), (HOUR + 55 * MINUTE, 2)])
async def test_the_margin_before_the_end(idle: Micros, log_ins: int) -> None:
    """Within the margin the session may still stand at the centre: then it says so (21003), and the session is used."""
    desk = Desk(settings=ALWAYS)
    await desk.call()
    await pass_by(desk, idle)
    assert isinstance(await desk.call(), Done)
    assert desk.centre.sent.count("login") == log_ins
    assert [each.headers["sessionid"] for each in desk.centre.calls] == ["2026030108280", "2026030108280"]


async def test_use_is_written_sparingly_and_never_too_late() -> None:
    desk = Desk(settings=ALWAYS)
    for _ in range(100):
        await desk.call()
        kept = await desk.book.now()
        assert kept is not None
        assert desk.environment.now() - 2 * MINUTE <= kept.used_at <= desk.environment.now()
        await pass_by(desk, SECOND)
    assert len(desk.book.writes) < 5


async def test_use_that_cannot_be_written_does_not_stop_a_call() -> None:
    desk = Desk(settings=ALWAYS)
    await desk.call()
    desk.book.before_write = fail
    await pass_by(desk, HOUR)
    assert isinstance(await desk.call(), Done)
    await pass_by(desk, HOUR)
    assert isinstance(await desk.call(), Done)
    assert desk.centre.sent.count("login") == 1


@pytest.mark.parametrize("jump", [-3 * HOUR, 3 * HOUR])
async def test_a_clock_that_was_set(jump: Micros) -> None:
    """Ours says the session is long over; the centre's (21003) says it stands."""
    desk = Desk(settings=ALWAYS)
    await desk.call()
    desk.environment.time += jump
    desk.centre.ahead -= jump
    assert isinstance(await desk.call(), Done)
    assert desk.centre.sent == ["login", "getPerDetail", "login", "getPerDetail"]
    assert isinstance(await desk.call(), Done)
    assert desk.centre.sent.count("login") == 2


# -- the centre has forgotten it
@pytest.mark.parametrize("code", [*REFUSED_SESSION, "11005"])
async def test_a_refused_session_is_renewed_and_the_call_sent_once_more(code: object) -> None:
    desk = Desk()
    await desk.call()
    desk.centre.session = ""
    desk.centre.doing["getPerDetail"] = [{"code": code, "msg": "会话"}]
    assert isinstance(await desk.call(request={"akc190": "MZ1"}), Done)
    assert desk.centre.sent == ["login", "getPerDetail", "getPerDetail", "login", "getPerDetail"]
    first, second = desk.centre.calls[1:]
    assert {**first.body, "sessionid": ""} == {**second.body, "sessionid": ""}
    assert second.headers["sessionid"] == "2026030108281"


@pytest.mark.parametrize("code", REFUSED_SESSION)
async def test_renewal_is_no_loop(code: int) -> None:
    desk = Desk()
    desk.centre.doing["getPerDetail"] = [{"code": code, "msg": "x"} for _ in range(99)]
    outcome = await desk.call()
    assert isinstance(outcome, NotSent)
    assert len(desk.centre.calls) == 2
    assert desk.centre.sent.count("login") <= 3


async def test_many_that_are_refused_at_once_log_in_once() -> None:
    desk = Desk()
    await desk.call()
    desk.centre.session = ""
    outcomes = await asyncio.gather(*(desk.call() for _ in range(20)))
    assert all(isinstance(each, Done) for each in outcomes)
    assert desk.centre.sent.count("login") == 2


async def test_a_worker_finds_the_session_that_another_renewed() -> None:
    desk = Desk()
    other = desk.beside()
    await desk.call()
    await other.call()
    desk.centre.session = ""
    await desk.call()
    assert isinstance(await other.call(), Done)
    assert desk.centre.sent.count("login") == 2


async def test_a_centre_that_hands_out_the_same_number_again() -> None:
    desk = Desk()
    desk.centre.reuses_numbers = True
    await desk.call()
    desk.centre.session = ""
    assert isinstance(await desk.call(), Done)
    desk.centre.session = ""
    assert isinstance(await desk.call(), Done)
    assert desk.centre.sent.count("login") == 3


# -- 21003
async def test_a_lost_log_in_is_told_apart_and_waited_for() -> None:
    desk = Desk()
    desk.centre.after["login"] = [httpx.ReadTimeout("x")]
    first = await desk.call()
    assert isinstance(first, NotSent)
    assert "ReadTimeout" in first.reason
    second = await desk.call()
    assert isinstance(second, NotSent)
    assert "21003" in second.reason
    assert "12:00" in second.reason, "two hours after the lost log-in it must be over"
    assert "10:05" in second.reason, "when it is asked again"
    assert "网页端" in second.reason
    for _ in range(50):
        assert isinstance(await desk.call(), NotSent)
    assert desk.centre.sent == ["login", "login"], "not asked again before that"
    await pass_by(desk, 5 * MINUTE)
    assert isinstance(await desk.call(), NotSent)
    assert desk.centre.sent == ["login"] * 3
    await pass_by(desk, 2 * HOUR)
    assert isinstance(await desk.call(), Done)


async def test_a_crash_between_log_in_and_write_leaves_a_session_nobody_knows() -> None:
    desk = Desk()

    class PowerCut(BaseException):
        pass

    def cut(_state: str) -> None:
        raise PowerCut

    desk.book.before_write = cut
    with pytest.raises(PowerCut):
        await desk.adapter._sessions._opening.open(desk.adapter._sessions._page, lambda _row: False, lambda _row: False)  # type: ignore[arg-type]
    desk.book.before_write = lambda _state: None
    assert await desk.book.now() is None
    assert desk.centre.sent == ["login"], "never used"
    later = desk.beside()
    outcome = await later.call()
    assert isinstance(outcome, NotSent)
    assert "21003" in outcome.reason
    await pass_by(desk, 2 * HOUR)
    assert isinstance(await later.call(), Done)


async def test_somebody_else_on_the_web() -> None:
    """The session that we know is dead, theirs stands: ours is tried, logged out, then a person is told. No loop."""
    desk = Desk()
    await desk.call()
    desk.centre.log_in_elsewhere()
    outcome = await desk.call()
    assert isinstance(outcome, NotSent)
    assert "21003" in outcome.reason
    assert desk.centre.sent == ["login", "getPerDetail", "getPerDetail", "login", "logout", "login"]
    kept = await desk.book.now()
    assert kept is not None
    assert kept.state == "closed", "nobody need try it again"
    before = len(desk.centre.sent)
    assert isinstance(await desk.call(), NotSent)
    assert isinstance(await desk.beside().call(), NotSent)
    assert desk.centre.sent[before:] == ["login"], "another worker asks once"


async def test_on_21003_the_stored_session_is_tried_first() -> None:
    desk = Desk(settings=ALWAYS)
    await desk.call()
    later = desk.beside()
    desk.environment.time += 3 * HOUR
    desk.centre.ahead -= 3 * HOUR
    assert isinstance(await later.call(), Done)
    assert later.centre.sent == ["login", "getPerDetail", "login", "getPerDetail"]
    assert "logout" not in desk.centre.sent


async def test_logging_out_without_a_session_where_the_centre_takes_that() -> None:
    desk = Desk(settings={"log_out_unknown": True})
    desk.centre.forgets_unknown = True
    desk.centre.log_in_elsewhere()
    assert isinstance(await desk.call(), Done)
    assert desk.centre.sent == ["login", "logout", "login", "getPerDetail"]
    assert desk.centre.asked[1].body["sessionid"] == ""


async def test_logging_out_without_a_session_where_it_does_not() -> None:
    desk = Desk(settings={"log_out_unknown": True})
    desk.centre.log_in_elsewhere()
    assert isinstance(await desk.call(), NotSent)
    assert desk.centre.sent == ["login", "logout", "login"]


@pytest.mark.parametrize(
    "answer",
    [httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x"), b"", b"<html>", b'{"code": 0, "msg": ""}', b"{}"],
    ids=repr,
)
async def test_whatever_loses_the_answer_the_next_log_in_meets_21003(answer: Any) -> None:
    desk = Desk()
    desk.centre.after["login"] = [answer]
    assert isinstance(await desk.call(), NotSent)
    assert desk.centre.calls == []
    outcome = await desk.call()
    assert isinstance(outcome, NotSent)
    assert "21003" in outcome.reason


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("x"),
        httpx.ReadTimeout("x"),
        httpx.Response(502),
        {"code": 99999, "msg": "系统发生异常"},
        {"code": 11001, "msg": "接口入参不能为空"},
        {"code": 77777, "msg": "?"},
        {"msg": "?"},
        {"code": 0, "msg": "", "sessionid": ""},
        {"code": 0, "msg": "", "sessionid": "a b"},
        {"code": 0, "msg": "", "sessionid": "1\r\nX: y"},
        {"code": 0, "msg": "", "sessionid": True},
        {"code": 0, "msg": "", "sessionid": {}},
    ],
    ids=repr,
)
async def test_a_log_in_that_fails_sends_nothing_and_the_next_call_logs_in(answer: Any) -> None:
    desk = Desk()
    desk.centre.doing["login"] = [answer]
    outcome = await desk.call()
    assert isinstance(outcome, NotSent)
    assert desk.centre.sent == ["login"]
    assert isinstance(await desk.call(), Done)


@pytest.mark.parametrize("sessionid", [2026030108280, "2026030108280", " 2026030108280 ", 99999999999999999999999])
async def test_numbers_and_text_are_sessions(sessionid: object) -> None:
    desk = Desk()
    desk.centre.doing["login"] = [{"code": "0", "msg": "登录成功!", "sessionid": sessionid}]
    desk.centre.session, desk.centre.used_at = str(sessionid).strip(), desk.centre.now()
    assert isinstance(await desk.call(), Done)


# -- a wrong password
@pytest.mark.parametrize("code", [21001, 21002, 21004, 21005])
async def test_a_wrong_password_is_not_tried_a_second_time(code: int) -> None:
    desk = Desk()
    desk.centre.doing["login"] = [{"code": code, "msg": "密码错误"} for _ in range(99)]
    for _ in range(100):
        outcome = await desk.call()
        assert isinstance(outcome, Refused)
        assert (outcome.code, outcome.category) == (str(code), Category.CREDENTIALS)
    assert desk.centre.sent == ["login"]
    await pass_by(desk, 24 * HOUR)
    assert isinstance(await desk.call(), Refused)
    assert desk.centre.sent == ["login"]


async def test_a_corrected_password_counts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISITFLOW_NEIMENGGU_PASSWORD", "falsch")
    desk = Desk()
    assert isinstance(await desk.call(), Refused)
    monkeypatch.setenv("VISITFLOW_NEIMENGGU_PASSWORD", PASSWORD)
    assert isinstance(await desk.call(), Done)


async def test_a_person_may_have_it_tried_again() -> None:
    desk = Desk()
    desk.centre.doing["login"] = [{"code": 21005, "msg": "A21005-密码错误"}]
    assert isinstance(await desk.call(), Refused)
    assert isinstance(await desk.call("log_in"), Done)
    assert isinstance(await desk.call(), Done)


async def test_a_session_that_a_person_opened_elsewhere_ends_the_refusals() -> None:
    """The command line is another process; what it logs in for is left standing when it ends."""
    desk = Desk()
    desk.centre.doing["login"] = [{"code": 21005, "msg": "A21005-密码错误"}]
    assert isinstance(await desk.call(), Refused)
    command = desk.beside()
    assert isinstance(await command.call("log_in"), Done)
    await command.adapter.close()
    assert desk.centre.stands()
    assert isinstance(await desk.call(), Done)


async def test_a_session_opened_by_hand_is_given_back_once_it_is_used() -> None:
    desk = Desk()
    await desk.call("log_in")
    await desk.call()
    await desk.adapter.close()
    assert desk.centre.sent == ["login", "getPerDetail", "logout"]


@pytest.mark.parametrize("name", ["VISITFLOW_NEIMENGGU_PASSWORD", "VISITFLOW_NEIMENGGU_KEY"])
@pytest.mark.parametrize("value", [None, "", "  "])
async def test_a_secret_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str | None) -> None:
    monkeypatch.delenv(name)
    if value is not None:
        monkeypatch.setenv(name, value)
    desk = Desk()
    outcome = await desk.call()
    assert isinstance(outcome, Refused)
    assert outcome.category is Category.CREDENTIALS
    assert name in outcome.message
    assert desk.centre.asked == []


async def test_a_key_that_is_none_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISITFLOW_NEIMENGGU_KEY", "zukurz")
    outcome = await Desk().call()
    assert isinstance(outcome, Refused)
    assert "VISITFLOW_NEIMENGGU_KEY" in outcome.message
    assert "zukurz" not in outcome.message


async def test_secrets_from_files_and_variables_of_other_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.delenv("VISITFLOW_NEIMENGGU_PASSWORD")
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    monkeypatch.setenv("HOSPITAL_PW_FILE", str(secret))
    desk = Desk(settings={"password_variable": "HOSPITAL_PW"})
    assert isinstance(await desk.call(), Done)
    secret.unlink()
    desk.centre.session = ""
    outcome = await desk.call()
    assert isinstance(outcome, Refused)
    assert "HOSPITAL_PW_FILE" in outcome.message


async def test_secrets_from_dotenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.delenv("VISITFLOW_NEIMENGGU_PASSWORD")
    (tmp_path / ".env").write_text(f"VISITFLOW_NEIMENGGU_PASSWORD={PASSWORD}\n", encoding="utf-8")
    assert isinstance(await Desk().call(), Done)


# -- giving it back
async def test_logs_out_after_work() -> None:
    desk = Desk(settings={"log_out_after": "10ms"})
    assert isinstance(await desk.call(), Done)
    desk.environment.time += SECOND
    await until(lambda: desk.centre.sent[-1] == "logout")
    await until(lambda: desk.book.writes[-1].state == "closed")
    assert not desk.centre.stands()
    assert isinstance(await desk.call(), Done)
    assert desk.centre.sent == ["login", "getPerDetail", "logout", "login", "getPerDetail"]
    await desk.adapter.close()


async def test_does_not_log_out_while_another_worker_is_at_work() -> None:
    desk = Desk(settings={"log_out_after": "20ms"})
    other = desk.beside(log_out_after=None)
    await desk.call()
    desk.environment.time += HOUR
    await other.call()  # written down: the note is an hour old
    await asyncio.sleep(0.03)
    assert "logout" not in desk.centre.sent
    desk.environment.time += SECOND
    await until(lambda: desk.centre.sent[-1] == "logout")
    await desk.adapter.close()


async def test_does_not_log_out_in_the_middle_of_a_call() -> None:
    desk = Desk(settings={"log_out_after": "5ms"})
    hold = asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("getPerDetail.html") and not hold.is_set():
            await hold.wait()
        return await desk.centre(request)

    desk.transport = httpx.MockTransport(slow)
    desk.__post_init__()
    call = asyncio.create_task(desk.call())
    await asyncio.sleep(0.03)
    desk.environment.time += HOUR
    await desk.adapter._sessions._rest()
    assert "logout" not in desk.centre.sent
    hold.set()
    assert isinstance(await call, Done)
    await desk.adapter.close()


async def test_a_call_that_comes_while_logging_out_logs_in_again() -> None:
    desk = Desk()
    await desk.call()
    desk.environment.time += HOUR
    outcomes: tuple[Any, Any] = await asyncio.gather(desk.adapter._sessions._rest(), desk.call())
    assert isinstance(outcomes[1], Done)
    assert desk.centre.sent in (
        ["login", "getPerDetail", "logout", "login", "getPerDetail"],
        ["login", "getPerDetail", "getPerDetail"],
    )


async def test_closing_gives_the_session_back() -> None:
    desk = Desk()
    await desk.call()
    await desk.adapter.close()
    assert desk.centre.sent[-1] == "logout"
    assert desk.book.writes[-1].state == "closed"


async def test_closing_leaves_a_session_that_another_worker_has_used_since() -> None:
    desk = Desk()
    other = desk.beside()
    await desk.call()
    desk.environment.time += MINUTE // 2
    await other.call()
    await desk.adapter.close()
    assert "logout" not in desk.centre.sent
    await other.adapter.close()
    assert desk.centre.sent[-1] == "logout"


async def test_closing_without_a_session_asks_nothing() -> None:
    desk = Desk()
    await desk.adapter.close()
    assert desk.centre.asked == []


async def test_closing_where_the_site_keeps_sessions() -> None:
    desk = Desk(settings=ALWAYS)
    await desk.call()
    await desk.adapter.close()
    assert desk.centre.stands()


@pytest.mark.parametrize("lost", [httpx.ReadTimeout("x"), httpx.ConnectError("x"), b"", b'{"code": 31006}'], ids=repr)
async def test_a_log_out_that_fails_leaves_the_session_to_the_next(lost: Any) -> None:
    desk = Desk()
    await desk.call()
    desk.centre.doing["logout"] = [lost]
    await desk.adapter.close()
    assert desk.book.writes[-1].state == "open"
    assert isinstance(await desk.beside().call(), Done)
    assert desk.centre.sent.count("login") == 1


async def test_a_log_out_whose_answer_is_lost_is_found_out_by_the_next_call() -> None:
    desk = Desk()
    await desk.call()
    desk.centre.after["logout"] = [httpx.ReadTimeout("x")]
    await desk.adapter.close()
    assert isinstance(await desk.beside().call(), Done)
    assert desk.centre.sent[-3:] == ["getPerDetail", "login", "getPerDetail"]


# -- by a person's command
async def test_log_in_and_out_by_command() -> None:
    desk = Desk()
    first = await desk.call("log_in")
    assert isinstance(first, Done)
    assert first.reply == {"session": "new"}, "the session itself is nobody's to see (G10)"
    assert (await desk.call("log_in")).reply == {"session": "standing"}
    out = await desk.call("log_out")
    assert isinstance(out, Done)
    assert out.reply == {"session": "ended"}
    assert (await desk.call("log_out")).reply == {"session": "none"}
    assert desk.centre.sent == ["login", "logout"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"code": 0, "msg": ""}, Done),
        ({"code": 31001, "msg": "B31001-当前用户未登录,不需要登出"}, Done),
        ({"code": 31007, "msg": "B31007-当前用户未登录"}, Done),
        ({"code": 11005, "msg": "sessionid无效"}, Done),
        ({"code": 31006, "msg": "B31006-密码错误"}, Refused),
        ({"code": 31004, "msg": "B31004-用户已登录"}, NotSent),
        ({"code": 99999, "msg": "系统发生异常"}, InDoubt),
        (httpx.ReadTimeout("x"), InDoubt),
        (httpx.ConnectError("x"), NotSent),
        (b"<html>", InDoubt),
    ],
    ids=repr,
)
async def test_answers_to_a_log_out_by_command(answer: Any, kind: type[Outcome]) -> None:
    desk = Desk()
    await desk.call("log_in")
    desk.centre.doing["logout"] = [answer]
    assert type(await desk.call("log_out")) is kind
    kept = await desk.book.now()
    assert kept is not None
    assert kept.state == ("closed" if kind is Done else "open")


@pytest.mark.parametrize("operation", ["log_in", "log_out", "list_stays", "upload_lines", "register"])
async def test_without_the_lease_nothing_leaves(operation: str) -> None:
    desk = Desk()
    assert isinstance(await desk.call(operation, guard=lambda: False), NotSent)
    assert desk.centre.asked == []


async def test_a_lease_lost_while_logging_in() -> None:
    desk = Desk()
    outcome = await desk.call(guard=lambda: "login" not in desk.centre.sent)
    assert isinstance(outcome, NotSent)
    assert desk.centre.sent == ["login"]


# -- workers who log in at the same time
async def test_a_worker_waits_for_another_that_is_logging_in() -> None:
    desk = Desk(settings=ALWAYS)
    other = desk.beside()
    hold = asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        await hold.wait()
        return await desk.centre(request)

    desk.transport = httpx.MockTransport(slow)
    desk.__post_init__()
    first = asyncio.create_task(desk.call())
    await asyncio.sleep(0.01)
    second = asyncio.create_task(other.call())
    await asyncio.sleep(0)
    hold.set()
    assert isinstance(await first, Done)
    assert isinstance(await second, Done)
    assert desk.centre.sent.count("login") == 1


async def test_a_worker_that_died_while_logging_in_is_not_waited_for_for_ever() -> None:
    desk = Desk()
    now = desk.environment.now()
    assert await desk.book.hold("neimenggu", USER, "the dead", now, now + 30 * SECOND)
    assert isinstance(await desk.call(), Done)
    assert 30 * SECOND <= desk.environment.now() - now < MINUTE


async def test_a_worker_that_hangs_while_logging_in_costs_only_patience() -> None:
    desk = Desk()
    now = desk.environment.now()
    assert await desk.book.hold("neimenggu", USER, "the hanging", now, now + HOUR)
    assert isinstance(await desk.call(), NotSent)
    assert desk.centre.asked == []


async def test_a_log_in_goes_on_when_its_caller_gives_up() -> None:
    """Else its answer were lost, and nobody could log in for two hours."""
    desk = Desk()
    hold = asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        answer = await desk.centre(request)
        if request.url.path.endswith("login.html"):
            await hold.wait()
        return answer

    desk.transport = httpx.MockTransport(slow)
    desk.__post_init__()
    assert isinstance(await desk.call(timeout=20_000), NotSent)
    cancelled = asyncio.create_task(desk.call())
    await asyncio.sleep(0.01)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    hold.set()
    await until(lambda: bool(desk.book.writes))
    assert isinstance(await desk.call(), Done)
    assert desk.centre.sent == ["login", "getPerDetail"]


async def test_a_log_in_that_takes_all_the_time_leaves_none_for_the_call() -> None:
    desk = Desk()

    async def slow(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("login.html"):
            await asyncio.sleep(0.05)
        return await desk.centre(request)

    desk.transport = httpx.MockTransport(slow)
    desk.__post_init__()
    assert isinstance(await desk.call(timeout=40_000), NotSent)
    await desk.adapter.close()
    assert desk.centre.calls == []


async def test_another_session_written_meanwhile_is_not_written_over() -> None:
    """The lease ran out in the middle: whose session stands the centre knows, not we."""
    desk = Desk()
    once: list[str] = []

    def meanwhile(_state: str) -> None:
        if not once:
            once.append("")
            desk.book._kept["neimenggu", USER] = kept("9999", desk.environment.now())

    desk.book.before_write = meanwhile
    assert isinstance(await desk.call(), NotSent)
    stands = await desk.book.now()
    assert stands is not None
    assert stands.session_id == "9999"


# -- what is told
async def test_neither_password_nor_session_nor_key_is_told() -> None:
    told: list[str] = []
    desk = Desk()
    desk.centre.doing["login"] = [{"code": 77777, "msg": f"{PASSWORD_ON_THE_WIRE} {USER}"}]
    told.append(repr(await desk.call()))
    await desk.call()
    desk.centre.doing["getPerDetail"] = [{"code": 99999, "msg": "sessionid 2026030108280 " + PASSWORD}]
    told.append(repr(await desk.call()))
    desk.centre.log_in_elsewhere()
    told.append(repr(await desk.call()))
    told.append(repr(await desk.call("log_in")))
    for text in told:
        assert PASSWORD_ON_THE_WIRE not in text
        assert "2026030108280" not in text


def kept(session_id: str, used_at: Micros) -> Any:
    from adapters.equipment import KeptSession  # only here: the book's own form

    return KeptSession(session_id, 1, used_at, "open")


async def until(done: Any) -> None:
    """Wait for something that another task does; seconds at most."""
    async with asyncio.timeout(PATIENCE):
        while not done():
            await asyncio.sleep(0.001)


def test_the_fixtures_are_what_they_say() -> None:
    assert Centre(ToyEnvironment(MORNING)).today().isoformat() == "2026-03-01"
    assert WatchedBook().writes == []
