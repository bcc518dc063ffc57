"""Changes that would break a running visit, made on purpose: the replay says which visit, where, and what differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal, Union, get_args

import pytest
from pydantic import Field, TypeAdapter

from engine import actions, events, execution, plan, visit
from engine.events import AnyEvent, Concluded, Event, Looked, Settled
from engine.plan import Close, Plan
from engine.visit import Visit
from steps import jiangsu
from storage import MemoryStore
from tests.replay import checks
from tests.replay.checks import Definitions, Difference, replayed, told
from tests.replay.continuing import GoesWrong, go_on, in_the_air
from tests.replay.files import Recording, definitions, recordings

DEFINITIONS = definitions()
ALL = list(recordings())


@pytest.fixture(autouse=True)
def _compiled_anew() -> Iterator[None]:
    checks._compiled.cache_clear()
    yield
    checks._compiled.cache_clear()


def differing(stored: Definitions = DEFINITIONS) -> list[Difference]:
    return [each for recording in ALL for each in replayed(recording, stored)]


def first(found: list[Difference], path: str) -> Difference:
    return next(each for each in found if each.path == path)


def test_nothing_differs_without_a_change() -> None:
    assert differing() == []


def test_a_renamed_field_of_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    class Renamed(Event):
        kind: Literal["looked"] = "looked"
        failures: int  # was: tries

    kinds = tuple(Renamed if kind is Looked else kind for kind in get_args(get_args(AnyEvent)[0]))
    union: Any = Annotated[Union[kinds], Field(discriminator="kind")]  # noqa: UP007 - made of a tuple
    monkeypatch.setattr(events, "_ADAPTER", TypeAdapter(union))
    found = first(differing(), "event")
    assert found.kind == "looked"
    assert "failures" in found.now and "Field required" in found.now


def test_an_event_that_is_folded_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Visit._settled

    def forgetful(self: Visit, event: Settled) -> None:
        honest(self, event)
        self.suspects.clear()

    monkeypatch.setitem(visit._FOLDS, Settled, forgetful)
    found = first(differing(), "fold/suspects/0")
    assert found.kind == "settled"
    assert found.now == "(nothing)"


def test_a_field_that_means_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """``look_at`` as a duration instead of a moment."""
    honest = Visit._concluded

    def relative(self: Visit, event: Concluded) -> None:
        if event.look_at is not None:
            event = event.model_copy(update={"look_at": event.at + event.look_at})
        honest(self, event)

    monkeypatch.setitem(visit._FOLDS, Concluded, relative)
    found = differing()
    moved = first(found, "fold/doubt/next_at")
    assert moved.now == pytest.approx(2 * moved.expected, rel=1e-6)
    assert (first(found, "plan/at").recording, first(found, "plan/at").seq) == (moved.recording, moved.seq)


def test_a_state_renamed_in_place() -> None:
    """A version that is edited instead of being replaced by another."""
    edited = {name: text.replace('"registered"', '"enrolled"') for name, text in DEFINITIONS.items()}
    found = differing(edited)
    assert first(found, "actions/trigger upload").now == "(nothing)"
    assert "a condition in state registered failed" in first(found, "plan/message").now


def test_another_choice_of_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "_plan_end", lambda flow, seen: Plan(Close(), seen.updated_at))
    found = first(differing(), "plan/move")
    assert (found.expected, found.now) == ("LateLook", "Close")


def test_an_action_that_is_not_offered_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "can_resume", lambda _visit: "no")
    assert first(differing(), "actions/resume").now == "(nothing)"


def test_a_condition_that_means_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the stories with real steps can show it."""
    monkeypatch.setitem(jiangsu.CONDITIONS, "has_invoice", lambda _view: False)
    found = differing()
    assert {each.recording.rpartition("/")[2] for each in found} == {"real-straight-and-cancelled"}
    assert (first(found, "plan/move").expected, first(found, "plan/move").now) == ("Go", "GetStuck")


def test_a_step_that_is_not_there_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(jiangsu.STEPS, "find_settlement")
    found = first(differing(), "flow version")
    assert "jiangsu.find_settlement is unknown" in found.now


def test_the_words_say_where_and_what() -> None:
    """For whoever is called at night: which recording, by which release, after which event, what instead of what."""
    recording = "toy.visit/abc/each-call-busy-done"
    others = [Difference(recording, "0.1.0", 8, "looked", f"fold/{name}", 1, 2) for name in "abcdefgh"]
    one = Difference(recording, "0.1.0", 7, "looked", "plan/move", "Settle", "Go")
    found = [one, replace(one, seq=8), *others]
    lines = told(found).split("\n")
    assert lines[0] == f"{recording} (recorded by visitflow 0.1.0): a running visit at this point would now differ"
    assert lines[1] == "  event 7 (looked) · plan/move: recorded Settle, now Go"
    assert lines[2] == "  event 8 (looked) · fold/a: recorded 1, now 2"
    assert lines[-2] == "  and 1 more that differ later"
    assert lines[-1] == "docs/extending.md, Recorded journals, says what to do"
    assert told([]) == ""


async def test_going_on_finds_a_call_that_is_sent_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that forgets what was in the air reads every journal rightly, and does harm with the next move."""

    def forget(_flow: Any, journal: Any) -> None:
        call = journal.visit.call
        base = {"call": call.call, "role": call.role, "trigger": call.trigger, "source": call.source}
        base |= {"target": call.dest, "operation": call.operation, "outcome": "not_sent"}
        journal.record(Concluded(at=journal.now(), retry_at=journal.now(), **base))

    monkeypatch.setattr(execution, "take_over", forget)
    recording, seq = _in_the_air()
    with pytest.raises(GoesWrong, match="G2"):
        await go_on(recording, seq, DEFINITIONS, MemoryStore(), arrived=True)


def _in_the_air() -> tuple[Recording, int]:
    for recording in ALL:
        seen = Visit(recording.visit_id)
        for line in recording.lines:
            seen.apply(events.decode(line.event.payload))
            if recording.model and line.durable and seen.call is not None and in_the_air(seen) is seen.call:
                return recording, line.event.seq
    raise AssertionError("nothing is ever in the air")
