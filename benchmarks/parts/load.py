"""The HTTP service at, and far above, the rate that it sustains: what it answers, how soon, and what it keeps."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.apart import apart
from benchmarks.figures import Part, Target
from benchmarks.loading.asking import Asked, Asker, ask, open_visits
from benchmarks.loading.found import missing
from benchmarks.loading.served import Served, prepared, serving
from benchmarks.parts.setting import Setting
from benchmarks.places import SqlitePlace, postgres_place

TIMES = (1, 4, 16)
#: A rate is sustained when nearly all is accepted, and 99 of 100 answers come within so many milliseconds.
_SUSTAINED, _QUICK_ENOUGH = 0.99, 500.0
#: Shares of the rate at which the service answers when asked as fast as it can; the first that is sustained is taken.
_SHARES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
#: All keys together may ask for so many times what is sustained: a guess of somebody who sets limits.
_OF_A_KEY = 1.25
_LONG_TIME = {"requests_per_second": "1000000", "requests_burst": "1000000"}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is asked: by how many connections, with how many keys, of how many visits each, and for how long."""

    seconds: float
    search: float  #: of each try to find the rate that is sustained
    askers: int = 256
    clients: int = 4
    visits: int = 4


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one store came to."""

    place: str
    rate: float  #: sustained, triggers accepted a second
    phases: tuple[Asked, ...]  #: by TIMES
    memory: tuple[tuple[int, int], ...]  #: of each phase: resident bytes at its beginning, and at most
    missing: int


def load(setting: Setting) -> Part:
    """The HTTP service under 1, 4 and 16 times what it sustains."""
    part = Part("load", f"HTTP service asked for {TIMES[-1]} times what it sustains, {setting.load_seconds} s each")
    results = [_on(setting, place.name, place.new) for place in (SqlitePlace(setting.folder),)]
    with postgres_place(setting.folder) as place:
        results.append(_on(setting, place.name, place.new))
    part.table = [
        ("store", "asked for", "offered/s", "accepted/s", "429/s", "503/s", "other", "p50 ms", "p99 ms", "MB at most")
    ]
    for each in results:
        _tell(part, each)
    part.notes.append(
        f"A trigger is accepted when it is durable. {Size(0, 0).askers} connections with {Size(0, 0).clients} keys that"
        f" together may ask for {_OF_A_KEY} times what is sustained; nobody obeys Retry-After. Whoever"
        " asks has the same machine as the service, so that 16 times is what can still be offered beside it."
    )
    return part


def _on(setting: Setting, name: str, new: Callable[[], object]) -> Loaded:
    with new() as url, tempfile.TemporaryDirectory(prefix="visitflow-load-", dir=setting.folder) as folder:  # type: ignore[attr-defined]
        size = Size(seconds=setting.load_seconds, search=setting.load_search)
        return measured(name, url, Path(folder), size, setting.say)


def measured(
    place: str, url: str, folder: Path, size: Size, say: Callable[[str], None] = lambda _line: None, **settings: str
) -> Loaded:
    """Find the rate that a service on ``url`` sustains, then ask for more; ``settings`` are the service's."""
    site = prepared(folder, url, size.clients)
    askers = [Asker(n, site.keys[n % size.clients]) for n in range(size.askers)]
    with serving(site, **_LONG_TIME) as served:
        asyncio.run(open_visits(served.host, served.port, askers, size.visits, "load"))
        say(f"{place}: {size.askers * size.visits} visits are open")
        rate, accepted = _sustained(served, askers, size.search, say)
    a_key = max(1.0, _OF_A_KEY * rate / size.clients)
    limits = {"requests_per_second": f"{a_key:.1f}", "requests_burst": f"{a_key:.0f}"} | settings
    with serving(site, **limits) as served:
        phases, memory = _phases(served, askers, rate, size.seconds, say)
    for phase in phases:
        accepted += phase.accepted
    gone = apart(missing, url, folder / "data" / "exchange.key", accepted)
    say(f"{place}: {len(accepted)} accepted, {len(gone)} of them in no journal")
    return Loaded(place, rate, phases, memory, len(gone))


def _sustained(
    served: Served, askers: Sequence[Asker], search: float, say: Callable[[str], None]
) -> tuple[float, list[tuple[str, str]]]:
    few = askers[:32]
    flat_out = asyncio.run(ask(served.host, served.port, few, search))
    accepted = list(flat_out.accepted)
    say(f"flat out {flat_out.rate:,.0f}/s {dict(flat_out.statuses)}")
    rate = flat_out.rate * _SHARES[-1]
    for share in _SHARES:
        tried = asyncio.run(ask(served.host, served.port, askers, search, flat_out.rate * share))
        accepted += tried.accepted
        say(f"{share:.0%}: {tried.rate:,.0f}/s, p99 {tried.wait(0.99):.0f} ms {dict(tried.statuses)}")
        if tried.rate >= _SUSTAINED * flat_out.rate * share and tried.wait(0.99) < _QUICK_ENOUGH:
            rate = flat_out.rate * share
            break
    return rate, accepted


def _phases(
    served: Served, askers: Sequence[Asker], rate: float, seconds: float, say: Callable[[str], None]
) -> tuple[tuple[Asked, ...], tuple[tuple[int, int], ...]]:
    phases, memory = [], []
    for times in TIMES:
        phase = asyncio.run(ask(served.host, served.port, askers, seconds, rate * times))
        seen = served.memory.between(phase.began, phase.ended)
        phases.append(phase)
        memory.append((seen[0] if seen else 0, max(seen, default=0)))
        say(
            f"{times:>2} x: {phase.rate:,.0f}/s, p50 {phase.wait(0.5):.0f} ms, p99 {phase.wait(0.99):.0f} ms,"
            f" {memory[-1][1] / 1e6:.0f} MB {dict(phase.statuses)} left out {phase.left_out}"
        )
    return tuple(phases), tuple(memory)


def _tell(part: Part, found: Loaded) -> None:
    for times, phase, memory in zip(TIMES, found.phases, found.memory, strict=True):
        took = phase.ended - phase.began
        known = {name: phase.statuses.get(name, 0) for name in ("200", "202", "429", "503")}
        other = sum(phase.statuses.values()) - sum(known.values())
        part.table.append(
            (
                found.place,
                f"{times} x",
                f"{phase.offered / took:,.0f}",
                f"{phase.rate:,.0f}",
                f"{known['429'] / took:,.0f}",
                f"{known['503'] / took:,.0f}",
                str(other),
                f"{phase.wait(0.5):.0f}",
                f"{phase.wait(0.99):.0f}",
                f"{memory[1] / 1e6:.0f}",
            )
        )
    part.add(f"{found.place}: triggers sustained a second", [found.rate])
    part.add(f"{found.place}: accepted and in no journal", [found.missing], 0, Target(1, at_least=False))
    refused = sum(phase.without_retry_after for phase in found.phases)
    part.add(f"{found.place}: 429 and 503 without Retry-After", [refused], 0, Target(1, at_least=False))
    grown = found.memory[-1][1] / max(found.memory[0][1], 1)
    part.add(f"{found.place}: memory at 16 x to memory at 1 x, at most", [grown], 2, Target(1.25, False, 2))
