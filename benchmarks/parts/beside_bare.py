"""The engine beside a bare loop that writes the same rows in as many commits, on both stores."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.apart import apart, sync_micros
from benchmarks.bare import BareMeasured, bare
from benchmarks.engine_run import Load, Measured, advance
from benchmarks.figures import Part, Target, occupied, ratios
from benchmarks.parts.setting import MANY, Setting
from benchmarks.places import Place, PostgresPlace, Raw, SqlitePlace, postgres_place


def many(setting: Setting) -> Part:
    """500 visits in flight on SQLite."""
    part = Part("many", f"{MANY} visits in flight, SQLite")
    _beside_bare(setting, part, SqlitePlace(setting.folder), MANY, Target(10_000), Target(0.15, digits=2))
    return part


def alone(setting: Setting) -> Part:
    """One visit at a time on SQLite."""
    part = Part("alone", "one visit at a time, SQLite")
    _beside_bare(setting, part, SqlitePlace(setting.folder), 1, None, Target(0.4, digits=2))
    with tempfile.TemporaryDirectory(dir=setting.folder) as folder:
        micros = sync_micros(Path(folder))
    part.limits += f" In the same minutes the disk took {micros:,.0f} µs to make 4 KB durable (`fdatasync`, median)."
    return part


def postgres(setting: Setting) -> Part:
    """Both on PostgreSQL."""
    part = Part("postgres", "PostgreSQL")
    with postgres_place(setting.folder) as place:
        _beside_bare(setting, part, place, MANY, None, Target(0.15, digits=2))
        _beside_bare(setting, part, place, 1, None, Target(0.4, digits=2))
        part.notes.append(_server(place))
    return part


def _beside_bare(
    setting: Setting, part: Part, place: Place, in_flight: int, least: Target | None, ratio: Target
) -> None:
    visits = setting.alone if in_flight == 1 else setting.visits
    ours: list[Measured] = []
    theirs: list[BareMeasured] = []
    for run in range(setting.runs):
        with place.new() as url, place.new() as other:
            ours.append(apart(advance, Load(url, visits, in_flight)))
            theirs.append(apart(bare, url, other, in_flight, ours[-1].commits))
        rates = f"{ours[-1].rate:,.0f} steps/s, bare {theirs[-1].rate:,.0f}"
        setting.say(f"{place.name}, {in_flight} in flight, run {run + 1}: {rates}")
    name = "one at a time" if in_flight == 1 else f"{in_flight} in flight"
    loop = "raw commit loop" if in_flight == 1 else "bare loop"
    our_rates, their_rates = [each.rate for each in ours], [each.rate for each in theirs]
    part.add(f"durable steps/s, {name}", our_rates, 0, least)
    part.add(f"{loop}, same rows and commits", their_rates)
    part.add(f"ratio to the {loop}", ratios(our_rates, their_rates), 2, ratio)
    our_cpu, their_cpu = [each.spent.cpu for each in ours], [each.spent.cpu for each in theirs]
    part.add(f"processor time of the {loop} to the engine's", ratios(their_cpu, our_cpu), 2)
    _volumes(part, ours, name)
    part.notes.append(
        f"{name.capitalize()}: {visits:,} visits, {ours[-1].steps:,} steps, {ours[-1].events:,} events; commits: engine"
        f" {ours[-1].commits:,}, loop {theirs[-1].commits:,}."
    )
    part.limits += (
        f" {name.capitalize()}: {occupied([each.spent for each in ours], ours[0].steps)}; the loop uses"
        f" {sum(each.spent.cpu for each in theirs) * 1e6 / sum(each.steps for each in theirs):,.0f} µs a step."
    )


def _volumes(part: Part, ours: list[Measured], name: str) -> None:
    part.add(f"commits a step, {name}", [each.commits / each.steps for each in ours], 3)
    if any(each.wal for each in ours):
        part.add(f"bytes of WAL a step, {name}", [each.wal / each.steps for each in ours])
    else:
        part.add(f"bytes written a step, {name}", [each.spent.written / each.steps for each in ours])


def _server(place: PostgresPlace) -> str:
    raw = Raw(place.url)
    names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers")
    found = [f"{name}={raw.execute(f'SHOW {name}').fetchone()[0]}" for name in names]
    raw.close()
    return f"Server found with {', '.join(f'`{each}`' for each in found)}; client on the same machine, by Unix socket."
