"""A pytest plugin: nothing personal and no secret in any log line, metric, span or error of the whole suite (G10).

Every line that passes structlog or logging (with its traceback), every label of every tally, every span, every error of
ours (which is what an answer of the API and the command line tell) is looked through while a test runs, and so is what
processes wrote to standard error: files of a test's folder (``*.log``, ``*.err``, ``*stderr*``), and what
``subprocess`` has captured. What holds somebody's number or name, or a secret, fails that test.

Secrets are what the suite is set up with: every ``SecretStr`` of the settings, and what processes are handed in
variables that are called so. A name is an invented one (``tests/people.py``); an identity number is any with the form,
a day of birth and the right check digit, whoever has invented it.
"""

from __future__ import annotations

import base64
import datetime
import logging
import re
import subprocess
import weakref
from collections.abc import Generator, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from structlog.testing import LogCapture

from engine.errors import VisitflowError
from service.settings import Settings
from service.watching import tally, tracing
from tests import people

#: The suite's own key for exchanges (tests/conftest.py).
KEY = base64.b64encode(bytes(range(32))).decode()
_LARGEST_FILE = 4_000_000
#: What is shorter is a word, and would be found everywhere.
_SHORTEST_SECRET = 8
_SECRET_VARIABLE = re.compile(r"VISITFLOW_\w*(KEYS?|PASSWORD|SECRET|TOKEN)")
#: One expression for all kinds: each line is walked once.
_KINDS = {
    "identity number": r"(?<![0-9A-Za-z])\d{6}(?:19|20)\d{9}[\dXx](?![0-9A-Za-z])",
    "name": f"[{people.SURNAMES}](?:{'|'.join(people.GIVEN)})",
    "API key": r"vfk_[0-9a-z]+_[\w-]{20,}",
    "token": r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}",
    "exchange key": re.escape(KEY),
}
_ALL = re.compile("|".join(f"({pattern})" for pattern in _KINDS.values()))
_NAMES = tuple(_KINDS)


def found_in(text: str, secrets: Mapping[str, str] | None = None) -> str | None:
    """Return what kind of thing ``text`` holds that nobody may read there, if any."""
    for found in _ALL.finditer(text):
        kind = _NAMES[(found.lastindex or 1) - 1]
        if kind != "identity number" or _is_somebody(found[0]):
            return kind
    return next((f"secret ({name})" for secret, name in (secrets or {}).items() if secret in text), None)


def _is_somebody(number: str) -> bool:
    """Tell whether 18 characters are an identity number: a day of birth, and the check digit that belongs to it."""
    try:
        datetime.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return people.check_digit(number[:17]) == number[17].upper()


class Watchman:
    """Remembers what was found in the test that runs."""

    def __init__(self) -> None:
        self.findings: list[str] = []
        self.secrets: dict[str, str] = {}  #: what it is, by what it says
        self.tallies: weakref.WeakSet[tally.Tally] = weakref.WeakSet()

    def look(self, where: str, text: str) -> None:
        """Look through one piece of text."""
        if (kind := found_in(text, self.secrets)) is not None:
            self.findings.append(f"{where} holds an invented {kind}: {text[:300]}")

    def look_at_lines(self, where: str, text: str | bytes | None) -> None:
        """Look through what a process has told."""
        told = text.decode(errors="replace") if isinstance(text, bytes) else text or ""
        for line in told.splitlines():
            self.look(where, line)

    def keep_secret(self, name: str, value: str) -> None:
        """Look for ``value`` from now on, and for each of several that commas separate."""
        for each in {value, *value.split(","), *(part.partition(":")[2] for part in value.split(","))}:
            if len(each) >= _SHORTEST_SECRET:
                self.secrets[each] = name

    def look_at_variables(self, variables: Mapping[str, str] | None) -> None:
        """Remember the secrets that a process is handed."""
        for name, value in (variables or {}).items():
            if _SECRET_VARIABLE.fullmatch(name):
                self.keep_secret(name, value)

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
                self.look_at_lines(file.name, file.read_bytes())

    def take(self) -> list[str]:
        """Return what was found, and forget it, with the secrets of this test."""
        found, self.findings, self.secrets = self.findings, [], {}
        return found


WATCHMAN = Watchman()


def scan_log(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Look through a line, then write it nowhere: the processor of every test."""
    WATCHMAN.look("log", " ".join(f"{name}={value}" for name, value in event.items()))
    raise structlog.DropEvent


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        WATCHMAN.look_at_lines(f"log {record.name}", self.format(record))  # with the traceback, if there is one


@pytest.fixture(scope="session", autouse=True)
def _watch_everything() -> Iterator[None]:
    """Put the watchman where lines, tallies, spans, errors and processes come by."""
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

    raising, setting, waiting, popen = (
        VisitflowError.__init__,
        Settings.__init__,
        subprocess.Popen.communicate,
        subprocess.Popen.__init__,
    )

    def raised(self: VisitflowError, *args: Any, **details: Any) -> None:
        raising(self, *args, **details)
        WATCHMAN.look(f"error {self.code}", f"{self.message} {self.field} {self.details}")

    def set_up(self: Settings, **values: Any) -> None:
        setting(self, **values)
        for name in type(self).model_fields:
            if isinstance(value := getattr(self, name), SecretStr):
                WATCHMAN.keep_secret(name, value.get_secret_value())

    def begun(self: subprocess.Popen[Any], *args: Any, **options: Any) -> None:
        WATCHMAN.look_at_variables(options.get("env"))
        popen(self, *args, **options)

    def told(self: subprocess.Popen[Any], *args: Any, **options: Any) -> Any:
        out, error = waiting(self, *args, **options)
        WATCHMAN.look_at_lines("standard error", error)
        return out, error

    patch.setattr(VisitflowError, "__init__", raised)
    patch.setattr(Settings, "__init__", set_up)
    patch.setattr(subprocess.Popen, "__init__", begun)
    patch.setattr(subprocess.Popen, "communicate", told)
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
