"""One request that the platform got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulators.wechat.members import Members


@dataclass(frozen=True)
class Served:
    """``sent`` is the first object where the body is a list (``rows``)."""

    number: str
    sent: Members
    rows: tuple[Members, ...]
    raw: Any
