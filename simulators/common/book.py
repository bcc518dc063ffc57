"""A peer's books on disk: every transaction that may change something, one JSON line each, replayed at the next start.

A line is on disk before the answer leaves, so that the centre remembers what it has confirmed even if it dies.
"""

from __future__ import annotations

import datetime
import os
import weakref
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from simulators.common.numbers import read_json, write_json

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
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        weakref.finalize(self, os.close, self._file)

    def read(self) -> list[tuple[datetime.datetime, dict[str, Any]]]:
        """Return what was written, with its time."""
        entries = []
        for line in self._path.read_text(encoding="utf-8").splitlines():
            entry = read_json(line.encode())
            entries.append((datetime.datetime.fromisoformat(entry.pop("at")).astimezone(_SHANGHAI), entry))
        return entries

    def write(self, at: datetime.datetime, entry: dict[str, Any], durable: bool = True) -> None:
        """Write one entry down, on the disk when this returns; not ``durable``: it outlives only the process."""
        text = (write_json({"at": at.isoformat(), **entry}) + "\n").encode()
        while text:  # a disk may take less than it is given
            text = text[os.write(self._file, text) :]
        if durable:
            os.fsync(self._file)
