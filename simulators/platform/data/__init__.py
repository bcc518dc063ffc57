"""What the platform serves and what it calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulators.common import tables


def load(name: str) -> Any:
    """Read one file of this folder."""
    return tables.read(Path(__file__).with_name(f"{name}.yaml"))


#: Methods of the hospital by number.
CALLS: dict[str, str] = load("calls")
