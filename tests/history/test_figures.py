"""Figures against a plain count in Python of the same facts, on both databases."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from engine.errors import BadInput
from engine.store import Store
from flows import Site
from service.history.figures import TOPICS, Asking, Kind, figures, yuan
from service.history.meanings import meaning_of
from service.history.periods import period_of
from service.history.showing import cell, duration
from service.words import Topic, word
from storage.history import DoubtFact, Facts, MoneyFact, StepFact, StopFact, UploadFact, VisitFact
from storage.history.questions import Period
from storage.registers import HistoryRegister, open_registers
from storage.registers.history import READER
from tests.conftest import DURABLE
from tests.console.seed import Seed
from tests.history.conftest import rows

FLOWS, DAYS = ("jiangsu.outpatient", "neimenggu.inpatient"), tuple(f"2026-11-{day:02}" for day in range(1, 8))
PERIOD = Period("2026-11-02", "2026-11-05")


def invented(seed: int, visits: int) -> list[Facts]:
    """Facts that no journal tells: every combination that a question tells apart, with ties and gaps."""
    chance, found = random.Random(seed), []

    def ms() -> int | None:
        return chance.choice((None, 0, 5, 5, chance.randrange(100_000)))

    for number in range(visits):
        visit, flow, day = f"{number:026}", chance.choice(FLOWS), chance.choice(DAYS)
        closed = chance.choice((None, chance.randrange(10**9)))
        endings = ("open", "stuck") if closed is None else ("completed", "cancelled")
        counts = [chance.randrange(3) for _ in range(4)]
        told = VisitFact(visit, flow, "v", "h", day, 0, closed, "s", chance.choice(endings), *counts)
        told.variant = chance.choice(("a > b", "a > c+", "a"))
        facts = Facts(told)
        for seq in range(1, chance.randrange(6)):
            step = StepFact(
                visit, seq, flow, chance.choice("ab"), "forward", "x", "y", chance.choice(("", "op")), "", 1, day, 0
            )
            step.ms, step.adapter = ms(), chance.choice(("his", "neimenggu"))
            step.outcome, step.code = (
                chance.choice(("done", "refused", "busy", "in_doubt", "open", "no_call")),
                chance.choice(("", "1")),
            )
            facts.steps.append(step)
            where = (visit, seq, flow)
            facts.doubts.append(
                DoubtFact(*where, "a", "op", "his", day, 0, 1, ms(), chance.choice(("", "probe")), "", seq, seq % 2)
            )
            facts.stops.append(
                StopFact(*where, "s", chance.choice(("doubt", "refused")), day, 0, chance.choice((None, 1)), ms())
            )
            kind, cents = chance.choice(("total", "paid")), chance.randrange(-10_000, 10_000)
            facts.money.append(MoneyFact(visit, seq, kind, flow, day, 0, cents))
            wait = ms()
            facts.uploads.append(
                UploadFact(visit, seq, seq, flow, day, 0, None if wait is None else 1, wait, chance.randrange(1, 50))
            )
        found.append(facts)
    return found


def ranked(values: Iterable[tuple[int | None, int]]) -> list[int | None]:
    """p50, p90, p99 by nearest rank and the longest, of values with weights, the slow way."""
    known = sorted(value for value, weight in values for _ in range(weight) if value is not None)
    if not known:
        return [None] * 4
    return [*(known[math.ceil(len(known) * percent / 100) - 1] for percent in (50, 90, 99)), known[-1]]


def within(period: Period, facts: list[Facts], name: str) -> list[Any]:
    listed = (
        [each.visit for each in facts] if name == "visits" else [row for each in facts for row in getattr(each, name)]
    )
    return [each for each in listed if period.first <= each.day <= period.last and period.flow in (None, each.flow)]


def grouped(listed: list[Any], *names: str) -> dict[tuple[Any, ...], list[Any]]:
    found = defaultdict(list)
    for each in listed:
        found[tuple(getattr(each, name) for name in names)].append(each)
    return dict(sorted(found.items()))


@pytest.fixture
async def book(store: Store) -> HistoryRegister:
    registers = open_registers(store)
    await registers.feed.begin(READER, 0)
    return registers.history


async def values(book: HistoryRegister, topic: str, period: Period, **more: Any) -> list[list[Any]]:
    return [list(row.values()) for row in (await figures(topic, Asking(book, period, **more))).rows]


@pytest.mark.parametrize("store_url", DURABLE, indirect=True)
@pytest.mark.parametrize("flow", [None, FLOWS[0]])
async def test_every_figure_is_what_counting_gives(book: HistoryRegister, flow: str | None) -> None:
    facts = invented(7, 120)
    assert (await book.keep(facts)).done
    period = Period(PERIOD.first, PERIOD.last, flow)

    steps = within(period, facts, "steps")
    answered = [each for each in steps if each.operation and each.outcome in ("done", "refused", "busy")]
    assert await values(book, "durations", period) == [
        [*key, len(group), *ranked((each.ms, 1) for each in group)]
        for key, group in grouped(answered, "flow", "trigger", "operation", "adapter").items()
    ]
    failed = [each for each in steps if each.outcome in ("refused", "busy", "in_doubt", "not_sent")]
    counted = [
        [*key, len(group), len({each.visit_id for each in group})]
        for key, group in grouped(failed, "flow", "adapter", "operation", "outcome", "code", "category").items()
    ]
    pareto = await values(book, "failures", period, limit=1000)
    assert [row[:8] for row in pareto] == sorted(counted, key=lambda row: (-row[6], row[:6]))
    assert pareto[-1][9] == "100.0" and sum(Decimal(row[8]) for row in pareto) == pytest.approx(100, abs=1)

    visits = within(period, facts, "visits")
    assert await values(book, "visits", period) == [
        [
            *key,
            len(group),
            *(sum(getattr(each, name) for each in group) for name in ("steps", "failures", "doubts", "stops")),
        ]
        for key, group in grouped(visits, "flow", "ending").items()
    ]
    assert await values(book, "days", period) == [
        [*key, len(group), sum(each.stops > 0 for each in group), sum(each.ending == "cancelled" for each in group)]
        for key, group in grouped(visits, "day", "flow").items()
    ]
    closed = [each for each in visits if each.closed_at is not None]
    assert await values(book, "whole", period) == [
        [*key, len(group), *ranked((each.closed_at // 1000, 1) for each in group)]
        for key, group in grouped(closed, "flow").items()
    ]
    taken = Counter((each.flow, each.variant, each.ending) for each in visits)
    paths = await values(book, "paths", period, limit=4)
    assert [row[:4] for row in paths] == sorted(
        ([*key, n] for key, n in taken.items()), key=lambda row: (-row[3], row)
    )[:4]
    assert paths[0][4] == format(Decimal(100 * paths[0][3]) / len(visits), ".1f")

    doubts = within(period, facts, "doubts")
    listed = [
        [
            *key,
            len(group),
            *ranked((each.ms, 1) for each in group),
            sum(each.asked for each in group),
            sum(each.looks for each in group),
        ]
        for key, group in grouped(doubts, "flow", "adapter", "operation", "how", "verdict").items()
    ]
    assert await values(book, "doubts", period) == sorted(listed, key=lambda row: (-row[5], row[:5]))
    stops = [
        [*key, len(group), *ranked((each.ms, 1) for each in group), sum(each.ended_at is None for each in group)]
        for key, group in grouped(within(period, facts, "stops"), "flow", "cause").items()
    ]
    assert await values(book, "stops", period) == sorted(stops, key=lambda row: (-row[2], row[:2]))
    uploads = grouped(within(period, facts, "uploads"), "flow")
    assert await values(book, "uploads", period) == [
        [
            *key,
            sum(each.lines for each in group),
            *ranked((each.ms, each.lines) for each in group),
            sum(each.lines for each in group if each.uploaded_at is None),
        ]
        for key, group in uploads.items()
    ]
    money = grouped(within(period, facts, "money"), "day", "flow", "kind")
    assert await values(book, "money", period) == [
        [
            *(*key, len(group)),
            yuan(sum(each.cents for each in group if each.cents > 0)),
            yuan(sum(each.cents for each in group if each.cents < 0)),
            yuan(sum(each.cents for each in group)),
        ]
        for key, group in money.items()
    ]


@pytest.mark.parametrize("store_url", DURABLE, indirect=True)
async def test_of_nothing_there_is_nothing(book: HistoryRegister) -> None:
    for topic in TOPICS:
        assert await values(book, topic, PERIOD) == []


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_rows_hold_what_columns_say(hospital: Seed) -> None:
    assert all([await rows(hospital, topic) for topic in TOPICS])
    for topic, (columns, _ask) in TOPICS.items():
        for row in await rows(hospital, topic):
            for name, kind in columns.items():
                value = row[name]
                if kind in (Kind.COUNT, Kind.MS):
                    assert isinstance(value, int) or (kind is Kind.MS and value is None), (topic, name)
                else:
                    assert isinstance(value, str), (topic, name)
                assert cell(kind, value, "en") and cell(kind, value, "zh")


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_what_the_hospital_knows_of_its_morning(hospital: Seed) -> None:
    [first, *_] = await rows(hospital, "failures", language="zh")
    assert (first["code"], first["meaning"]) == ("3005/51014", "业务处理错误")
    assert {row["amount"] for row in await rows(hospital, "money")} == {"270.00", "216.00", "54.00"}
    [doubt] = await rows(hospital, "doubts")
    assert (doubt["operation"], doubt["asked"], doubt["how"]) == ("settle", 1, "")
    assert {row["cause"] for row in await rows(hospital, "stops")} == {"doubt", "overdue", "refused"}


def test_every_column_and_topic_has_words_in_both_languages() -> None:
    for topic, (columns, _ask) in TOPICS.items():
        for name in (f"topic_{topic}", *columns):
            zh, en = (word(Topic.HISTORY, name, language) for language in ("zh", "en"))
            assert zh != name or name in ("p50",), f"{topic}: {name} has no Chinese words"
            assert en.isascii() and zh


@pytest.mark.parametrize(
    ("adapter", "operation", "code", "zh", "en"),
    [
        ("jiangsu_gateway", "register", "3005/51014", "业务处理错误", "业务处理错误"),
        ("jiangsu_dll", "register", "1007", "参数缺失或错误", "参数缺失或错误"),
        ("jiangsu_gateway", "register", "contract", "", ""),
        ("his", "settle_bill", "1", "签名错误", "wrong signature"),
        ("his", "settle_bill", "77", "", ""),
        ("nobody", "x", "1", "", ""),
        ("his", "settle_bill", "", "", ""),
    ],
)
def test_codes_mean_what_the_tables_say(adapter: str, operation: str, code: str, zh: str, en: str) -> None:
    assert (meaning_of(adapter, operation, code, "zh"), meaning_of(adapter, operation, code, "en")) == (zh, en)


def test_neimenggu_codes_have_their_texts() -> None:
    assert meaning_of("neimenggu", "register", "51014", "zh") and meaning_of("neimenggu", "register", "51014", "en")


NOW = 1_795_136_400_000_000  # 2026-11-20 09:00 in China


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("", "", ("2026-10-22", "2026-11-20")),
        ("20261101", "", ("2026-11-01", "2026-11-20")),
        ("2026-11-01", "20261105", ("2026-11-01", "2026-11-05")),
        ("", "20260301", ("2026-01-31", "2026-03-01")),
        ("20261120", "20261120", ("2026-11-20", "2026-11-20")),
    ],
)
def test_a_period_is_days_both_included(first: str, last: str, expected: tuple[str, str]) -> None:
    period = period_of(Site("flows.yaml", [], {}), NOW, first, last)
    assert (period.first, period.last, period.flow) == (*expected, None)


@pytest.mark.parametrize(
    ("first", "last", "field"), [("20261121", "", "from"), ("yesterday", "", "from"), ("", "2026-13-01", "to")]
)
def test_a_period_that_is_none_says_which_end_is_wrong(first: str, last: str, field: str) -> None:
    with pytest.raises(BadInput) as refused:
        period_of(Site("flows.yaml", [], {}), NOW, first, last)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1.00 s"),
        (59_990, "59.99 s"),
        (60_000, "1.0 min"),
        (5_400_000, "1.5 h"),
        (172_800_000, "2.0 d"),
    ],
)
def test_durations_are_in_the_unit_in_which_people_say_them(ms: int, text: str) -> None:
    assert duration(ms) == text


@pytest.mark.parametrize(
    ("cents", "plain", "shown"),
    [
        (0, "0.00", "0.00"),
        (5, "0.05", "0.05"),
        (-5, "-0.05", "-0.05"),
        (123456789, "1234567.89", "1,234,567.89"),
        (-123400, "-1234.00", "-1,234.00"),
    ],
)
def test_money_is_exact_text(cents: int, plain: str, shown: str) -> None:
    assert yuan(cents) == plain and cell(Kind.MONEY, plain, "zh") == shown
