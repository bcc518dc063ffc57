"""Exploring every situation: sound flows are proven, a broken engine or flow gives the shortest story."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine import actions, execution, plan, settling
from engine.calling import Caller
from engine.definitions import FlowDefinition
from engine.errors import InvalidFlow
from engine.events import Concluded, Verdict
from engine.outcomes import Effect, InDoubt, NotSent
from flows import Exploration, explore, load_catalogue, proof_key, prove, shipped_proofs, story_lines
from flows.exploring import search
from tests.jiangsu import outpatient
from tests.shipped import catalogue, shipped
from tests.toy import toy_catalogue, toy_flow

SETTLE_BY_ASKING = {"doubt": ["ask"], "undo": {"trigger": "unsettle", "step": "toy.unsettle", "doubt": ["ask"]}}
KEYED = {
    "step": "toy.refund",
    "doubt": ["repeat", {"probe": "toy.look"}, "ask"],
    "undo": {"impossible": "a refund stays"},
}
SHIPPED = shipped()
TIMED = {"auto": False, "when": [], "input": None, "deadline": "1m"}
TIMERS = [{"name": "soon", "in": "registered", "trigger": "settle", "after": "1h"}]
SOUND = {
    "reverse": toy_flow(),
    "probe": toy_flow(register={"doubt": [{"probe": "toy.look"}, "ask"]}),
    "inquire": toy_flow(register={"doubt": [{"inquire": "toy.ask_about"}, "ask"]}),
    "ask": toy_flow(settle=SETTLE_BY_ASKING),
    "keyed": toy_flow(settle=KEYED),
    "nothing to undo": toy_flow(settle={"undo": {"nothing": "a slip of paper"}}),
    "timers": toy_flow(settle=TIMED, timers=TIMERS),
}


def explored(definition: FlowDefinition, most: int = 200_000) -> Exploration:
    return asyncio.run(explore(definition, toy_catalogue(), most=most))


def broken(definition: FlowDefinition | None = None) -> tuple[str, str]:
    """What is broken, and the story. Small flows are enough: a broken engine shows in few moves."""
    found = explored(definition or toy_flow())
    assert found.counter_example is not None, f"{found.situations} situations, and nothing found"
    return found.counter_example.guarantee, "\n".join(story_lines(found))


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUND)
def test_a_sound_flow_is_proven(name: str) -> None:
    found = explored(SOUND[name])
    assert found.counter_example is None, "\n".join(story_lines(found))
    assert found.complete
    assert found.situations > 1000
    assert found.closed > 1


@pytest.mark.slow
@pytest.mark.parametrize("definition", SHIPPED, ids=lambda definition: definition.flow)
def test_every_shipped_flow_is_proven_and_on_the_list(definition: FlowDefinition) -> None:
    found = asyncio.run(explore(definition, catalogue()))
    assert found.counter_example is None, "\n".join(story_lines(found))
    assert found.complete
    line = f"{proof_key(definition)}: {{flow: {definition.flow}, situations: {found.situations}}}"
    on_the_list = shipped_proofs().get(proof_key(definition))
    assert on_the_list is not None, f"flows/proven.yaml lacks: {line}"
    assert (on_the_list.flow, on_the_list.situations) == (definition.flow, found.situations), f"now: {line}"


def test_the_list_holds_nothing_else() -> None:
    assert set(shipped_proofs()) == {proof_key(definition) for definition in SHIPPED}


def test_longer_waits_need_no_new_proof() -> None:
    definition = outpatient()
    slower = definition.model_copy(update={"wait": 1, "version": 7})
    assert proof_key(slower) == proof_key(definition)
    first, *others = definition.transitions
    other = definition.model_copy(update={"transitions": (first.model_copy(update={"auto": False}), *others)})
    assert proof_key(other) != proof_key(definition)


async def test_a_shipped_proof_is_not_made_again() -> None:
    assert await prove(outpatient(), load_catalogue()) is None


# -- broken on purpose
def test_sending_before_the_intent_is_durable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_flush(self: Caller, flow: Any, journal: Any, *, release: bool = False) -> None:
        if release:
            await journal.flush(flow, release=True)

    monkeypatch.setattr(Caller, "flush", no_flush)
    guarantee, story = broken()
    assert guarantee == "G1"
    assert "register left before its intent was durable" in story


def test_taking_silence_for_a_call_that_was_not_sent_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = execution.Executor._not_done

    def careless(self: Any, flow: Any, journal: Any, way: Any, bound: Any, base: Any, outcome: Any) -> None:
        outcome = NotSent(outcome.reason) if isinstance(outcome, InDoubt) else outcome
        honest(self, flow, journal, way, bound, base, outcome)

    monkeypatch.setattr(execution.Executor, "_not_done", careless)
    guarantee, story = broken()
    assert guarantee == "G8"
    assert "is taken as not_sent" in story


def test_believing_a_probe_that_could_not_look_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(caller: Any, flow: Any, journal: Any, method: Any, reason: str, exchange: Any) -> None:
        settling._not_applied(caller, flow, journal, Verdict.NOT_APPLIED, "probe", reason, exchange)

    monkeypatch.setattr(settling, "_unclear", careless)
    guarantee, story = broken()
    assert guarantee == "G2"
    assert "although an earlier one took effect" in story


def test_forgetting_a_call_that_was_in_the_air_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(flow: Any, journal: Any) -> None:
        call = journal.visit.call
        journal.record(
            Concluded(
                at=journal.now(),
                call=call.call,
                role=call.role,
                trigger=call.trigger,
                source=call.source,
                target=call.dest,
                operation=call.operation,
                outcome="not_sent",
                retry_at=journal.now(),
            )
        )

    monkeypatch.setattr(execution, "take_over", forget)
    assert broken()[0] == "G2"


def test_undoing_the_oldest_first_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = execution.view_of

    def oldest(flow: Any, visit: Any, now: int, subject: Any = None) -> Any:
        calls = [leg.call for leg in visit.trail if leg.call is not None]
        return honest(flow, visit, now, calls[0] if subject is not None and calls else subject)

    monkeypatch.setattr(execution, "view_of", oldest)
    assert broken()[0] == "G6"


def test_an_action_that_is_offered_and_refused_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "legal_actions", lambda *_: [actions.Action(actions.ActionKind.RESUME)])
    guarantee, story = broken()
    assert guarantee == "G11"
    assert "offered and is refused" in story


def test_a_stuck_visit_with_nothing_to_do_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.exploring import rules

    monkeypatch.setattr(rules, "legal_actions", lambda flow, visit: [])
    guarantee, story = broken()
    assert guarantee == "G11"
    assert "nothing is legal" in story


def test_never_looking_for_a_late_original_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "_late_look", lambda flow, journal: (None, None))
    guarantee, story = broken(SOUND["probe"])
    assert guarantee == "G2"
    assert "nobody will look for it" in story


def test_an_engine_that_fails_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "_plan_end", lambda flow, visit: 1 / 0)
    assert broken()[0] == "G11"


def test_a_flow_without_an_end_is_told_as_a_story() -> None:
    stays = {"impossible": "it stays"}
    endless = toy_flow(
        register={"undo": stays},
        settle={"undo": stays, "unless": ["toy.has_invoice"]},
    )
    guarantee, story = broken(endless)
    assert guarantee == "G11"
    assert "can never be ended" in story
    with pytest.raises(InvalidFlow, match="G11"):
        asyncio.run(prove(endless, toy_catalogue()))


def test_an_exploration_that_stops_early_says_so() -> None:
    found = explored(toy_flow(), most=50)
    assert not found.complete
    assert found.counter_example is None


def test_the_story_is_the_shortest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Breadth first: three calls lead to the first write, and the fourth line breaks the guarantee."""
    monkeypatch.setattr(
        search, "received", lambda *_: search.Broken("G2", "as a trial") if _[1].effect is Effect.ONCE else None
    )
    found = explored(toy_flow())
    assert found.counter_example is not None
    assert [told.then for told in found.counter_example.story][:2] == ["opened", "read"]
    assert len(found.counter_example.story) == 3


def test_the_list_of_proofs_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "proven.yaml"
    path.write_text("abc: {flow: x, situations: 3}\n", encoding="utf-8")
    assert shipped_proofs(path)["abc"].situations == 3
