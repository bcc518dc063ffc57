"""Every page in both languages: what it says, what it hides, and that it keeps to itself."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

import httpx
import pytest

from engine.events import Cause
from service.console import attention
from service.console.rendering import _words, assets, say
from service.console.traffic import Traffic
from tests.console.conftest import SignedIn
from tests.console.seed import HOSTILE, SECRET, Seed

PAGES = (
    "/console",
    "/console/visits",
    "/console/visits?flow=jiangsu.outpatient&state=settled&status=stuck",
    "/console/flows",
    "/console/flows/jiangsu.inpatient",
    "/console/schedules",
    "/console/peers",
    "/console/history",
)
BATCHES = ("/console/batches", "/console/batches/new", "/console/batches/new?flow=jiangsu.outpatient&idle_for=3h")
WHAT = ("doubt", "refused", "lines", "overdue", "waiting", "closed", "approval")
CHINESE = re.compile("[\u4e00-\u9fff]")


class Reader(HTMLParser):
    """Collects what tests ask of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._quiet = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())

    def each(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]


def addresses(seed: Seed) -> list[str]:
    return [*PAGES, *BATCHES, "/console/login", *(f"/console/visits/{seed.visits[what]}" for what in WHAT)]


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_every_page_is_whole_and_keeps_to_itself(seed: Seed, signed_in: SignedIn, language: str) -> None:
    async with signed_in(language=language) as client:
        for address in addresses(seed):
            answer = await client.get(address)
            assert answer.status_code == 200, address
            assert "default-src 'self'" in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "no-store"
            read = Reader(answer.text)
            assert read.each("html")[0]["lang"] == ("zh-CN" if language == "zh" else "en")
            assert len(read.each("h1")) == 1 and len(read.each("title")) >= 1
            for _tag, attrs in read.tags:
                for name, value in attrs.items():
                    assert not name.startswith("on") and name != "style", f"{address}: inline {name}"
                    assert not re.match(r"(?i)(https?:)?//|javascript:", value), f"{address}: {name}={value}"
            labelled = {each.get("for") for each in read.each("label")}
            for tag in ("input", "textarea", "select"):
                for attrs in read.each(tag):
                    assert attrs.get("type") == "hidden" or attrs.get("id") in labelled, f"{address}: {attrs}"
            ids = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
            assert len(ids) == len(set(ids)), address
            for form in read.each("form"):
                assert form["method"] == "post" or form["action"] in (
                    "/console",
                    "/console/visits",
                    "/console/batches/new",
                    "/console/history",
                )


async def test_english_pages_have_no_chinese_of_ours(signed_in: SignedIn) -> None:
    async with signed_in(language="en") as client:
        for address in (*PAGES[1:], *BATCHES):
            words = [each for each in Reader((await client.get(address)).text).words if each != "中文"]
            assert not [each for each in words if CHINESE.search(each)], address


def test_every_word_has_both_languages_and_the_same_places() -> None:
    for key, (zh, en) in _words().items():
        assert zh.strip() and en.strip(), key
        assert set(re.findall(r"{(\w+)}", zh)) == set(re.findall(r"{(\w+)}", en)), key


def test_every_cause_has_its_sentence() -> None:
    for cause in set(Cause) - {Cause.DOUBT}:
        assert say("zh", f"story_{cause.value}", step="1", state="2") != say(
            "en", f"story_{cause.value}", step="1", state="2"
        )


async def test_the_board_shows_newest_trouble_first(seed: Seed, signed_in: SignedIn) -> None:
    async with signed_in() as client:
        text = (await client.get("/console")).text
        keys = re.findall(r'<a class="whole"[^>]*>(\w+)</a>', text)
        assert keys == [f"MZ2026112000{number}" for number in (7, 6, 5, 4, 3)]
        assert "系统核实" in text and "1 条被拒" in text and "li 申请「撤销到 已预结算」" in text
        only = (await client.get("/console?kind=lines")).text
        assert re.findall(r'<a class="whole"[^>]*>(\w+)</a>', only) == ["MZ20261120004"]
        none = (await client.get("/console?flow=jiangsu.inpatient")).text
        assert "没有需要人处理的就诊" in none
        part = await client.get("/console", headers={"HX-Request": "true", "HX-Target": "board"})
        assert "<html" not in part.text and "MZ20261120007" in part.text


@pytest.mark.parametrize(
    ("what", "zh", "en"),
    [
        ("doubt", "「结算 2207」已发出但没有可信的应答", "“settle 2207” was sent and no answer"),
        ("refused", "对方拒绝了「登记 2201」", "The peer refused “register 2201”"),
        ("overdue", "仍没有人办理下一步", "Nobody took the next step"),
        ("waiting", "等待下一步", "waiting for the next step"),
        ("closed", "已正常结束于「已离院」", "as it should"),
    ],
)
async def test_a_visit_says_what_happened(seed: Seed, signed_in: SignedIn, what: str, zh: str, en: str) -> None:
    for language, sentence in (("zh", zh), ("en", en)):
        async with signed_in(language=language) as client:
            assert sentence in (await client.get(f"/console/visits/{seed.visits[what]}")).text


async def test_the_board_tells_why_lines_were_refused(seed: Seed, signed_in: SignedIn) -> None:
    escaped = HOSTILE.replace("<", "&lt;").replace(">", "&gt;")
    told = f'<code>3005/2204002</code> 业务校验未通过 {escaped} <span class="faint">（RX1-1 项目1）'
    async with signed_in() as client:
        text = (await client.get("/console?kind=lines")).text
        assert told in text, text[text.index("reasons") :][:300]
    async with signed_in("zhao") as client:  # an item may tell the illness
        text = (await client.get("/console?kind=lines")).text
        assert "1 条被拒" in text and "项目1" not in text and "2204002" not in text


def test_refusals_are_told_by_reason_the_most_common_first(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = ["A", "B", "B", "C", "C", "C", "D", ""]
    lines = [
        {"state": "refused", "code": code or None, "text": "x" * 1000, "line_id": str(number), "name": "item"}
        for number, code in enumerate(codes)
    ]
    counts = {"refused": len(codes), "unmatched": 2, "uploaded": 9}
    shown = {"lines": [{"state": "uploaded", "code": None}, *lines], "counts": counts}
    monkeypatch.setattr(attention, "fees_view", lambda _visit: shown)
    found = attention._lines(None)  # type: ignore[arg-type]
    assert (found.refused, found.unmatched, found.reasons) == (8, 2, 5)
    assert [(each.code, each.lines, each.line) for each in found.refusals] == [
        ("C", 3, "3 item"),
        ("B", 2, "1 item"),
        ("A", 1, "0 item"),
    ]
    assert len(found.refusals[0].text) == 300


async def test_a_visit_shows_money_lines_path_and_actions(seed: Seed, signed_in: SignedIn) -> None:
    async with signed_in() as client:
        doubt = (await client.get(f"/console/visits/{seed.visits['doubt']}")).text
        assert "认定：对方已经办成" in doubt and "认定：对方没有办成" in doubt and "需要另一人复核" in doubt
        assert "预结算基金" in doubt and "108.00" in doubt and "已上传 2" in doubt
        assert 'class="state here' in doubt and 'class="way moving"' in doubt and 'class="way taken"' in doubt
        assert "可能再次向对方发送: <code>settle</code>" in doubt
        waiting = (await client.get(f"/console/visits/{seed.visits['waiting']}")).text
        assert "<code>cancel_lines</code> → <code>cancel_registration</code>" in waiting
        assert "do_migrate" not in waiting and "迁移到现行" not in waiting
        lines = (await client.get(f"/console/visits/{seed.visits['lines']}")).text
        assert "被拒 1" in lines and "3005/2204002" in lines


async def test_what_others_have_written_is_escaped(seed: Seed, signed_in: SignedIn) -> None:
    escaped = HOSTILE.replace("<", "&lt;").replace(">", "&gt;")
    async with signed_in() as client:
        for address in (
            "/console",
            f"/console/visits/{seed.visits['refused']}",
            f"/console/visits/{seed.visits['lines']}",
        ):
            text = (await client.get(address)).text
            assert HOSTILE not in text and escaped in text
        strange = await client.get('/console?flow="><script>')
        assert "<script>" not in strange.text.replace("<script src", "")


async def _exchange(seed: Seed, client: httpx.AsyncClient, operation: str = "read_card") -> str:
    visit = seed.visits["closed"]
    found = (await client.get(f"/api/v1/visits/{visit}/exchanges")).json()
    exchange = next(each["exchange"] for each in found if each["operation"] == operation)
    return f"/console/visits/{visit}/exchanges/{exchange}"


async def test_exchanges_are_masked_and_unmasking_is_audited(seed: Seed, signed_in: SignedIn) -> None:
    async with signed_in() as client:
        address = await _exchange(seed, client)
        masked = await client.get(address)
        assert masked.status_code == 200 and SECRET not in masked.text and "•••" in masked.text
        csrf = (await client.get("/api/v1/session")).json()["csrf"]
        silent = await client.post(f"{address}/unmask", data={"csrf": csrf, "reason": " "})
        assert silent.status_code == 422 and SECRET not in silent.text
        shown = await client.post(
            f"{address}/unmask", data={"reason": "申诉核对"}, headers={"X-CSRF-Token": csrf, "HX-Request": "true"}
        )
        assert shown.status_code == 200 and SECRET in shown.text and "<html" not in shown.text
    entries = await seed.desk.application.registers.audit.all("wang", "unmask", None, 10)
    assert [each.reason for each in entries] == ["申诉核对"]


async def test_an_analyst_sees_no_personal_data_and_no_actions(seed: Seed, signed_in: SignedIn) -> None:
    async with signed_in("zhao") as client:
        for what in WHAT:
            text = (await client.get(f"/console/visits/{seed.visits[what]}")).text
            assert SECRET not in text and "业务校验未通过" not in text and "甘宁远" not in text
            assert "您的角色只能查看" in text and '<details class="offer"' not in text
        address = await _exchange(seed, client)
        assert "unmask" not in (await client.get(address)).text


async def test_static_files_are_known_by_their_digest(seed: Seed) -> None:
    async with seed.wired.client() as client:
        for name, (body, digest) in assets().items():
            answer = await client.get(f"/console/static/{name}?v={digest}")
            assert (answer.status_code, answer.content) == (200, body)
            assert "immutable" in answer.headers["cache-control"]
        for strange in ("nothing.js", "..%2fwords.yaml", "%2e%2e/words.yaml"):
            assert (await client.get(f"/console/static/{strange}")).status_code in (401, 404)


async def test_peers_tell_how_they_answered(signed_in: SignedIn) -> None:
    async with signed_in() as client:
        text = (await client.get("/console/peers")).text
    assert "jiangsu_gateway" in text and "0.33 / 0.33 / 0.33 s" in text and "有问题" in text
    assert re.search(r"无应答 \d+\.\d%，被拒 \d+\.\d%", text)


def test_answer_times_and_rates_of_a_peer() -> None:
    seen = Traffic(Counter(done=90, refused=5, in_doubt=3, not_sent=2), [each * 10_000 for each in range(1, 101)])
    assert (seen.median, seen.nearly_all, seen.longest) == (0.505, 0.95, 1.0)
    assert (seen.silent, seen.refused) == (0.05, 0.05)
    nothing = Traffic()
    assert (nothing.median, nothing.nearly_all, nothing.silent, nothing.refused) == (None, None, None, None)
