"""``python -m tests.flows.platform_chapters``: write what stands behind each chapter of 003 into docs/platform.md."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from adapters.platform.contracts import CHAPTERS, Direction, Interface, Kind
from service.platform.table import table
from tests.crash.platform import SCENARIOS
from tests.jiangsu import ROOT
from tests.page import renew
from tests.platform import catalogue, definitions
from tests.replay.files import recordings

PAGE = ROOT / "docs" / "platform.md"
PART = "chapters"


@cache
def callers() -> Mapping[str, frozenset[str]]:
    """Return the flows that call each interface of the platform: forward, back, or to settle a doubt."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for name, definition in definitions().items():
        steps = [catalogue().step(each.step) for each in definition.transitions if each.step]
        ways = [*definition.transitions, *(each.undo for each in definition.transitions if each.undo is not None)]
        steps += [catalogue().step(each.undo.step) for each in definition.transitions if each.undo and each.undo.step]
        looks = [catalogue().settling_step(method.step) for way in ways for method in way.doubt if method.step]
        for step in (*steps, *looks):
            if definition.adapters.get(step.role) == "platform":
                found[step.operation].add(name)
    return {number: frozenset(flows) for number, flows in found.items()}


def rows() -> Iterator[str]:
    """Return the table as Markdown: one row a chapter."""
    yield "| chapter | contract | hospital serves: flow or query | platform serves: called by | tested by |"
    yield "| --- | --- | --- | --- | --- |"
    scenarios, stories = Counter(each.flow for each in SCENARIOS), Counter(each.flow for each in recordings())
    for chapter in CHAPTERS.values():
        ours = [each for each in chapter.interfaces if each.direction is Direction.HOSPITAL]
        theirs = [each for each in chapter.interfaces if each.direction is Direction.PLATFORM]
        flows = {*map(_flow, ours), *(flow for each in theirs for flow in callers().get(each.number, ()))} - {""}
        yield (
            "| "
            + " | ".join(
                (
                    f"{chapter.number} {chapter.zh} {chapter.en}",
                    f"`chapter-{chapter.number:02d}.yaml`",
                    "<br>".join(_served(ours)) or "–",
                    "<br>".join(_called(theirs)) or "–",
                    _tests(ours, theirs, sum(scenarios[each] for each in flows), sum(stories[each] for each in flows)),
                )
            )
            + " |"
        )


def _flow(interface: Interface) -> str:
    row = table().interfaces.get(interface.number)
    return "" if row is None else row.flow


def _short(flow: str) -> str:
    return f"`{flow.removeprefix('platform.')}`"


def _served(interfaces: Iterable[Interface]) -> Iterator[str]:
    by_flow: defaultdict[str, list[str]] = defaultdict(list)
    for each in interfaces:
        by_flow[_kind(each)].append(each.number)
    for kind, numbers in by_flow.items():
        yield f"{kind}: {', '.join(numbers)}"


def _kind(interface: Interface) -> str:
    known = table()
    if flow := _flow(interface):
        return _short(flow)
    if interface.number in known.refund_queries or interface.number == known.refund_state.interface:
        return "answered from the visits"
    assert interface.kind is Kind.QUERY, interface.number
    return "query, handed on"


def _called(interfaces: Iterable[Interface]) -> Iterator[str]:
    by_caller: defaultdict[str, list[str]] = defaultdict(list)
    for each in interfaces:
        flows = callers().get(each.number)
        alone = "`push`" if each.kind is Kind.NOTIFY else "the adapter alone"
        by_caller[", ".join(map(_short, sorted(flows))) if flows else alone].append(each.number)
    for caller, numbers in by_caller.items():
        yield f"{caller}: {', '.join(numbers)}"


def _tests(ours: list[Interface], theirs: list[Interface], scenarios: int, stories: int) -> str:
    marks = [mark for mark, there in (("E", ours), ("A", theirs)) if there]
    marks += [f"{scenarios} crashed", f"{stories} recorded"] if scenarios else []
    return ", ".join(marks)


if __name__ == "__main__":
    renew(PAGE, PART, list(rows()))
