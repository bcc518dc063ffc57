"""Measure everything and renew docs/performance.md: ``python -m benchmarks [--only many,restart] [--quick]``.

Each figure is the median of several runs, each run in a process of its own; what is compared is measured in turns in
the same part of the same run. Progress goes to standard error. A part that is measured alone renews its own figures and
leaves the others as they were; ``--quick`` renews nothing.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sqlite3
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

from benchmarks import report
from benchmarks.figures import Part
from benchmarks.parts import PARTS, Setting

_ROOT = Path(__file__).parents[1]
PAGE = _ROOT / "docs" / "performance.md"
RESULTS = Path(__file__).parent / "results.json"


def main() -> int:
    """Read the command line, measure, and tell; return how many parts failed."""
    arguments = _arguments()
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {line}", file=sys.stderr, flush=True)

    setting = Setting(arguments.folder, say)
    setting = setting.quick() if arguments.quick else setting
    setting = replace(setting, runs=arguments.runs or setting.runs)
    measured: dict[str, Part] = {}
    failed = 0
    for name in arguments.only:
        say(f"-- {name}")
        try:
            part = PARTS[name](setting)
        except Exception:  # the other parts are still worth having
            traceback.print_exc()
            failed += 1
            continue
        part.measured = _circumstances(setting)
        measured[name] = part
        if not arguments.quick:
            _renew(name, part)
    print(report.as_json(measured) if arguments.json else report.text(measured.values()))
    return failed


def _renew(name: str, part: Part) -> None:
    """Write a part as soon as it is measured: a run that is broken off loses only what was under way."""
    parts = report.kept(RESULTS) | {name: part}
    parts = {each: parts[each] for each in PARTS if each in parts}
    report.keep(RESULTS, parts)
    report.renew(PAGE, parts.values())


def _circumstances(setting: Setting) -> str:
    runs = "1 run" if setting.runs == 1 else f"medians of {setting.runs} runs"
    return (
        f"{datetime.date.today():%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}, {runs}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", type=_names, default=list(PARTS), help=f"parts, of {','.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="a small trial that writes nothing")
    parser.add_argument("--runs", type=int, help="runs of each measurement")
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument("--folder", type=Path, help="where databases are put; default: the system's temporary folder")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
