"""``python -m tests.replay``: record journals of every flow version, and say what a change does to running visits.

New flow versions are added; nothing is taken away. What would change needs a reason:

    python -m tests.replay
    python -m tests.replay --accept "a doubt names the exchange of its reversal as well"
    python -m tests.replay --write docs/reliability.md
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

import structlog

from tests.page import renew
from tests.replay.checks import told
from tests.replay.figures import figures
from tests.replay.files import RECORDED
from tests.replay.flows import shipped, toys
from tests.replay.record import Report, record


def main() -> int:
    """Read the command line; 1 when something would change and no reason is given."""
    parser = argparse.ArgumentParser(
        prog="tests.replay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accept", metavar="REASON", help="write what changes as well; the reason is kept")
    parser.add_argument("--write", type=Path, help="page whose part `replay` is to be renewed")
    arguments = parser.parse_args()
    if arguments.accept is not None and not arguments.accept.strip():
        parser.error("--accept needs a reason")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))  # adapters fail on purpose
    report = asyncio.run(record([*toys(), *shipped()], RECORDED, arguments.accept))
    _tell(report, arguments.accept is not None)
    refused = (report.differences or report.takes) and arguments.accept is None
    lines = figures()
    print("\n".join(lines))
    if arguments.write is not None and not refused:
        renew(arguments.write, "replay", lines)
    return 1 if refused else 0


def _tell(report: Report, accepted: bool) -> None:
    if report.differences:
        print(told(report.differences))
    for name in report.takes:
        print(f"today's engine writes another journal: {name}")
    for name in report.added:
        print(f"added {name}")
    if (report.differences or report.takes) and not accepted:
        sys.stderr.write('nothing of that was written; if it is meant to be so: --accept "the reason"\n')


if __name__ == "__main__":
    sys.exit(main())
