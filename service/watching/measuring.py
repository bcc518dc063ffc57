"""The numbers that alert rules look at: for each kind, what it is about (subject) and how much (value).

Subjects are names of flows, causes, adapters and schedules: nothing personal (G10).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from engine.definitions import FlowDefinition
from engine.environment import SECOND
from engine.peers.breaker import State
from service.application import Application
from service.scheduling.standing import ending_calendars, standings
from service.watching.rules import Rule
from service.watching.survey import Survey, disk_free

Measures = Mapping[str, float]
#: A subject that goes without saying: there is only one.
ALL = ""
#: What only the process that knows it can say is over: not being told says nothing.
SILENCE_SAYS_NOTHING = frozenset({"peer_failures", "peer_paused", "refused", "clock"})
_BAD_RESULTS = ("failed", "refused", "broken")
_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """What measures are taken from."""

    application: Application
    survey: Survey

    @property
    def now(self) -> int:
        """Return the wall clock."""
        return self.application.environment.now()


async def _stuck(source: Source, rule: Rule) -> Measures:
    found: Counter[str] = Counter()
    for each in source.survey.standings:
        if each.cause is not None and (not rule.causes or each.cause in rule.causes):
            found[f"{each.flow}/{each.cause}"] += each.count
    return found


async def _doubt_age(source: Source, rule: Rule) -> Measures:
    return {flow: (source.now - min(since)) / SECOND for flow, since in source.survey.doubts.items()}


async def _audit(source: Source, rule: Rule) -> Measures:
    return Counter(gap.problem for gap in source.survey.gaps)


async def _due_delay(source: Source, rule: Rule) -> Measures:
    return {ALL: source.survey.due_delay / SECOND}


async def _peer_failures(source: Source, rule: Rule) -> Measures:
    return dict(source.application.watching.tally.failing)


async def _peer_paused(source: Source, rule: Rule) -> Measures:
    peers = [peer.standing() for peer in source.application.watching.peers]
    return {
        each.peer: 0.0 if each.state is State.CLOSED else max(0, source.now - each.since) / SECOND for each in peers
    }


async def _refused(source: Source, rule: Rule) -> Measures:
    return {ALL: float(source.application.watching.overload.lately(source.application.environment.monotonic()))}


async def _clock(source: Source, rule: Rule) -> Measures:
    return {name: abs(ahead) / SECOND for name, ahead in source.application.watching.clocks().items()}


async def _disk_free(source: Source, rule: Rule) -> Measures:
    return {ALL: disk_free(source.application.settings) / _MB}


async def _timer_idle(source: Source, rule: Rule) -> Measures:
    assert rule.trigger is not None and rule.older_than is not None
    census, before = source.application.registers.census, source.now - rule.older_than
    found = {}
    for definition in source.application.site.definitions:
        if states := timed_states(definition, rule.trigger):
            found[definition.flow] = float(await census.quiet(definition.flow, states, before))
    return found


async def _deliveries_dead(source: Source, rule: Rule) -> Measures:
    return {ALL: source.survey.deliveries.get("dead", 0)}


async def _schedule(source: Source, rule: Rule) -> Measures:
    return {name: float(result in _BAD_RESULTS) for name, (result, _) in source.survey.schedules.items()}


async def _schedule_late(source: Source, rule: Rule) -> Measures:
    return {each.schedule.name: each.late.total_seconds() for each in await standings(source.application)}


async def _schedule_paused(source: Source, rule: Rule) -> Measures:
    states = (await source.application.registers.schedules.states()).values()
    return {each.name: 0.0 if each.paused_at is None else (source.now - each.paused_at) / SECOND for each in states}


async def _calendar_days(source: Source, rule: Rule) -> Measures:
    return {name: float(days) for name, days in ending_calendars(source.application).items()}


def timed_states(definition: FlowDefinition, trigger: str) -> list[str]:
    """Return the states in which a timer asks for ``trigger`` again and again."""
    states: list[str] = []
    for timer in definition.timers:
        if timer.trigger == trigger and timer.after is None:
            states += timer.states
    return states


MEASURES: Mapping[str, Callable[[Source, Rule], Awaitable[Measures]]] = {
    "stuck": _stuck,
    "doubt_age": _doubt_age,
    "audit": _audit,
    "due_delay": _due_delay,
    "peer_failures": _peer_failures,
    "peer_paused": _peer_paused,
    "refused": _refused,
    "clock": _clock,
    "disk_free": _disk_free,
    "timer_idle": _timer_idle,
    "deliveries_dead": _deliveries_dead,
    "schedule": _schedule,
    "schedule_late": _schedule_late,
    "schedule_paused": _schedule_paused,
    "calendar_days": _calendar_days,
}
