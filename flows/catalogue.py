"""What flows may name: steps and adapters that are installed, found by entry points."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import structlog

from engine.catalogue import Catalogue

log = structlog.get_logger("visitflow.catalogue")

STEPS = "visitflow.steps"
ADAPTERS = "visitflow.adapters"


@dataclass(frozen=True, slots=True)
class Broken:
    """An entry point that was left out, and why."""

    group: str
    name: str
    value: str
    reason: str
    distribution: str = ""

    def __str__(self) -> str:
        """Return one line for a person."""
        origin = f" of {self.distribution}" if self.distribution else ""
        return f"entry point {self.name} = {self.value}{origin} in {self.group} is left out: {self.reason}"


class OnDemand(MutableMapping[str, Any]):
    """What entry points stand for, by name, each imported when it is first asked for.

    A site of one centre thus imports nothing that belongs to another's. One that turns out to be broken is told of once
    and is then not there.
    """

    def __init__(self, told: Callable[[Broken], None]) -> None:
        """``told`` hears of each that is left out."""
        self._points: dict[str, EntryPoint] = {}
        self._found: dict[str, Any] = {}
        self._told = told

    def offer(self, point: EntryPoint) -> None:
        """Have one more; of two with one name the first counts."""
        first = self._points.setdefault(point.name, point)
        if first.value != point.value:  # the same package found twice on the path is no conflict
            self._told(_broken(point, f"the name is taken by {first.value}"))

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            point = self._points[name]
            try:
                found = point.load()
                wrong = _missing(found) if point.group == ADAPTERS else None
            except Exception as error:  # somebody else's package may fail in any way; ours must still start
                wrong = f"{type(error).__name__}: {error}"
            if wrong is not None:
                del self._points[name]
                self._told(_broken(point, wrong))
                raise KeyError(name)
            self._found[name] = found
        return self._found[name]

    def __setitem__(self, name: str, found: Any) -> None:
        self._found[name] = found

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*self._points, *(name for name in self._found if name not in self._points)])

    def __len__(self) -> int:
        return len(self._points | self._found)


@dataclass(slots=True)
class Installed:
    """What is installed: the catalogue, and what should be in it and is not."""

    catalogue: Catalogue
    broken: list[Broken]


def load_catalogue() -> Catalogue:
    """Return all steps and adapters of the entry-point groups ``visitflow.steps`` and ``visitflow.adapters``.

    Each is imported when a flow names it. One that cannot be used is reported then and left out: flows that name it are
    refused, the others go on.
    """

    def told(broken: Broken) -> None:
        log.warning(
            "entry_point_broken",
            group=broken.group,
            name=broken.name,
            value=broken.value,
            distribution=broken.distribution,
            error=broken.reason,
        )

    return _offered([*entry_points(group=STEPS), *entry_points(group=ADAPTERS)], told)


def load_installed(points: Iterable[EntryPoint]) -> Installed:
    """Return what ``points`` stand for, all of it imported. Never raises for what somebody else's package does."""
    broken: list[Broken] = []
    catalogue = _offered(points, broken.append)
    for offered in (catalogue.modules, catalogue.adapters):
        for name in list(offered):
            offered.get(name)
    return Installed(catalogue, broken)


def _offered(points: Iterable[EntryPoint], told: Callable[[Broken], None]) -> Catalogue:
    modules, adapters = OnDemand(told), OnDemand(told)
    for point in points:
        (modules if point.group == STEPS else adapters).offer(point)
    return Catalogue(modules, adapters)


def _missing(found: Any) -> str | None:
    """Say what an adapter lacks. None: nothing."""
    if not inspect.isclass(found):
        return "expected an adapter class"
    lacking = [name for name in ("operations", "call", "message_id", "close") if not hasattr(found, name)]
    return f"not an adapter: it has no {', '.join(lacking)}" if lacking else None


def _broken(point: EntryPoint, reason: str) -> Broken:
    origin = point.dist
    return Broken(point.group, point.name, point.value, reason, origin.name if origin is not None else "")
