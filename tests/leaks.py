"""A pytest plugin: nothing personal in any log line, metric or span of the whole test suite (G10).

Every line that passes structlog or logging, every label of every tally and every span is looked through while a test
runs; what holds an invented person's number or name, or a secret, fails that test. Files that a test's processes wrote
their standard error to (``*.log``, ``*stderr*``) are looked through at its end.
"""

from __future__ import annotations

import base64
import logging
import re
import weakref
from collections.abc import Generator, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from service.watching import tally, tracing
from tests import people

#: The suite's own key for exchanges (tests/conftest.py).
KEY = base64.b64encode(bytes(range(32))).decode()
_LARGEST_FILE = 4_000_000

PERSONAL = {
    "identity number": re.compile(rf"{people.REGION}\d{{11}}[\dXx]"),
    "name": re.compile(f"[{people.SURNAMES}](?:{'|'.join(people.GIVEN)})"),
    "API key": re.compile(r"vfk_[0-9a-z]+_[\w-]{20,}"),
    "exchange key": re.compile(re.escape(KEY)),
}


def found_in(text: str) -> str | None:
    """Return what kind of personal data ``text`` holds, if any."""
    return next((kind for kind, pattern in PERSONAL.items() if pattern.search(text)), None)


class Watchman:
    """Remembers what was found in the test that runs."""

    def __init__(self) -> None:
        self.findings: list[str] = []
        self.tallies: weakref.WeakSet[tally.Tally] = weakref.WeakSet()

    def look(self, where: str, text: str) -> None:
        """Look through one piece of text."""
        if (kind := found_in(text)) is not None:
            self.findings.append(f"{where} holds an invented {kind}: {text[:300]}")

    def look_at_tallies(self) -> None:
        """Look through all labels that a scrape would show."""
        for each in list(self.tallies):
            for name, counted in vars(each).items():
                if isinstance(counted, dict):
                    for key in counted:
                        self.look(f"metric {name}", str(key))

    def look_at_files(self, folder: Path) -> None:
        """Look through what processes of the test have told."""
        for file in folder.rglob("*"):
            told = file.suffix in (".log", ".err") or "stderr" in file.name
            if told and file.is_file() and file.stat().st_size <= _LARGEST_FILE:
                for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                    self.look(file.name, line)

    def take(self) -> list[str]:
        """Return what was found, and forget it."""
        found, self.findings = self.findings, []
        return found


WATCHMAN = Watchman()


def scan_log(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Look through a line, then write it nowhere: the processor of every test."""
    WATCHMAN.look("log", " ".join(f"{name}={value}" for name, value in event.items()))
    raise structlog.DropEvent


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        WATCHMAN.look(f"log {record.name}", record.getMessage())


@pytest.fixture(scope="session", autouse=True)
def _watch_everything() -> Iterator[None]:
    """Put the watchman where lines, tallies and spans come by."""
    handler = _Handler()
    logging.getLogger().addHandler(handler)
    patch = pytest.MonkeyPatch()
    counting, capture, emit = tally.Tally.__init__, LogCapture.__call__, tracing.Tracing._emit

    def counted(self: tally.Tally) -> None:
        counting(self)
        WATCHMAN.tallies.add(self)

    def captured(self: LogCapture, logger: Any, name: str, event: MutableMapping[str, Any]) -> Any:
        WATCHMAN.look("log", " ".join(f"{key}={value}" for key, value in event.items()))
        return capture(self, logger, name, event)  # type: ignore[arg-type]

    def emitted(self: tracing.Tracing, visit: Any, name: str, *args: Any, **kwargs: Any) -> None:
        WATCHMAN.look("span", f"{name} {args} {kwargs}")
        emit(self, visit, name, *args, **kwargs)

    patch.setattr(tally.Tally, "__init__", counted)
    patch.setattr(LogCapture, "__call__", captured)
    patch.setattr(tracing.Tracing, "_emit", emitted)
    yield
    patch.undo()
    logging.getLogger().removeHandler(handler)


@pytest.fixture(autouse=True)
def _quiet_logs() -> None:
    """Make lines of every level, look through them, and write them nowhere."""
    structlog.reset_defaults()  # a command run in this process may have left its own, closed, standard error
    processors: list[Any] = [structlog.contextvars.merge_contextvars, scan_log]
    structlog.configure(processors=processors, wrapper_class=structlog.make_filtering_bound_logger(0))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a test in which something personal was told."""
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    try:
        return (yield)
    finally:
        WATCHMAN.look_at_tallies()
        if isinstance(folder, Path) and folder.exists():
            WATCHMAN.look_at_files(folder)
        if found := WATCHMAN.take():
            pytest.fail("G10: " + "\n".join(dict.fromkeys(found)), pytrace=False)
