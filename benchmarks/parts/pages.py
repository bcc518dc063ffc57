"""The console over a million visits: how long a supervisor waits for each page."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.apart import apart
from benchmarks.figures import Part, Target
from benchmarks.loading.served import prepared, serving
from benchmarks.looking.asking import read
from benchmarks.looking.filling import BEGINNING, WHOLE_EACH, Hospital, filled
from benchmarks.parts.setting import Setting
from benchmarks.places import SqlitePlace, postgres_place

#: Somebody who waits longer than so many milliseconds notices.
_NOTICED = 300.0
_FLOWS = Path(__file__).parents[2] / "flows.yaml"
_WHO = "wang"
_UNLIMITED = {"requests_per_second": "1000000", "requests_burst": "1000000"}


def pages(setting: Setting) -> Part:
    """Pages of the console with many visits in the store."""
    part = Part("pages", f"pages of the console with {setting.closed:,} visits in the store")
    part.table = [("store", "page", "p50 ms", "p95 ms", "slowest ms", "first ms")]
    worst = {}
    place = SqlitePlace(setting.folder)
    hospital, worst[place.name] = _on(part, setting, place.name, place.new)
    with postgres_place(setting.folder) as other:
        _, worst[other.name] = _on(part, setting, other.name, other.new)
    for name, milliseconds in worst.items():
        part.add(f"{name}: p95 of the slowest page, ms", [milliseconds], 0, Target(_NOTICED, at_least=False))
    part.notes.append(
        f"`visitflow serve` with the shipped flows in a process of its own; {setting.looks} rounds over all pages, one"
        f" after another. {hospital.events:,} events: one visit of {WHOLE_EACH} has all of them, the others"
        f" {BEGINNING}. The first reading of a page after the start is among them, and told apart."
    )
    return part


def _on(
    part: Part, setting: Setting, name: str, new: Callable[[], AbstractContextManager[str]]
) -> tuple[Hospital, float]:
    from tests.service.wired import PASSWORD

    with new() as url, tempfile.TemporaryDirectory(prefix="visitflow-pages-", dir=setting.folder) as folder:
        site = prepared(Path(folder), url, 0, _FLOWS)
        hospital = apart(filled, url, Path(folder) / "data", setting.closed)
        setting.say(f"{name}: {hospital.visits:,} visits, {hospital.events:,} events")
        with serving(site, **_UNLIMITED) as served:
            taken = read(f"http://{served.host}:{served.port}", hospital, _WHO, PASSWORD, setting.looks)
    for kind, each in taken.items():
        told = (statistics.median(each), _p95(each), max(each), each[0])
        setting.say(f"{name}: {kind}: " + ", ".join(f"{ms:.0f}" for ms in told))
        part.table.append((name, kind, *(f"{ms:,.0f}" for ms in told)))
    return hospital, max(_p95(each) for each in taken.values())


def _p95(milliseconds: Sequence[float]) -> float:
    return sorted(milliseconds)[int(0.95 * len(milliseconds))]
