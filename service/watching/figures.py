"""The values of all metrics: one small function a subject, each yielding name, labels and value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from adapters.clocks import Clocked
from engine.adapter import Adapter
from engine.environment import SECOND, Environment, Micros
from engine.histogram import Histogram
from engine.peers import Peers
from engine.peers.breaker import State
from engine.runner import Runner
from engine.store import StoreFigures
from service.watching.survey import Survey
from service.watching.tally import Tally

Labels = tuple[str, ...]
Value = float | Histogram
Figure = tuple[str, Labels, Value]


def of_tally(tally: Tally) -> Iterator[Figure]:
    """Yield what was counted while working."""
    for called, count in tally.calls():
        yield "visitflow_calls_total", called, count
    for operation, seconds in tally.call_seconds():
        yield "visitflow_call_seconds", operation, seconds
    for adapter, failures in tally.failing.items():
        yield "visitflow_peer_failures_in_a_row", (adapter,), failures
    counters: tuple[tuple[str, Mapping[Any, int]], ...] = (
        ("visitflow_visits_opened_total", {(flow,): count for flow, count in tally.opened.items()}),
        ("visitflow_closings_total", tally.closed),
        ("visitflow_transitions_total", tally.transitions),
        ("visitflow_stuck_total", tally.stuck),
        ("visitflow_retries_total", tally.retries),
        ("visitflow_doubts_total", {(flow,): count for flow, count in tally.doubts.items()}),
        ("visitflow_doubts_settled_total", tally.settled),
        ("visitflow_late_looks_total", tally.late_looks),
        ("visitflow_timers_fired_total", tally.timers),
    )
    for name, counted in counters:
        for labels, count in counted.items():
            yield name, labels, count
    yield "visitflow_timer_delay_seconds", (), tally.timers_late


def of_survey(survey: Survey, now: Micros) -> Iterator[Figure]:
    """Yield how all visits stand."""
    standing: Counter[Labels] = Counter()
    waiting: Counter[Labels] = Counter()
    for each in survey.standings:
        standing[each.flow, each.state, each.status, each.cause or ""] += each.count
        if each.waiting_for is not None:
            waiting[each.flow, each.waiting_for.partition(":")[0]] += each.count  # "trigger:settle|cancel"
    for labels, count in standing.items():
        yield "visitflow_visits", labels, count
    for labels, count in waiting.items():
        yield "visitflow_visits_waiting", labels, count
    yield "visitflow_visits_closed", (), survey.closed
    yield "visitflow_visits_due", (), survey.due
    yield "visitflow_due_delay_seconds", (), survey.due_delay / SECOND
    for flow, since in survey.doubts.items():
        yield "visitflow_doubts_open", (flow,), len(since)
        yield "visitflow_doubt_age_seconds", (flow,), max(0, now - min(since)) / SECOND
    for problem, count in Counter(gap.problem for gap in survey.gaps).items():
        yield "visitflow_audit_gaps", (problem,), count
    for state, count in survey.deliveries.items():
        yield "visitflow_deliveries", (state,), count
    for (rule, state), count in survey.alerts.items():
        yield "visitflow_alerts", (rule, state), count


def of_runner(runner: Runner, environment: Environment) -> Iterator[Figure]:
    """Yield what the runner counts."""
    figures = runner.figures
    yield "visitflow_in_flight", (), runner.in_flight
    yield "visitflow_claims_total", (), figures.claimed
    yield "visitflow_lease_losses_total", (), figures.lost
    yield "visitflow_runner_failures_total", (), figures.failed
    for what, count in runner.dispatch.counts().items():
        yield "visitflow_dispatch_total", (what,), count
    if figures.turned_at:
        yield "visitflow_runner_idle_seconds", (), (environment.monotonic() - figures.turned_at) / SECOND


def of_store(figures: StoreFigures) -> Iterator[Figure]:
    """Yield what the store's writer counts."""
    yield "visitflow_commits_total", (), figures.commits
    yield "visitflow_events_written_total", (), figures.events
    yield "visitflow_database_errors_total", (), figures.failed
    yield "visitflow_commit_jobs", (), figures.batches
    yield "visitflow_commit_seconds", (), figures.commit_seconds


def of_peers(adapters: Mapping[str, Adapter]) -> Iterator[Figure]:
    """Yield how far peers' clocks are from ours."""
    for name, adapter in adapters.items():
        if isinstance(adapter, Clocked) and (ahead := adapter.clock_ahead()) is not None:
            yield "visitflow_peer_clock_ahead_seconds", (name,), ahead / SECOND


def of_gate(peers: Peers) -> Iterator[Figure]:
    """Yield how peers are treated: paused or not, and what waits for them in this process."""
    for peer in peers:
        standing = peer.standing()
        yield "visitflow_peer_paused", (peer.name,), float(standing.state is not State.CLOSED)
        yield "visitflow_peer_calls_in_the_air", (peer.name,), standing.in_the_air
        yield "visitflow_peer_calls_waiting", (peer.name,), standing.waiting
        if standing.slots is not None:
            yield "visitflow_peer_slots", (peer.name,), standing.slots


def of_schedules(results: Mapping[str, tuple[str, Micros]]) -> Iterator[Figure]:
    """Yield what schedules' last runs came to."""
    for name, (result, at) in results.items():
        yield "visitflow_schedule_last_result", (name, result), 1
        yield "visitflow_schedule_last_run_timestamp_seconds", (name,), at / SECOND


def of_build() -> Iterator[Figure]:
    """Yield which version runs."""
    try:
        running = version("visitflow")
    except PackageNotFoundError:  # run from the source, not installed
        running = "source"
    yield "visitflow_build", (running,), 1


Source = Callable[[], Iterator[Figure]]
