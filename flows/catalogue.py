"""What flows may name: steps and adapters that are installed, found by entry points."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import structlog

from engine.catalogue import Catalogue

log = structlog.get_logger("visitflow.catalogue")

STEPS = "visitflow.steps"
ADAPTERS = "visitflow.adapters"


def load_catalogue() -> Catalogue:
    """Return all steps and adapters of the entry-point groups ``visitflow.steps`` and ``visitflow.adapters``.

    One that cannot be imported is reported and left out: flows that name it will be refused, the others go on.
    """
    return Catalogue(
        modules={point.name: found for point in entry_points(group=STEPS) if (found := _load(point)) is not None},
        adapters={point.name: found for point in entry_points(group=ADAPTERS) if (found := _load(point)) is not None},
    )


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:  # somebody else's package may fail in any way; ours must still start
        log.warning("entry_point_broken", group=point.group, name=point.name, value=point.value, error=str(error))
        return None
