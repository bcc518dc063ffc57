"""The page that says what stands behind each interface of 002 is true, and nothing stands behind none."""

from __future__ import annotations

from adapters.neimenggu.interfaces import INTERFACES
from engine.outcomes import Effect
from tests.neimenggu_page import PAGE, PART, Proof, lines, proofs


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    part = text.partition(f"<!-- {PART}: begin -->\n")[2].partition(f"\n<!-- {PART}: end -->")[0]
    assert part.splitlines() == list(lines()), "python -m tests.neimenggu_page renews it"


def test_each_of_the_29_has_all_of_it() -> None:
    found = proofs()
    assert [each.interface for each in found] == list(INTERFACES.values())
    assert len(found) == 29
    assert [each.interface.number for each in found if _lacks(each)] == []


def _lacks(each: Proof) -> bool:
    log_ins = ("log_in", "log_out")
    written = each.interface.effect is not Effect.READ and each.interface.operation not in log_ins
    return not (each.contract and each.simulator and each.used and each.tests) or (written and not each.crashed)
