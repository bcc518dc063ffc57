"""What is done from the console: once, by who may, to what was seen, and by two where two are asked for."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from engine.environment import MINUTE
from service.access.matrix import matrix
from tests.console.conftest import SignedIn
from tests.console.seed import Seed, seeded
from tests.service.wired import PASSWORD, Wired, opened
from tests.world import World


async def form_of(client: httpx.AsyncClient, visit: str, kind: str, target: str = "") -> dict[str, str]:
    """Return the hidden fields of a form on a visit's page, with a reason."""
    text = (await client.get(f"/console/visits/{visit}")).text
    part = text.partition(f'id="do-{kind}-{target}"')[2].partition("</form>")[0]
    assert part, f"no {kind} {target}"
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', part)) | {"reason": "电话核实"}


async def act(client: httpx.AsyncClient, visit: str, form: dict[str, str]) -> httpx.Response:
    return await client.post(f"/console/visits/{visit}/act", data=form)


async def kinds(seed: Seed, visit: str) -> list[str]:
    return [each.kind for each in await seed.world.events(visit)]


async def test_a_doubt_is_settled_by_two_people(seed: Seed, signed_in: SignedIn) -> None:
    visit = seed.visits["doubt"]
    async with signed_in("wang") as wang, signed_in("li") as li:
        answer = await act(wang, visit, await form_of(wang, visit, "settle", "not_applied"))
        assert (answer.status_code, answer.headers["location"]) == (303, f"/console/visits/{visit}?told=asked")
        assert "settled" not in await kinds(seed, visit)
        own = (await wang.get(f"/console/visits/{visit}")).text
        assert "须由他人复核" in own and "/approve" not in own
        page = (await li.get(f"/console/visits/{visit}")).text
        approval = re.search(r"/console/approvals/(\w+)/approve", page)
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert approval and csrf
        decision = {"csrf": csrf[1], "reason": "看过中心系统"}
        own_try = await wang.post(
            f"/console/approvals/{approval[1]}/approve",
            data=decision | {"csrf": (await wang.get("/api/v1/session")).json()["csrf"]},
        )
        assert own_try.status_code == 403
        assert (await li.post(approval[0], data=decision)).status_code == 303
        assert "settled" in await kinds(seed, visit)
        assert (await li.post(approval[0], data=decision)).status_code == 409


async def test_an_approval_is_refused(seed: Seed, signed_in: SignedIn) -> None:
    async with signed_in("wang") as wang:
        (asked,) = await seed.desk.acting.approvals.all("asked", None, None, 10)
        csrf = (await wang.get("/api/v1/session")).json()["csrf"]
        path = f"/console/approvals/{asked.approval_id}/refuse"
        assert (await wang.post(path, data={"csrf": csrf, "reason": ""})).status_code == 422
        assert (
            (await wang.post(path, data={"csrf": csrf, "reason": "不对"})).headers["location"].endswith("told=refused")
        )


async def test_one_is_enough_without_four_eyes_and_a_second_click_does_nothing() -> None:
    seed = await seeded(four_eyes=False)
    visit = seed.visits["doubt"]
    async with seed.wired.client() as client:
        await client.post("/console/login", data={"name": "wang", "password": PASSWORD})
        form = await form_of(client, visit, "settle", "not_applied")
        answers = [await act(client, visit, form) for _ in range(2)]
        assert [each.headers.get("location") for each in answers] == [f"/console/visits/{visit}?told=done"] * 2
        assert (await kinds(seed, visit)).count("settled") == 1
        settled = next(each for each in await seed.world.events(visit) if each.kind == "settled")
        assert "电话核实" in repr(settled)
        await seed.world.run()
        # it had happened after all: the centre refuses the second one, and the visit stops again
        assert (await seed.world.get(visit)).cause == "refused"


async def test_nothing_is_done_to_a_visit_that_has_moved(seed: Seed, signed_in: SignedIn) -> None:
    visit = seed.visits["refused"]
    async with signed_in() as client:
        form = await form_of(client, visit, "resume")
        await seed.world.commands.correct(visit, {"dept_code": "0302"}, "li", "moved")
        before = await kinds(seed, visit)
        answer = await act(client, visit, form)
        assert answer.status_code == 409 and "又有进展" in answer.text
        assert await kinds(seed, visit) == before
        assert (await act(client, visit, await form_of(client, visit, "resume"))).status_code == 303


async def test_triggers_corrections_and_bad_forms(seed: Seed, signed_in: SignedIn) -> None:
    visit = seed.visits["waiting"]
    async with signed_in() as client:
        correct = await form_of(client, visit, "correct")
        bad = await act(client, visit, correct | {"changes": "{not json"})
        assert bad.status_code == 422 and "changes" in bad.text
        other = correct | {"ticket": "another-ticket", "changes": '{"dept_code": "0302"}'}
        assert (await act(client, visit, other)).status_code == 303
        assert (await seed.world.visit(visit)).data["dept_code"] == "0302"
        trigger = await form_of(client, visit, "trigger", "settle")
        assert (await act(client, visit, trigger)).status_code == 422  # of another kind than this route's
        path = f"/console/visits/{visit}/trigger"
        sneaked = await client.post(path, data=await form_of(client, visit, "cancel", "cancelled"))
        assert sneaked.status_code == 403
        unreasoned = await act(client, visit, (await form_of(client, visit, "cancel", "cancelled")) | {"reason": " "})
        assert unreasoned.status_code == 422
        done = await client.post(path, data=trigger | {"text.invoice_no": "FP77"})
        assert done.status_code == 303, done.text
        await seed.world.run()
        assert (await seed.world.get(visit)).state == "discharged"


async def test_every_change_needs_the_session_s_token(seed: Seed, signed_in: SignedIn) -> None:
    visit = seed.visits["refused"]
    async with signed_in() as client:
        form = await form_of(client, visit, "resume")
        for changed in ({"csrf": ""}, {"csrf": "x"}):
            assert (await act(client, visit, form | changed)).status_code == 403
        foreign = await client.post(
            f"/console/visits/{visit}/act", data=form, headers={"Origin": "http://elsewhere.example"}
        )
        assert foreign.status_code == 403
        other = await client.post("/console/logout", data={"csrf": "x"})
        assert other.status_code == 403 and (await client.get("/console")).status_code == 200
        foreign_login = await client.post("/console/login", data=form, headers={"Origin": "http://elsewhere.example"})
        assert foreign_login.status_code == 403
        large = await act(client, visit, form | {"reason": "x" * 300_000})
        assert large.status_code == 413
    assert "resumed" not in await kinds(seed, visit)


def test_no_get_changes_anything_but_by_name() -> None:
    changing = {"visits.operate", "visits.trigger", "approvals.decide", "exchanges.unmask"}
    for route, needed in matrix().routes.items():
        assert not (route.startswith("GET /console") and needed in changing), route


async def test_who_may_not_gets_a_page_that_says_so(seed: Seed, signed_in: SignedIn) -> None:
    visit = seed.visits["refused"]
    async with signed_in("zhao") as client:
        csrf = (await client.get("/api/v1/session")).json()["csrf"]
        answer = await act(client, visit, {"csrf": csrf, "kind": "resume", "reason": "x"})
        assert answer.status_code == 403 and "角色无此权限" in answer.text
        assert "立即运行</summary>" not in (await client.get("/console/schedules")).text


async def test_signing_in_and_out(seed: Seed) -> None:
    async with seed.wired.client() as client:
        nobody = await client.get(f"/console/visits/{seed.visits['doubt']}")
        assert nobody.status_code == 401 and 'type="password"' in nobody.text and "MZ2026" not in nobody.text
        assert nobody.headers["hx-refresh"] == "true"
        assert f'value="/console/visits/{seed.visits["doubt"]}"' in nobody.text
        wrong = await client.post("/console/login", data={"name": "wang", "password": "wrong wrong wrong"})
        assert wrong.status_code == 401 and "用户名或密码不正确" in wrong.text
        for trap in ("//elsewhere.example", "https://elsewhere.example/console", "/console\\..", "/api"):
            answer = await client.post("/console/login", data={"name": "wang", "password": PASSWORD, "next": trap})
            assert answer.headers["location"] == "/console", trap
        csrf = (await client.get("/api/v1/session")).json()["csrf"]
        out = await client.post("/console/logout", data={"csrf": csrf})
        assert out.headers["location"] == "/console/login"
        assert (await client.get("/console")).status_code == 401
        assert (await client.get("/")).headers["location"] == "/console"


async def test_a_schedule_is_run_now_and_only_once(seed: Seed, signed_in: SignedIn, monkeypatch: Any) -> None:
    async with signed_in() as client:
        page = (await client.get("/console/schedules")).text
        assert "每天 07:30" in page and "jiangsu.session/001-20261120" in page
        csrf = (await client.get("/api/v1/session")).json()["csrf"]
        why = {"csrf": csrf, "reason": "nobody was here this morning"}
        run = [await client.post("/console/schedules/sign_in/run", data=why) for _ in range(2)]
        assert [each.headers.get("location") for each in run] == [
            "/console/schedules?told=opened",
            "/console/schedules?told=already",
        ], run[0].text
        assert "001-20261120" in (await client.get("/console/schedules")).text
        assert (await client.post("/console/schedules/nothing/run", data=why)).status_code == 404
        assert (await client.post("/console/schedules/sign_in/run", data={"csrf": csrf})).status_code == 422
    noted = await seed.desk.application.registers.audit.all(None, "run_schedule", None, 9)
    assert {(each.actor, each.target, each.reason) for each in noted} == {("wang", "sign_in", why["reason"])}


async def test_a_schedule_is_paused_and_resumed(seed: Seed, signed_in: SignedIn) -> None:
    async with signed_in() as client:
        csrf = (await client.get("/api/v1/session")).json()["csrf"]
        why = {"csrf": csrf, "reason": "停机检修"}
        paused = await client.post("/console/schedules/sign_in/pause", data=why)
        assert paused.headers["location"] == "/console/schedules?told=paused"
        page = (await client.get(paused.headers["location"])).text
        assert "已暂停。" in page and "wang 已暂停" in page and "停机检修" in page
        assert (await client.post("/console/schedules/sign_in/pause", data=why)).status_code == 409
        shown = {each["name"]: each for each in (await client.get("/api/v1/schedules")).json()}
        assert shown["sign_in"]["paused"]["by"] == "wang" and shown["sign_in"]["next_run"] is None
        again = await client.post("/console/schedules/sign_in/resume", data=why)
        assert again.headers["location"] == "/console/schedules?told=resumed"
        assert "停机检修" not in (await client.get("/console/schedules")).text
    register = seed.desk.application.registers.audit
    for action in ("pause_schedule", "resume_schedule"):
        assert [each.reason for each in await register.all("wang", action, None, 9)] == ["停机检修"]


@pytest.mark.parametrize("name", ["wang", "li", "admin"])
async def test_nobody_is_told_more_than_the_api_tells(seed: Seed, signed_in: SignedIn, name: str) -> None:
    async with signed_in(name) as client:
        text = (await client.get(f"/console/visits/{seed.visits['doubt']}")).text
        offered = set(re.findall(r'id="do-(\w+)-(\w*)"', text))
        actions = (await client.get(f"/api/v1/visits/{seed.visits['doubt']}")).json()["actions"]
        assert offered == {(each["action"], each["target"]) for each in actions if each["action"] != "migrate"}


async def test_a_board_left_open_does_not_keep_its_session_alive(seed: Seed, signed_in: SignedIn) -> None:
    automatic = {"X-Visitflow-Automatic": "1", "HX-Request": "true", "HX-Target": "board"}
    async with signed_in() as client:
        assert "X-Visitflow-Automatic" in (await client.get("/console")).text
        for _ in range(4):
            seed.world.environment.time += 10 * MINUTE
            answer = await client.get("/console", headers=automatic)
        assert (answer.status_code, answer.headers["hx-refresh"]) == (401, "true")


async def test_nobody_set_up_may_act_on_this_machine_under_a_told_name() -> None:
    wired = Wired(await World().start())
    async with wired.client() as client:
        visit = await opened(client)
        await wired.world.run()
        page = (await client.get(f"/console/visits/{visit}")).text
        assert "尚未设置任何用户" in page and 'name="by" required' in page
        form = await form_of(client, visit, "cancel", "cancelled")
        assert (await act(client, visit, form)).status_code == 422
        assert (await act(client, visit, form | {"by": "wang", "ticket": "t2"})).status_code == 303
        event = next(each for each in await wired.world.events(visit) if each.kind == "undo_requested")
        assert (event.by, event.reason) == ("wang", "电话核实")
    async with wired.client(address="10.0.0.9") as client:
        assert (await client.get("/console")).status_code == 401
