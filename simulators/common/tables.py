"""Data files of the simulators. Words that YAML would take for something else stand in quotes there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def read(file: Path) -> Any:
    """Return what a file holds, read by libyaml where it is there."""
    return yaml.load(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
