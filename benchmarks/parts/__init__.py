"""What is measured, part by part, and against which targets."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.figures import Part
from benchmarks.parts.beside_bare import alone, many, postgres
from benchmarks.parts.beside_dbos import dbos
from benchmarks.parts.closed import closed
from benchmarks.parts.dispatch import dispatch
from benchmarks.parts.due import due
from benchmarks.parts.grown import grown
from benchmarks.parts.load import load
from benchmarks.parts.pages import pages
from benchmarks.parts.profile import profile
from benchmarks.parts.restarted import restarted
from benchmarks.parts.setting import Setting
from benchmarks.parts.size import size
from benchmarks.parts.watched import watched
from benchmarks.parts.workers import workers

PARTS: dict[str, Callable[[Setting], Part]] = {
    "many": many,
    "alone": alone,
    "postgres": postgres,
    "dbos": dbos,
    "dispatch": dispatch,
    "workers": workers,
    "restart": restarted,
    "closed": closed,
    "grown": grown,
    "size": size,
    "due": due,
    "watched": watched,
    "load": load,
    "pages": pages,
    "profile": profile,
}

__all__ = ["PARTS", "Setting"]
