"""The console in a real browser: three clicks, keys only, a phone, and what axe-core finds."""

from __future__ import annotations

import importlib.resources
import re
from typing import Any

import pytest

from service.batches import BatchWorker
from tests.chromium import needs_clicks
from tests.console.browser import DESKTOP, PHONE, looking, served
from tests.console.seed import Seed, seeded
from tests.console.test_pages import BATCHES

pytestmark = [pytest.mark.slow, needs_clicks, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

COUNT_CLICKS = "addEventListener('click', () => sessionStorage.clicks = Number(sessionStorage.clicks || 0) + 1, true)"


@pytest.fixture
async def seed() -> Seed:
    return await seeded(four_eyes=False)


@pytest.mark.parametrize(
    ("language", "verdict", "confirm", "accepted", "evidence"),
    [
        ("zh", "认定：对方没有办成", "确定执行", "已受理。", r"系统核实 \d+ 次仍不能确定"),
        ("en", "Settle: it did not happen", "Do it", "Accepted.", r"\d+ looks could not tell"),
    ],
    ids=["zh", "en"],
)
async def test_from_the_board_to_a_settled_doubt_in_three_clicks(
    seed: Seed, language: str, verdict: str, confirm: str, accepted: str, evidence: str
) -> None:
    visit = seed.visits["doubt"]
    async with served(seed) as base, looking(base, language=language) as page:
        await page.add_init_script(COUNT_CLICKS)
        await page.reload()
        await page.click(f"#row-doubt-{visit}")
        await page.locator(".story", has_text=re.compile(evidence)).wait_for()  # the evidence, without a click
        history = page.locator(".history li")
        assert await history.filter(has_text="settle").count() >= 2 and await history.count() >= 8
        await page.get_by_text(verdict).click()
        await page.wait_for_selector("details[open] textarea:focus")
        await page.keyboard.type("asked by telephone: the centre has no such settlement")  # the cursor is there already
        await page.locator("details[open]").get_by_role("button", name=confirm).click()
        await page.get_by_text(accepted).wait_for()
        assert int(await page.evaluate("sessionStorage.clicks")) == 3
        settled = next(each for each in await seed.world.events(visit) if each.kind == "settled")
        assert (settled.by, settled.verdict) == ("wang", "not_applied")
        assert page.errors == []


async def test_the_same_by_keys_alone(seed: Seed) -> None:
    visit = seed.visits["doubt"]
    async with served(seed) as base, looking(base) as page:
        await page.reload()
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        await page.keyboard.press("Enter")
        await _tab_to(page, f"#row-doubt-{visit}")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#h-actions")
        await _tab_to(page, "#do-settle-not_applied > summary")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#do-settle-not_applied textarea:focus")
        await page.keyboard.type("by telephone")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.get_by_text("已受理。").wait_for()
        assert "settled" in [each.kind for each in await seed.world.events(visit)]


async def _tab_to(page: Any, selector: str) -> None:
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"no way by keys to {selector}")


async def test_the_board_renews_itself(seed: Seed) -> None:
    async with served(seed) as base, looking(base) as page:
        await page.wait_for_selector(".live.on")
        assert await page.locator("tbody tr").count() == 4
        await seed.world.commands.resume(seed.visits["refused"], "li", "again")
        await seed.world.run(60 * 10**6)
        await seed.desk.hub.publish()
        await page.wait_for_selector("tbody tr:nth-child(3):last-child")
        assert page.errors == []


async def test_the_board_polls_where_there_is_no_stream(seed: Seed) -> None:
    async with served(seed) as base, looking(base) as page:
        await page.route("**/api/v1/events*", lambda route: route.abort())
        await page.clock.install()
        await page.reload()
        await page.get_by_text("每 15 秒更新").wait_for()
        await seed.world.commands.resume(seed.visits["refused"], "li", "again")
        await seed.world.run(60 * 10**6)
        await page.clock.fast_forward(16_000)
        await page.wait_for_selector("tbody tr:nth-child(3):last-child")


async def test_a_batch_from_the_board_to_its_end(seed: Seed) -> None:
    async with served(seed) as base, looking(base) as page:
        await page.locator("#cause-refused").click()
        await page.locator("details.offer summary", has_text="继续（立即重试）").click()
        await page.wait_for_selector("details.offer[open] textarea:focus")
        await page.keyboard.type("dept code mended")
        await page.get_by_role("button", name="预览").click()
        await page.get_by_role("button", name="确定对 1 个就诊执行").click()
        await page.get_by_text("已处理 0 / 1").wait_for()
        await BatchWorker(seed.wired.application, seed.desk.acting).work()
        await page.get_by_text("已处理 1 / 1").wait_for()  # renewed by itself
        await page.locator("#stop").wait_for(state="detached")
        assert "resumed" in [each.kind for each in await seed.world.events(seed.visits["refused"])]
        assert page.errors == []


async def test_an_exchange_opens_in_place_and_is_unmasked_with_a_reason(seed: Seed) -> None:
    async with served(seed) as base, looking(base) as page:
        await page.goto(f"/console/visits/{seed.visits['closed']}")
        await page.locator("details.exchange summary", has_text="read_card").click()
        box = page.locator(".exchange-body")
        await box.wait_for()
        assert "TEST-CREDENTIAL-1" not in await box.inner_text()
        await box.locator("input[name=reason]").fill("申诉核对")
        await box.get_by_role("button").click()
        await page.get_by_text("此次查看已记入审计").wait_for()
        assert "TEST-CREDENTIAL-1" in await box.inner_text()
        assert page.errors == []


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing_and_nothing_sticks_out(seed: Seed, size: tuple[int, int], language: str) -> None:
    axe = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    visits = [f"/console/visits/{seed.visits[what]}" for what in ("doubt", "lines", "closed", "waiting")]
    pages = ["/console", *visits, "/console/flows", "/console/flows/jiangsu.outpatient", "/console/schedules"]
    async with served(seed) as base, looking(base, size, language=language) as page:
        await page.goto("/console/batches/new?status=stuck")
        await page.locator("details.offer summary").first.click()
        await page.locator("details[open] textarea").fill("a reason")
        await page.locator("details[open] button.main").click()
        await _axe_finds_nothing(page, axe, "preview")
        await page.locator("main button.main").first.click()
        await page.wait_for_url("**/console/batches/*")
        pages += ["/console/visits", "/console/visits?flow=jiangsu.outpatient", page.url]
        for address in [*pages, *BATCHES, "/console/history", "/console/peers", "/console/login"]:
            await page.goto(address)
            await page.locator("[aria-busy]").first.wait_for(state="detached")
            for summary in await page.locator("details.offer > summary").all():
                await summary.click()
                break
            await _axe_finds_nothing(page, axe, address)
        assert page.errors == []


async def _axe_finds_nothing(page: Any, axe: str, address: str) -> None:
    await page.evaluate(axe)
    found = await page.evaluate("axe.run()")
    told = [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found["violations"]]
    assert told == [], f"{address}: {told}"
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{address} is {wide} pixels too wide"
