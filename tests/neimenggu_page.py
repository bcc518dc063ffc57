"""``python -m tests.neimenggu_page``: what stands behind each of the 29 interfaces of 002, into docs/neimenggu.md.

Read from the tables, the flows, the commands and the tests themselves; nothing is kept by hand.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from adapters.neimenggu.contracts import Shape, contracts
from adapters.neimenggu.interfaces import INTERFACES, Interface
from engine.machine import Flow, Way
from service.cli.neimenggu import app
from simulators.neimenggu.interfaces import BY_NUMBER
from tests.crash.neimenggu import SCENARIOS
from tests.crash.scenarios import compiled, shipped, steps
from tests.jiangsu import ROOT
from tests.page import renew

PAGE, PART = ROOT / "docs" / "neimenggu.md", "proof"
#: What a command says of the interfaces that it asks: "(4.3)", "(4.21, 4.3)".
_NUMBERS = re.compile(r"4\.\d+")
#: The adapter logs in and out by itself; it asks for these two where a flow or a command makes it.
_BY_ITSELF = {"log_in": "the session, before a call", "log_out": "the session, after work"}


@dataclass(frozen=True)
class Proof:
    """What stands behind one interface."""

    interface: Interface
    contract: str
    simulator: str
    used: tuple[str, ...]  #: by flows and commands
    tests: tuple[str, ...]  #: modules that name the operation or its method
    crashed: int  #: places of the crash tests' scenarios at which a process dies and answers get lost


def proofs() -> list[Proof]:
    """Return the rows, in the document's order."""
    return [_proof(row) for row in INTERFACES.values()]


def lines() -> Iterator[str]:
    """Return the table as Markdown."""
    yield "| no. | operation | contract | simulator | flow or command | tests | places crashed |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for each in proofs():
        row = each.interface
        tests = ", ".join(
            name.removesuffix(".py").replace("test_", "").replace("neimenggu", "…") for name in each.tests
        )
        cells = (
            *(row.number, f"`{row.operation}`", each.contract, each.simulator),
            *("<br>".join(each.used), tests, str(each.crashed or "–")),
        )
        yield "| " + " | ".join(cells) + " |"


def _proof(row: Interface) -> Proof:
    contract = contracts()[row.operation]
    sizes = f"request {_size(contract.request)}, reply {_size(contract.reply)}"
    place = _handler(BY_NUMBER[row.number].handler)
    used = (*filter(None, (_BY_ITSELF.get(row.operation),)), *_flows(row), *_commands(row))
    crashed = sum(
        steps(scenario.flow)[walk].operation == row.operation for scenario in SCENARIOS for walk in scenario.walks
    )
    return Proof(row, f"{sizes} members", f"`{place}.py`", used, tuple(_tests(row)), crashed)


def _handler(handler: Callable[..., object]) -> str:
    """Return the module of the simulator that answers; what its table only wraps, within; else the office itself."""
    inner = inspect.getclosurevars(handler).nonlocals.get("handler", handler)
    module = inner.__module__.rpartition(".")[2]
    return "office" if module == "interfaces" else module


def _size(shape: Shape) -> int:
    """Return how many members an object has, with those of the objects in it."""
    return sum(1 if member.shape is None else 1 + _size(member.shape) for member in shape.members)


# -- who asks
def _flows(row: Interface) -> Iterator[str]:
    for name, definition in shipped().items():
        if "neimenggu" in definition.adapters.values() and (
            found := dict.fromkeys(_uses(compiled(name), row.operation))
        ):
            yield f"{name.partition('.')[2]}: {', '.join(found)}"


def _uses(flow: Flow, operation: str) -> Iterator[str]:
    ways: list[Way] = [way for edge in flow.all_edges() for way in (edge, edge.back)]
    yield from (f"`{way.trigger}`" for way in ways if way.bound is not None and way.bound.operation.name == operation)
    named = (method for way in ways for method in way.methods)
    if any(each.operation is not None and each.operation.name == operation for each in named):
        yield "settles doubts"


def _commands(row: Interface) -> Iterator[str]:
    for command in app.registered_commands:
        assert command.callback is not None
        words = (command.callback.__doc__ or "").partition("\n")[0]
        if row.number in _NUMBERS.findall(words):
            yield f"`visitflow neimenggu {command.name or command.callback.__name__.replace('_', '-')}`"


# -- who holds it
def _tests(row: Interface) -> Iterator[str]:
    wanted = re.compile(rf"[\"'(/_ ]({re.escape(row.operation)}|{re.escape(row.method)})[\"'(.@,)\]]")
    for name, text in _modules().items():
        if wanted.search(text):
            yield name


@cache
def _modules() -> dict[str, str]:
    """Return the test modules that are about Inner Mongolia, and those that hold every operation by a table."""
    paths = sorted((ROOT / "tests").rglob("test_*.py"))
    names = {str(path.relative_to(ROOT / "tests")): path for path in paths if path.name != "test_neimenggu_page.py"}
    return {name: path.read_text("utf-8") for name, path in names.items() if "neimenggu" in name}


if __name__ == "__main__":
    renew(PAGE, PART, list(lines()))
