"""The kinds of work that the writer thread does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from engine.environment import Micros
from engine.store import Append, NewVisit
from storage.keyring import VisitKey


@dataclass(frozen=True, slots=True)
class AppendJob:
    """Write one visit's events; ``exchanges`` are its exchanges, sealed, as rows.

    ``payloads`` are the events' payloads, sealed under ``key``; without one the writer finds it and seals them.
    """

    append: Append
    exchanges: Sequence[dict[str, Any]]
    key: VisitKey | None
    payloads: Sequence[str]


@dataclass(frozen=True, slots=True)
class OpenJob:
    """Open a visit. ``held`` is the row of its new key, ``payloads`` what that has sealed."""

    visit: NewVisit
    held: tuple[Any, ...]
    payloads: Sequence[str]


@dataclass(frozen=True, slots=True)
class ClaimJob:
    """Lease due visits (only those ``among``, if there are any named), or the one that is named."""

    worker: str
    now: Micros
    until: Micros
    limit: int = 1
    visit_id: str | None = None
    priority: int | None = None  #: of due visits: only those that want their worker with it
    among: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class OtherJob:
    """Anything small: a function of the connection."""

    work: Callable[[Connection], Any]


Job = AppendJob | OpenJob | ClaimJob | OtherJob
