"""An export on disk: whole under its name, or not there at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import psutil

from engine.errors import BadInput, VisitflowError
from service.history.exports.columns import Batch, Outside
from service.history.exports.csv_text import CsvFolder
from service.history.exports.parquet import ParquetFolder
from service.history.exports.xes import XesFile
from storage.history.questions import Period
from storage.registers import HistoryRegister
from storage.registers.history import BEGINNING

#: Visits that are held in memory at once.
PAGE = 500


class ExportFailed(VisitflowError):
    """The export could not be written; nothing of it remains."""

    code = "export_failed"


class Form(StrEnum):
    """What is written."""

    CSV = "csv"
    PARQUET = "parquet"
    XES = "xes"


class Writer(Protocol):
    """Writes pages in order."""

    def write(self, batch: Batch) -> None:
        """Add a page. Raises OSError."""

    def close(self) -> None:
        """End what was begun. Raises OSError."""


async def batches(history: HistoryRegister, period: Period) -> AsyncIterator[Batch]:
    """Yield the visits opened in a period, page by page; each page is one look at the store, none holds it open."""
    place = BEGINNING
    while (page := await history.page(period, place, PAGE)).visits:
        yield Batch(page, await history.patients(page.visits))
        place = page.place


async def export(
    history: HistoryRegister,
    period: Period,
    form: Form,
    out: Path,
    outside: Outside,
    *,
    attempts: bool = False,
    progress: Callable[[int], None] = lambda _visits: None,
) -> int:
    """Write the visits opened in a period to ``out`` (XES: a file, else a folder); return how many.

    Raises:
        BadInput: there is something of that name, no such folder, or no pyarrow.
        ExportFailed: the disk is full or does not write. Nothing is left of it.
    """
    done = 0
    with _whole(out) as partial:
        writer = _writer(form, partial, outside, attempts=attempts, packed=out.suffix == ".gz")
        try:
            async for batch in batches(history, period):
                writer.write(batch)
                done += len(batch.page.visits)
                progress(done)
        except BaseException:
            with suppress(OSError, ValueError):  # a full disk again
                writer.close()
            raise
        writer.close()
    return done


def _writer(form: Form, path: Path, outside: Outside, *, attempts: bool, packed: bool) -> Writer:
    match form:
        case Form.CSV:
            return CsvFolder(path, outside)
        case Form.PARQUET:
            return ParquetFolder(path, outside)
        case Form.XES:
            return XesFile(path, outside, attempts=attempts, packed=packed)


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """Yield a path beside ``out`` that takes its name at the end, when all of it is on the disk."""
    if out.exists() or out.is_symlink():
        raise BadInput(f"{out} is there already", field="out")
    if not out.absolute().parent.is_dir():
        raise BadInput(f"the folder {out.absolute().parent} does not exist", field="out")
    _sweep(out)
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        yield partial
        for path in (*(partial.rglob("*") if partial.is_dir() else ()), partial):
            _sync(path)
        partial.rename(out)
        _sync(out.absolute().parent)
    except OSError as error:
        raise ExportFailed(f"{out}: {error.strerror or error}; nothing of it remains", field="out") from None
    finally:
        _remove(partial)


def _sweep(out: Path) -> None:
    """Remove what exports to the same name have left whose process is gone."""
    pattern = re.compile(rf"\.{re.escape(out.name)}\.(\d+)\.partial")
    for path in out.absolute().parent.iterdir():
        found = pattern.fullmatch(path.name)
        if found is not None and not psutil.pid_exists(int(found[1])):
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # folders cannot be opened there
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
