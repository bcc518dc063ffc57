"""The books on disk: every transaction that may change something, one JSON line each, replayed at the next start.

A line is on disk before the answer leaves, so that the centre remembers what it has confirmed even if it dies.
"""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from simulators.jiangsu.numbers import read_json, write_json

_SHANGHAI = ZoneInfo("Asia/Shanghai")


class Book:
    """An append-only log."""

    def __init__(self, folder: Path) -> None:
        """Open (or begin) the log in ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "centre.jsonl"
        self._path.touch()
        written = self._path.read_bytes()
        whole = written.rfind(b"\n") + 1
        if whole < len(written):  # a torn last line was never confirmed; what comes now must not be glued to it
            os.truncate(self._path, whole)

    def read(self) -> list[tuple[datetime.datetime, dict[str, Any]]]:
        """Return what was written, with its time."""
        entries = []
        for line in self._path.read_text(encoding="utf-8").splitlines():
            entry = read_json(line.encode())
            entries.append((datetime.datetime.fromisoformat(entry.pop("at")).astimezone(_SHANGHAI), entry))
        return entries

    def write(self, at: datetime.datetime, entry: dict[str, Any]) -> None:
        """Write one entry down, on the disk when this returns."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(write_json({"at": at.isoformat(), **entry}) + "\n")
            file.flush()
            os.fsync(file.fileno())
