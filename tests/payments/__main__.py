"""``python -m tests.payments``: thousands of payments through real processes that lose answers and are killed.

Examples:
    python -m tests.payments --count 300 --kills 4
    python -m tests.payments --count 10000 --seed 7 --write docs/reliability.md
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.page import renew
from tests.payments.campaign import Plan, campaign
from tests.payments.figures import figures


def main() -> int:
    """Read the command line; 1 when a book does not agree."""
    parser = argparse.ArgumentParser(
        prog="tests.payments", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000, help="orders that are paid")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kills", type=int, default=24, help="of our process")
    parser.add_argument("--others", type=int, default=4, help="kills of each simulator")
    parser.add_argument("--store", default="", help="URL of an empty database; default: SQLite")
    parser.add_argument("--folder", type=Path, help="where books and logs are kept; default: a new one, then removed")
    parser.add_argument("--write", type=Path, help="page whose part `payments` is to be renewed")
    arguments = parser.parse_args()
    plan = Plan(arguments.count, arguments.seed, arguments.kills, arguments.others)
    with tempfile.TemporaryDirectory(prefix="payments-") as fresh:
        result = asyncio.run(campaign(plan, arguments.folder or Path(fresh), _progress(), arguments.store))
    lines = figures(result)
    print("\n".join(["", *lines]))
    for each in result.verdict.wrong[:50]:
        print(f"WRONG {each}")
    if arguments.write is not None and not result.verdict.wrong:
        renew(arguments.write, "payments", lines)
    return bool(result.verdict.wrong)


def _progress() -> object:
    began = time.monotonic()

    def told(text: str) -> None:
        sys.stderr.write(f"\r{time.monotonic() - began:6.0f} s  {text:<90}")
        sys.stderr.flush()

    return told


if __name__ == "__main__":
    sys.exit(main())
