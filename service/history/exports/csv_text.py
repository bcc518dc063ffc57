"""CSV (RFC 4180, UTF-8): one file a table, a heading each; an empty cell where there is nothing to tell."""

from __future__ import annotations

import csv
import io
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from service.history.exports.columns import EXPORTED, Batch, Outside


def heading(table: str) -> str:
    """Return the first line of a table."""
    return ",".join(column.name for column in EXPORTED[table]) + "\r\n"


def lines(table: str, batch: Batch, outside: Outside) -> str:
    """Return the lines of one page."""
    text = io.StringIO()
    csv.writer(text).writerows(outside.rows(batch, table))
    return text.getvalue()


class CsvFolder:
    """A folder with a file for each table."""

    def __init__(self, folder: Path, outside: Outside) -> None:
        """Begin the files in ``folder``, which is made."""
        folder.mkdir()
        self._outside = outside
        self._files: dict[str, TextIO] = {}
        self._open = ExitStack()  # closes all, also when one does not close
        for table in EXPORTED:
            path = folder / f"{table}.csv"
            file = self._files[table] = self._open.enter_context(path.open("w", encoding="utf-8", newline=""))
            file.write(heading(table))

    def write(self, batch: Batch) -> None:
        """Add a page."""
        for table, file in self._files.items():
            csv.writer(file).writerows(self._outside.rows(batch, table))

    def close(self) -> None:
        """End the files."""
        self._open.close()
