"""The console's history page: the same figures as everywhere, and charts that are drawn from the tables."""

from __future__ import annotations

import importlib.resources
import json
import re
from pathlib import Path
from typing import Any

import pytest

from service.console.history import CHARTS
from service.console.rendering import assets
from service.history.figures import TOPICS
from tests.console.browser import DESKTOP, PHONE, chromium, looking, served
from tests.console.conftest import seed, signed_in
from tests.console.seed import Seed
from tests.console.test_pages import Reader
from tests.history.conftest import drawn, registers_of

__all__ = ["seed", "signed_in"]
PAGE = "/console/history?from=2026-11-01&to=2026-11-30"
#: The browser has fetched the last table.
ALL_THERE = "#figures:not(:has([aria-busy]))"


async def test_the_page_shows_what_the_api_answers(seed: Seed, signed_in: Any) -> None:
    await drawn(seed)
    async with signed_in("zhao") as client:
        page = Reader((await client.get(PAGE)).text)
        parts = [each["hx-get"] for each in page.each("section") if "hx-get" in each]
        assert [re.split(r"[/?]", part)[3] for part in parts] == list(TOPICS)
        read = Reader("".join([(await client.get(part, headers={"HX-Request": "true"})).text for part in parts]))
        for topic in TOPICS:
            answer = await client.get(f"/api/v1/history/{topic}", params={"from": "20261101", "to": "20261130"})
            numbers = [
                str(row[name])
                for row in answer.json()["rows"]
                for name, kind in answer.json()["columns"].items()
                if kind in ("count", "ms", "money", "share") and row[name] is not None
            ]
            assert numbers, topic
        shown = [each["data-value"] for each in read.each("td") if "data-value" in each]
        assert len(shown) > 100 and "270.00" in shown and "业务处理错误" in read.words
        assert {each["data-table"] for each in read.each("div") if "data-table" in each} == {
            f"t-{name}" for name in CHARTS
        }
        links = [each["href"] for each in page.each("a") if "export" in each["href"]]
        assert len(links) == 7
        for link in links:
            assert (await client.get(link)).status_code == 200
    assert len(await registers_of(seed).audit.all("zhao", "export", None, 100)) == 7


async def test_the_page_says_when_nothing_was_counted_and_which_day_is_wrong(seed: Seed, signed_in: Any) -> None:
    async with signed_in() as client:
        assert "visitflow history rebuild" in (await client.get(PAGE)).text
        wrong = await client.get("/console/history?from=2026-11-30&to=2026-11-01")
        assert wrong.status_code == 422 and "<h1>" in wrong.text
        empty = await client.get("/console/history?from=2020-01-01&to=2020-01-31&flow=jiangsu.inpatient")
        assert 'value="2020-01-31"' in empty.text
        (whole,) = [each["href"] for each in Reader(empty.text).each("a") if "/whole?" in each["href"]]
        assert "这段时间没有记录" in (await client.get(whole)).text


async def test_one_topic_is_a_page_where_there_are_no_scripts(seed: Seed, signed_in: Any) -> None:
    await drawn(seed)
    async with signed_in("zhao") as client:
        page = Reader((await client.get(PAGE)).text)
        (money,) = [each["href"] for each in page.each("a") if "/history/money" in each["href"]]
        told = (await client.get(money)).text
        assert told.startswith("<!doctype html>") and "270.00" in told
        assert "from=2026-11-01&amp;to=2026-11-30" in told, "and leads back to where it was"
        nothing = await client.get("/console/history/nothing")
        assert nothing.status_code == 404 and "durations" in nothing.text


async def test_what_flows_and_peers_are_called_is_escaped(seed: Seed, signed_in: Any) -> None:
    async with signed_in() as client:
        answer = await client.get('/console/history?flow="><script>alert(1)</script>')
        assert "<script>alert" not in answer.text


def test_charts_name_columns_that_there_are() -> None:
    for topic, chart in CHARTS.items():
        columns = TOPICS[topic][0]
        assert {*chart["x"], *chart.get("by", ()), *chart["values"]} <= set(columns)


def test_the_charts_library_is_shipped_with_its_licence() -> None:
    [name] = [each for each in assets() if each.startswith("echarts") and each.endswith(".js")]
    licence = assets()["echarts.LICENSE.txt"][0].decode()
    assert name in licence and "Apache License" in licence and "d3" in licence


browser = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="no Chromium: install one or set VISITFLOW_TEST_CHROMIUM"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


class TestInABrowser:
    pytestmark = browser

    async def test_charts_are_drawn_from_their_tables(self, seed: Seed) -> None:
        pytest.importorskip("playwright", reason="playwright is not installed: pip install -e .[browser]")
        await drawn(seed)
        async with served(seed) as base, looking(base) as page:
            await page.goto(PAGE)
            await page.wait_for_selector(ALL_THERE)
            assert await page.locator(".chart canvas").count() == len(CHARTS)
            options = await page.evaluate(
                "[...document.querySelectorAll('.chart:not([hidden])')].map(box => {"
                " const o = echarts.getInstanceByDom(box).getOption();"
                " return [box.dataset.table, o.xAxis[0].data, o.series.map(s => [s.name, s.data])] })"
            )
            drawn_ = {table: (names, series) for table, names, series in options}
            assert drawn_["t-days"] == (
                [f"2026-11-{day}" for day in range(15, 21)],
                [["jiangsu.outpatient", [1, None, None, None, None, 6]]],
            )
            names, series = drawn_["t-money"]
            assert names == ["2026-11-20"] and sorted(values[0] for _name, values in series) == [54, 216, 270]
            names, series = drawn_["t-failures"]
            assert series[1][1][-1] == 100
            await page.hover(".chart canvas >> nth=0")
            await page.wait_for_timeout(300)
            assert page.errors == [], "the page's own security policy stops nothing of it"

    @pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
    @pytest.mark.parametrize("language", ["zh", "en"])
    async def test_axe_finds_nothing_and_nothing_sticks_out(
        self, seed: Seed, size: tuple[int, int], language: str
    ) -> None:
        package = pytest.importorskip("axe_playwright_python", reason="pip install -e .[browser]")
        axe = importlib.resources.files(package).joinpath("axe.min.js").read_text("utf-8")
        await drawn(seed)
        async with served(seed) as base, looking(base, size, language=language) as page:
            await page.goto(PAGE)
            await page.wait_for_selector(ALL_THERE)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            await page.evaluate(axe)
            found = json.loads(await page.evaluate("axe.run().then(found => JSON.stringify(found.violations))"))
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []

    @pytest.mark.filterwarnings("ignore")  # that tool's, not ours
    @pytest.mark.parametrize(("language", "history", "show"), [("zh", "统计", "查看"), ("en", "History", "Show")])
    async def test_an_analyst_takes_a_month_into_a_tool_of_process_mining(
        self, seed: Seed, tmp_path: Path, language: str, history: str, show: str
    ) -> None:
        pm4py = pytest.importorskip("pm4py", reason="pip install -e .[mining]")
        await drawn(seed)
        async with served(seed) as base, looking(base, name="zhao", language=language) as page:
            await page.get_by_role("link", name=history, exact=True).click()
            await page.fill("input[name=from]", "2026-11-01")
            await page.fill("input[name=to]", "2026-11-30")
            await page.get_by_role("button", name=show).click()
            await page.wait_for_selector(".chart canvas")
            async with page.expect_download() as started:
                await page.get_by_role("link", name="XES").click()
            month = tmp_path / "month.xes"
            await (await started.value).save_as(month)
            assert page.errors == []
            shown = await page.inner_text("#t-paths")
        log = pm4py.read_xes(str(month))
        variants = {" > ".join(path): count for path, count in pm4py.get_variants(log).items()}
        assert sum(variants.values()) == 7 and all(path in shown for path in variants)
        assert "MZ2026112000" not in month.read_text(encoding="utf-8")  # identities are hashed

    async def test_without_scripts_the_tables_tell_everything(self, seed: Seed) -> None:
        pytest.importorskip("playwright", reason="playwright is not installed: pip install -e .[browser]")
        await drawn(seed)
        async with served(seed) as base, looking(base) as page:
            await page.route("**/echarts*", lambda route: route.abort())
            await page.goto(PAGE)
            assert re.search(r"270\.00", await page.inner_text("#t-money"))
            assert await page.locator(".chart:visible").count() == 0

    async def test_tables_are_fetched_one_after_another_and_one_that_fails_keeps_no_other(self, seed: Seed) -> None:
        pytest.importorskip("playwright", reason="playwright is not installed: pip install -e .[browser]")
        await drawn(seed)
        async with served(seed) as base, looking(base) as page:
            under_way, most = 0, 0

            async def fetch(route: Any) -> None:
                nonlocal under_way, most
                under_way += 1
                most = max(most, under_way)
                await page.wait_for_timeout(50)
                under_way -= 1
                if "/days?" in route.request.url:
                    await route.fulfill(status=503, body="<div class='strip bad' role='alert'>忙</div>")
                else:
                    await route.continue_()

            await page.route("**/console/history/*", fetch)
            await page.goto(PAGE)
            await page.wait_for_selector("#t-uploads")
            assert most == 1
            assert await page.locator("#figures [role=alert]").count() == 1
            assert await page.locator("#figures table").count() == len(TOPICS) - 1
