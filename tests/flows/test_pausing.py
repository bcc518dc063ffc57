"""G11 with a peer that is left alone: in every situation of a flow, being held off changes nothing but the time.

So the proof by exploring holds for visits that had to wait as well: what was held off stands where it stood before, and
makes the same move when the peer is back.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import engine.visit
from engine.calling import Caller
from engine.definitions import FlowDefinition
from engine.events import Paused
from engine.plan import plan
from engine.visit import Visit
from flows import explore
from flows.exploring import runs
from flows.exploring.nodes import form
from flows.exploring.runs import Asked, Ran, Runs
from tests.flows.test_exploring import SOUND
from tests.gates import Shut
from tests.jiangsu import outpatient
from tests.shipped import catalogue
from tests.toy import toy_catalogue, toy_flow


class Pausing:
    """Explores a flow and, in every situation whose next move is a call, holds that call off first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held_off = 0
        self._gate: Shut | None = None
        self._original = Runs.ask
        monkeypatch.setattr(runs, "Caller", self._caller)
        monkeypatch.setattr(Runs, "ask", self._asking())

    def _caller(self, store: Any, adapters: Any, environment: Any, **rest: Any) -> Caller:
        self._gate = Shut(environment)
        self._gate.shut = False
        return Caller(store, adapters, environment, gate=self._gate, **rest)

    def _asking(self) -> Any:
        async def ask(of: Runs, body: str, visit: Visit, timing: str) -> tuple[Asked | None, Ran | None]:
            return await self._ask(of, body, visit, timing)

        return ask

    async def _ask(self, of: Runs, body: str, visit: Visit, timing: str) -> tuple[Asked | None, Ran | None]:
        found = await self._original(of, body, visit, timing)
        if found[0] is not None:
            await self._hold_off(of, body, visit, timing)
        return found

    async def _hold_off(self, of: Runs, body: str, visit: Visit, timing: str) -> None:
        assert self._gate is not None
        before = plan(of.flow, visit)
        assert before is not None
        self._gate.shut = True
        try:
            await of._advance(runs._snapshot(body, visit, timing), visit, None)
        finally:
            self._gate.shut = False
        self.held_off += 1
        appended, after = of._store.appended, of._store.durable
        assert [type(event) for event in appended] == [Paused], "nothing but the pause is written down"
        assert all(adapter.asked is None for adapter in of._adapters.values()), "and nobody is called"
        following = plan(of.flow, after)
        assert following is not None and following.move == before.move, "the same move comes next"
        assert following.early == before.at and following.at > before.at
        unmoved = runs.fold(runs.VISIT, runs.History(runs._snapshot(body, visit, timing), ()))
        unmoved.updated_at = after.updated_at
        assert _form(of, after) == _form(of, unmoved), "and it stands where it stood"


def _form(of: Runs, visit: Visit) -> dict[str, Any]:
    return form(of.flow, of.bounds, visit, visit.snapshot().body)


def hold(monkeypatch: pytest.MonkeyPatch, definition: FlowDefinition, names: Any, most: int) -> int:
    pausing = Pausing(monkeypatch)
    found = asyncio.run(explore(definition, names, most=most))
    assert found.counter_example is None
    return pausing.held_off


def test_being_held_off_changes_nothing_but_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hold(monkeypatch, toy_flow(), toy_catalogue(), 1500) > 200


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUND)
def test_being_held_off_changes_nothing_in_any_situation(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hold(monkeypatch, SOUND[name], toy_catalogue(), 200_000) > 300


@pytest.mark.slow
def test_being_held_off_changes_nothing_in_a_shipped_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hold(monkeypatch, outpatient(), catalogue(), 200_000) > 1000


def test_an_engine_that_counts_what_was_held_off_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    fold = Visit._paused

    def counting(visit: Visit, event: Paused) -> None:
        fold(visit, event)
        if visit.doubt is not None:
            visit.doubt.tries += 1

    monkeypatch.setitem(engine.visit._FOLDS, Paused, counting)
    with pytest.raises(AssertionError, match="it stands where it stood"):
        hold(monkeypatch, toy_flow(), toy_catalogue(), 3000)
