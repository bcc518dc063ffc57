"""Three hundred payments through three processes; the same ten thousand times by ``python -m tests.payments``."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.payments.books import Ours, Side, compare
from tests.payments.campaign import Plan, campaign
from tests.payments.stage import HIS, OURS, PLATFORM
from tests.payments.trouble import DEEDS, NOTICES, QUESTIONS, REFUNDS, kills

PAID = Side(Decimal("12.00"), times=1)
BACK = Side(Decimal("12.00"), Decimal("12.00"), 1, Counter({"T1": 1}))


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_order_ends_paid_once_or_refunded_once(tmp_path: Path) -> None:
    result = await campaign(Plan(count=300, seed=11, ours=2, others=1), tmp_path, quiet)

    assert result.verdict.wrong == []
    assert sum(result.verdict.ends.values()) >= 300
    assert result.verdict.ends["paid"] > 150
    assert result.verdict.ends["refunded, never booked"] + result.verdict.ends["refunded"] > 5
    assert result.killed == {OURS: 2, HIS: 1, PLATFORM: 1}
    assert result.struck["notice: lose_reply"] > 10
    assert result.struck["HIS: lose_reply"] > 10
    assert sum(result.ours.doubts.values()) > 30
    assert result.window["refunded"] > 5
    assert result.reconciled == {"all": "agreed"}
    assert len({paid - back for paid, back in result.verdict.sums.values()}) == 1


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_site_that_asks_again_where_it_must_not_is_found_out(tmp_path: Path) -> None:
    """What the flows prevent, seen by the same comparison: a HIS that is told twice books twice."""
    result = await campaign(Plan(count=60, seed=11, ours=0, others=0), tmp_path, quiet, blind=True)

    assert any("booked twice" in each for each in result.verdict.wrong), result.verdict.wrong[:5]


def wrong(platform: Side, his: Side, ours: Side) -> str:
    """What the comparison says of one order."""
    found = compare({"A": platform}, {"A": his}, Ours({"A": ours}, [], [])).wrong
    return found[0].partition("; ")[0].removeprefix("A: ") if found else ""


@pytest.mark.parametrize(
    ("platform", "his", "ours", "said"),
    [
        (PAID, PAID, PAID, ""),
        (BACK, BACK, BACK, ""),
        (BACK, Side(), Side(), ""),
        (PAID, Side(), Side(), "what is left of it differs"),
        (PAID, replace(PAID, times=2), PAID, "booked twice"),
        (PAID, PAID, Side(), "our journal and the HIS do not agree on whether it is booked"),
        (PAID, replace(PAID, paid=Decimal("11.00")), PAID, "booked with another amount"),
        (BACK, PAID, BACK, "what is left of it differs"),
        (BACK, replace(BACK, refunds=Counter({"T1": 2})), BACK, "given back twice"),
        (BACK, replace(BACK, refunds=Counter({"T2": 1})), BACK, "the refunds are not the same"),
        (Side(), PAID, PAID, "nobody paid this at the platform"),
    ],
)
def test_what_does_not_agree_is_told(platform: Side, his: Side, ours: Side, said: str) -> None:
    assert wrong(platform, his, ours) == said


def test_ends_sums_and_journals_count() -> None:
    books = {"A": PAID, "B": BACK}
    verdict = compare({**books, "C": BACK}, books, Ours(dict(books), ["A never rests"], ["A twice"]))

    assert verdict.ends == {"paid": 1, "refunded": 1, "refunded, never booked": 1}
    assert verdict.wrong == ["A twice", "A never rests"]
    assert verdict.sums["HIS"] == (Decimal("24.00"), Decimal("12.00"))


def test_kills_are_spread_and_come_from_the_seed() -> None:
    found = kills(7, 10_000, 22, 3)

    assert found == kills(7, 10_000, 22, 3) != kills(8, 10_000, 22, 3)
    assert Counter(each.who for each in found) == {OURS: 22, HIS: 3, PLATFORM: 3}
    assert [each.at for each in found] == sorted(each.at for each in found)
    assert found[0].at > 0
    assert found[-1].at < 10_000


def test_one_answer_in_ten_is_lost_in_either_direction() -> None:
    assert [each["lose_reply"] for each in (NOTICES, REFUNDS, DEEDS)] == [0.10, 0.10, 0.10]
    assert all(sum(each.values()) < 1 for each in (NOTICES, REFUNDS, DEEDS, QUESTIONS))
