"""``python -m tests.flows.platform_page``: write calls, doubts, ways back, timers into docs/platform-flows.md."""

from __future__ import annotations

from collections.abc import Iterator

from engine.definitions import FlowDefinition, SettleMethod, Transition, UndoEdge, format_duration
from engine.outcomes import Effect
from tests.page import renew
from tests.platform import catalogue, definitions
from tests.shipped import ROOT

PAGE = ROOT / "docs" / "platform-flows.md"


def rows() -> Iterator[str]:
    """Return the table as Markdown: a row for each call of each flow, reads in one row."""
    yield "| flow | from → to | call | effect | doubt | taken back by |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, definition in definitions().items():
        shown = f"`{name.removeprefix('platform.')}`"
        reads: list[str] = []
        for transition in definition.transitions:
            if transition.step is None:
                continue
            number, effect = _operation(definition, transition.step)
            if effect is Effect.READ:
                reads.append(f"{number} {transition.trigger}")
                continue
            way = f"{', '.join(transition.source)} → {transition.dest}"
            doubt = ", ".join(_method(definition, each) for each in transition.doubt)
            words = (shown, way, f"{number} {transition.title.zh.rsplit(' ', 1)[0]}", effect.value, doubt)
            yield "| " + " | ".join((*words, _undo(definition, transition))) + " |"
            shown = ""
        timers = "; ".join(_timer(each.states, each.trigger, each.after) for each in definition.timers)
        if reads or timers:
            asks = f"asks: {', '.join(dict.fromkeys(reads))}" if reads else ""
            yield f"| {shown} | | {asks} | | | {'timers: ' + timers if timers else ''} |"


def _operation(definition: FlowDefinition, step: str, *, settles: bool = False) -> tuple[str, Effect]:
    found = catalogue().settling_step(step) if settles else catalogue().step(step)
    adapter = catalogue().adapter(definition.adapters[found.role])
    return found.operation, adapter.operations[found.operation].effect


def _method(definition: FlowDefinition, method: SettleMethod) -> str:
    if method.step is None:
        return {"ask": "a person", "repeat": "again, same number"}[method.kind.value]
    number, _ = _operation(definition, method.step, settles=True)
    return f"{method.kind.value} {number}"


def _undo(definition: FlowDefinition, transition: Transition) -> str:
    undo = transition.undo or UndoEdge(impossible="")
    if undo.step is not None:
        number, _ = _operation(definition, undo.step)
        return f"{number} ({', '.join(_method(definition, each) for each in undo.doubt)})"
    return f"nothing: {undo.nothing}" if undo.nothing is not None else f"– {undo.impossible}"


def _timer(states: tuple[str, ...], trigger: str, after: int | None) -> str:
    return f"{', '.join(states)} after {format_duration(after or 0)}: {trigger}"


if __name__ == "__main__":
    renew(PAGE, "flows", list(rows()))
