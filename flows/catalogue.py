"""What flows may name: steps and adapters that are installed, found by entry points."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Installed:
    """What is installed: the catalogue, and what should be in it and is not."""

    catalogue: Catalogue = field(default_factory=Catalogue)
    broken: list[Broken] = field(default_factory=list)


def load_catalogue() -> Catalogue:
    """Return all steps and adapters of the entry-point groups ``visitflow.steps`` and ``visitflow.adapters``.

    One that cannot be used is reported and left out: flows that name it will be refused, the others go on.
    """
    installed = load_installed([*entry_points(group=STEPS), *entry_points(group=ADAPTERS)])
    for broken in installed.broken:
        log.warning(
            "entry_point_broken",
            group=broken.group,
            name=broken.name,
            value=broken.value,
            distribution=broken.distribution,
            error=broken.reason,
        )
    return installed.catalogue


def load_installed(points: Iterable[EntryPoint]) -> Installed:
    """Return what ``points`` stand for. Never raises for what somebody else's package does."""
    installed = Installed()
    taken: dict[tuple[str, str], EntryPoint] = {}
    for point in points:
        first = taken.setdefault((point.group, point.name), point)
        if first is not point:
            if first.value != point.value:  # the same package found twice on the path is no conflict
                installed.broken.append(_broken(point, f"the name is taken by {first.value}"))
            continue
        try:
            found = point.load()
        except Exception as error:  # somebody else's package may fail in any way; ours must still start
            installed.broken.append(_broken(point, f"{type(error).__name__}: {error}"))
            continue
        if point.group == STEPS:
            installed.catalogue.modules[point.name] = found
        elif missing := _missing(found):
            installed.broken.append(_broken(point, missing))
        else:
            installed.catalogue.adapters[point.name] = found
    return installed


def _missing(found: Any) -> str | None:
    """Say what an adapter lacks. None: nothing."""
    if not inspect.isclass(found):
        return "expected an adapter class"
    lacking = [name for name in ("operations", "call", "message_id", "close") if not hasattr(found, name)]
    return f"not an adapter: it has no {', '.join(lacking)}" if lacking else None


def _broken(point: EntryPoint, reason: str) -> Broken:
    origin = point.dist
    return Broken(point.group, point.name, point.value, reason, origin.name if origin is not None else "")
