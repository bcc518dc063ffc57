"""A copy of the sources that may be broken, and the tests run on it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.jiangsu import ROOT
from tests.mutation.table import Mutant

#: Seconds: a mutant whose tests take longer hangs, and a hanging test is a failing test.
LIMIT = 600
#: All tests that any mutant is for, on the unbroken sources.
LIMIT_OF_ALL = 1800
#: What is no source, wherever it stands.
_MADE = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "*.egg-info", "build", "*.db*")
#: Where a service that was started here keeps its store; packages may have folders of this name.
_KEPT = "data"
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_TESTS_FAILED = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests said. ``by`` is the test that noticed; ``trouble`` why there is no verdict."""

    caught: bool
    by: str
    seconds: float
    trouble: str = ""


def _left_out(folder: str, names: list[str]) -> set[str]:
    kept = {_KEPT} & set(names) if Path(folder) == ROOT else set()
    return _MADE(folder, names) | kept


class Workshop:
    """One copy; one mutant at a time."""

    def __init__(self, root: Path) -> None:
        """Copy the sources to ``root``, which must not exist."""
        self._root = root
        shutil.copytree(ROOT, root, ignore=_left_out)

    def whole(self, tests: list[str], jobs: int) -> Verdict:
        """Run tests on the unbroken sources; ``caught`` means that they fail without any mutant."""
        return self._run(["-n", str(jobs), *tests], LIMIT_OF_ALL)

    def broken(self, mutant: Mutant) -> Verdict:
        """Break, run the tests that have to notice, mend. Raises Misfit."""
        with mutant.applied(self._root):
            return self._run(list(mutant.tests))

    def _run(self, tests: list[str], limit: int = LIMIT) -> Verdict:
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
        # What a failed test has left behind is no verdict of its own.
        command += ["-p", "no:unraisableexception", "-m", "not postgres", "--timeout", "60", *tests]
        # No bytecode: two sources of one length within one second would share it.
        environment = os.environ | {"PYTHONPATH": str(self._root), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(
                command, cwd=self._root, env=environment, capture_output=True, text=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired:
            return Verdict(True, f"no end within {limit} s", time.monotonic() - began)
        seconds = time.monotonic() - began
        if done.returncode == 0:
            return Verdict(False, "", seconds)
        if done.returncode == _TESTS_FAILED and (failed := _FAILED.search(done.stdout)):
            return Verdict(True, failed[1].partition("[")[0], seconds)
        return Verdict(False, "", seconds, "\n".join((done.stdout + done.stderr).splitlines()[-15:]))
