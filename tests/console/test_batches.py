"""One action over many visits as pages: what is offered, that a preview does nothing, what became of each visit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape

import httpx
import pytest

from engine.environment import MINUTE
from service.access.matrix import matrix
from service.batches import BatchWorker
from tests.console.conftest import SignedIn
from tests.console.seed import Seed
from tests.service.wired import Wired, opened
from tests.toy import refuse
from tests.world import World

RESUME = {"status": "stuck", "cause": "refused", "kind": "resume", "target": "", "reason": "科室代码已改正"}


async def csrf(client: httpx.AsyncClient) -> dict[str, str]:
    return {"csrf": (await client.get("/api/v1/session")).json()["csrf"]}


def offered(text: str) -> dict[tuple[str, str], int]:
    """Return deeds with how many visits they are offered for."""
    found = re.findall(r'id="do-(\w+)-(\w*)">\s*<summary>[^<]*<span class="faint">其中 (\d+) 个', text)
    return {(kind, target): int(count) for kind, target, count in found}


def confirming(text: str) -> tuple[str, dict[str, str]]:
    """Return the address and the hidden fields of a preview's form."""
    address, form = re.search(r'action="(/console/batches/\w+/confirm)"(.*?)</form>', text, re.S).groups()  # type: ignore[union-attr]
    return address, dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))


async def preview(client: httpx.AsyncClient, **changes: str) -> httpx.Response:
    return await client.post("/console/batches", data=await csrf(client) | RESUME | changes)


async def work(seed: Seed) -> None:
    while await BatchWorker(seed.wired.application, seed.desk.acting).work():
        pass


async def kinds(seed: Seed, what: str) -> list[str]:
    return [each.kind for each in await seed.world.events(seed.visits[what])]


async def test_only_what_may_be_done_is_offered(seed: Seed, signed_in: SignedIn) -> None:
    async with signed_in() as client:
        stuck = (await client.get("/console/batches/new")).text
        assert "找到 3 个就诊" in stuck
        assert offered(stuck)["settle", "not_applied"] == 1 and offered(stuck)["resume", ""] >= 1
        assert not {kind for kind, _ in offered(stuck)} & {"correct", "migrate"}
        refused = (await client.get("/console/batches/new?status=stuck&cause=refused")).text
        assert "找到 1 个就诊" in refused and ("settle", "applied") not in offered(refused)
        assert "没有这样的就诊" in (await client.get("/console/batches/new?cause=deadline")).text
        everything = (await client.get("/console/batches/new?status=")).text
        assert f"找到 {len(seed.visits)} 个就诊" in everything


async def test_the_board_leads_to_the_visits_of_a_cause(signed_in: SignedIn) -> None:
    async with signed_in() as client:
        board = (await client.get("/console")).text
        links = {unescape(each) for each in re.findall(r'href="/console/batches/new\?([^"]*)"', board)}
        assert links > {"status=stuck", "status=stuck&cause=refused"}
        for link in links:
            assert "没有这样的就诊" not in (await client.get(f"/console/batches/new?{link}")).text
    async with signed_in("zhao") as client:
        assert "/console/batches/new" not in (await client.get("/console")).text


async def test_a_preview_does_nothing_and_a_confirmed_one_tells_what_became_of_each(
    seed: Seed, signed_in: SignedIn
) -> None:
    async with signed_in() as client:
        seen = await preview(client, status="", cause="")
        assert seen.status_code == 200 and "还没有执行任何操作" in seen.text and RESUME["reason"] in seen.text
        assert re.findall(r"<dd>(\d+)</dd>", seen.text) == ["3", "4"]  # those that move cannot be resumed
        await work(seed)
        assert "resumed" not in await kinds(seed, "refused")
        address, form = confirming(seen.text)
        answers = [await client.post(address, data=form) for _ in range(2)]
        shown = address.removesuffix("/confirm")
        assert [each.headers.get("location") for each in answers] == [f"{shown}?told=confirmed"] * 2
        running = await client.get(f"{shown}?told=confirmed")
        assert "已处理 4 / 7" in running.text and 'hx-trigger="every 2s"' in running.text
        await work(seed)
        assert (await kinds(seed, "refused")).count("resumed") == 1
        part = await client.get(shown, headers={"HX-Request": "true", "HX-Target": "batch"})
        assert part.headers["hx-refresh"] == "true" and "<html" not in part.text
        done = (await client.get(shown)).text
        assert "已处理 7 / 7" in done and "every 2s" not in done and f"{shown}/stop" not in done
        assert "跳过 <b>4</b>" in done
        only = (await client.get(f"{shown}?state=done")).text
        assert re.findall(r'<a class="whole"[^>]*>(\w+)</a>', only) == [
            "MZ20261120007",
            "MZ20261120005",
            "MZ20261120003",
        ]
        listed = (await client.get("/console/batches")).text
        assert "继续（立即重试）" in listed and "已执行 3" in listed and shown in listed


async def test_results_are_paged(seed: Seed, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.console.batch_results.MOST_ITEMS", 2)
    async with signed_in() as client:
        shown = confirming((await preview(client, cause="")).text)[0].removesuffix("/confirm")
        first = (await client.get(shown)).text
        onward = re.search(rf'href="({shown}\?after=2)"', first)
        assert onward and "只做了预览" in first
        second = (await client.get(onward[1])).text
        pages = [re.findall(r'id="visit-(\w+)"', text) for text in (first, second)]
        assert [len(each) for each in pages] == [2, 1] and not set(pages[0]) & set(pages[1])
        assert f"{shown}?after=" not in second.replace(onward[1], "")


async def test_a_batch_is_stopped_with_a_reason(seed: Seed, signed_in: SignedIn) -> None:
    async with signed_in() as client:
        address, form = confirming((await preview(client)).text)
        await client.post(address, data=form)
        shown = address.removesuffix("/confirm")
        said = await csrf(client)
        assert (await client.post(f"{shown}/stop", data=said | {"reason": " "})).status_code == 422
        stopped = await client.post(f"{shown}/stop", data=said | {"reason": "选错了"})
        assert stopped.headers["location"] == f"{shown}?told=stopped"
        await work(seed)
        assert "resumed" not in await kinds(seed, "refused") and "已停止" in (await client.get(shown)).text
    (entry,) = await seed.desk.application.registers.audit.all("wang", "stop_batch", None, 10)
    assert entry.reason == "选错了"


@pytest.mark.parametrize(
    "changes",
    [{"reason": ""}, {"kind": "nothing"}, {"kind": "correct", "changes": "{}"}, {"idle_for": "long"}, {"status": "x"}],
)
async def test_bad_forms(signed_in: SignedIn, changes: Mapping[str, str]) -> None:
    async with signed_in() as client:
        assert (await preview(client, **changes)).status_code == 422
        assert "还没有批量操作" in (await client.get("/console/batches")).text


async def test_another_person_or_too_late_confirms_nothing(seed: Seed, signed_in: SignedIn) -> None:
    async with signed_in() as wang, signed_in("li") as li:
        address, form = confirming((await preview(wang)).text)
        assert (await li.post(address, data=form | await csrf(li))).status_code == 409
        seed.world.environment.time += 16 * MINUTE
        assert (await wang.post(address, data=form)).status_code == 409
        await work(seed)
        assert "resumed" not in await kinds(seed, "refused")


async def test_what_needs_a_second_person_is_counted_and_awaits_approval(seed: Seed, signed_in: SignedIn) -> None:
    async with signed_in() as client:
        seen = await preview(client, kind="settle", target="not_applied", cause="doubt")
        assert re.findall(r"<dd>(\d+)</dd>", seen.text) == ["1", "0", "1"] and "需另一人复核" in seen.text
        assert "可能再次向对方发送: <code>settle</code>" in seen.text and "先向对方核实" in seen.text
        address, form = confirming(seen.text)
        await client.post(address, data=form)
        await work(seed)
        assert "待复核 <b>1</b>" in (await client.get(address.removesuffix("/confirm"))).text
        assert "settled" not in await kinds(seed, "doubt")


async def test_an_analyst_watches_and_does_nothing(seed: Seed, signed_in: SignedIn) -> None:
    async with signed_in() as client:
        shown = confirming((await preview(client)).text)[0].removesuffix("/confirm")
    async with signed_in("zhao") as client:
        text = (await client.get(shown)).text
        assert "MZ20261120005" in text and "/batches/new" not in text
        assert "/batches/new" not in (await client.get("/console/batches")).text
        for path in ("/console/batches", f"{shown}/confirm", f"{shown}/stop"):
            assert (await client.post(path, data=await csrf(client) | RESUME)).status_code == 403
    assert not matrix().may("his", "batches.read")


async def test_nobody_set_up_acts_under_a_told_name() -> None:
    wired = Wired(await World().start())
    wired.world.peer.fail("settle", refuse)
    async with wired.client() as client:
        visit = await opened(client, invoice="I1")
        await wired.world.run()
        assert 'name="by" required' in (await client.get("/console/batches/new")).text
        assert (await client.post("/console/batches", data=RESUME)).status_code == 422
        address, form = confirming((await client.post("/console/batches", data=RESUME | {"by": "wang"})).text)
        assert form["by"] == "wang" and (await client.post(address, data=form)).status_code == 303
        await BatchWorker(wired.application, wired.desk.acting).work()
        event = next(each for each in await wired.world.events(visit) if each.kind == "resumed")
        assert event.by == "wang"
