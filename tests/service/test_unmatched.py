"""Which items hold up fee lines: read from open visits, weighed in lines and money."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from engine.commands import Commands
from engine.store import History, Projection, Status, StoredEvent
from service.catalogue.unmatched import unmatched, unmatched_view
from service.waiting import waiting_lines
from storage import CatalogueHead, Entry, MemoryStore, memory_books

FLOW = "neimenggu.inpatient"


def line(code: str, amount: str, day: str = "2026-11-20", **more: Any) -> dict[str, Any]:
    return {"hospital_code": code, "name": f"项目{code}", "amount": amount, "prescribed_on": day, **more}


#: What is not held up by the catalogue.
OTHERS = {
    "uploaded": line("A", "1", outcome="uploaded"),
    "refused": line("A", "1", outcome="refused"),
    "voided": line("A", "1", voided=True),
    "matched": line("A", "1", match={"alc402": "X"}),
    "self-paid": line("A", "1", off_catalogue="drug"),
}


def test_only_lines_that_lack_nothing_but_their_match_wait() -> None:
    assert list(waiting_lines(FLOW, {"fees": OTHERS})) == []
    again = {"again": line("A", "1", outcome="refused", again=True), "new": line("B", "-2.50")}
    found = list(waiting_lines(FLOW, {"fees": again}))
    assert [(each.line_id, each.code, each.amount) for each in found] == [
        ("again", "A", Decimal(1)),
        ("new", "B", Decimal("-2.50")),
    ]
    assert list(waiting_lines("jiangsu.inpatient", {"fees": again})) == []
    assert list(waiting_lines(FLOW, {})) == []


class _Hospital:
    """A store with visits of which only list and data matter."""

    def __init__(self) -> None:
        self.store, self.data = MemoryStore(), dict[str, dict[str, Any]]()

    def visit(self, key: str, fees: dict[str, Any], flow: str = FLOW, status: Status = Status.WAITING) -> None:
        visit_id = f"{len(self.data):026d}"
        self.data[visit_id] = {"fees": fees}
        projection = Projection(visit_id, flow, "v", key, "charged", status, 1, 1, 1)
        self.store.put(projection, History(None, (StoredEvent(1, 1, "opened", "{}"),)))

    async def report(self, visit_id: str) -> Any:
        visit = SimpleNamespace(data=self.data[visit_id])
        return SimpleNamespace(visit=visit, projection=await self.store.get(visit_id))


async def test_items_are_weighed_over_all_open_visits_and_by_day() -> None:
    hospital, book = _Hospital(), memory_books().catalogue
    await book.write("g", [Entry("OLD", {}, valid_to="2026-11-19"), Entry("IN", {})])
    assert await book.stand(CatalogueHead("neimenggu", "v", "g", 2, 0, "x"), None)
    hospital.visit("ZY1", {"1": line("OLD", "10.10"), "2": line("OLD", "0.20", "2026-11-19"), "3": line("IN", "9")})
    hospital.visit("ZY2", {"1": line("OLD", "5", "2026-11-22"), "2": line("BIG", "99.05"), "3": line("BIG", "-0.05")})
    hospital.visit("ZY3", {"1": line("OLD", "7")}, status=Status.CLOSED)
    hospital.visit("ZY4", {"1": line("OLD", "7")}, flow="jiangsu.inpatient")
    found = await unmatched(cast(Commands, hospital), hospital.store, book, "neimenggu")
    assert [unmatched_view(each) for each in found] == [
        {
            "code": "BIG",
            "name": "项目BIG",
            "lines": 2,
            "amount": "99.00",
            "visits": [f"{FLOW}/ZY2"],
            "first": "2026-11-20",
            "last": "2026-11-20",
        },
        {
            "code": "OLD",
            "name": "项目OLD",
            "lines": 2,
            "amount": "15.10",
            "visits": [f"{FLOW}/ZY2", f"{FLOW}/ZY1"],
            "first": "2026-11-20",
            "last": "2026-11-22",
        },
    ]


async def test_what_is_imported_later_is_not_unmatched_any_more() -> None:
    hospital, book = _Hospital(), memory_books().catalogue
    hospital.visit("ZY1", {"1": line("A", "10")})
    assert len(await unmatched(cast(Commands, hospital), hospital.store, book, "neimenggu")) == 1
    await book.write("g", [Entry("A", {})])
    assert await book.stand(CatalogueHead("neimenggu", "v", "g", 1, 0, "x"), None)
    assert await unmatched(cast(Commands, hospital), hospital.store, book, "neimenggu") == []
