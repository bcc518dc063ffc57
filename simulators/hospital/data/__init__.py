"""The hospital's invented data: interfaces, what it offers, what its queries tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from simulators.common import tables


def load(name: str) -> Any:
    """Read one file of this folder."""
    return tables.read(Path(__file__).with_name(f"{name}.yaml"))


_WORLD = load("world")
Row = Mapping[str, Any]


def _by_id(kind: str) -> dict[str, Row]:
    return {row["id"]: row for row in _WORLD[kind]}


@dataclass(frozen=True)
class Catalogue:
    """What the hospital has and offers, by its own numbers."""

    departments: Mapping[str, Row] = field(default_factory=lambda: _by_id("departments"))
    doctors: Mapping[str, Row] = field(default_factory=lambda: _by_id("doctors"))
    prescriptions: tuple[Row, ...] = tuple(_WORLD["prescriptions"])
    examinations: tuple[Row, ...] = tuple(_WORLD["examinations"])
    online: Mapping[str, Row] = field(default_factory=lambda: _by_id("online"))
    packages: Mapping[str, Row] = field(default_factory=lambda: _by_id("packages"))
    companies: Mapping[str, Row] = field(default_factory=lambda: _by_id("companies"))
    choices: Mapping[str, Row] = field(default_factory=lambda: _by_id("choices"))
    laboratory: Mapping[str, Row] = field(default_factory=lambda: _by_id("laboratory"))
    sessions: Mapping[str, tuple[tuple[str, str], ...]] = field(
        default_factory=lambda: {half: tuple(map(tuple, times)) for half, times in _WORLD["sessions"].items()}
    )
    ward: tuple[Row, ...] = tuple(_WORLD["ward"])


def money(value: Any) -> Decimal:
    """Return an amount of the data files, which write it as text."""
    return Decimal(str(value)).quantize(Decimal("0.01"))
