"""``python -m tests.flows.explored``: explore every shipped flow, and write the figures into a page.

``--thorough`` follows two aftermaths at once instead of one: minutes and gigabytes.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import statistics
import sys
from dataclasses import asdict
from pathlib import Path

from flows import Bounds, Exploration, explore, story_lines
from tests.page import renew
from tests.shipped import catalogue, shipped

RUNS = 3
MOST = 3_000_000


def main() -> int:
    """Read the command line; 1 when a guarantee does not hold."""
    parser = argparse.ArgumentParser(prog="tests.flows.explored", description=__doc__.split("\n")[0])
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument(
        "--write", type=Path, help="page whose part `exploring` (`exploring-thorough`) is to be renewed"
    )
    arguments = parser.parse_args()
    bounds = Bounds(oddities=2) if arguments.thorough else Bounds()
    lines = [
        "| flow | situations | moves and actions | runs of the engine | ends | seconds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    failed = False
    for definition in shipped():
        runs = [_explored(definition, bounds) for _ in range(1 if arguments.thorough else RUNS)]
        last = runs[-1]
        failed |= last.counter_example is not None or not last.complete
        print("\n".join(story_lines(last)))
        seconds = statistics.median(each.seconds for each in runs)
        raw = ", ".join(f"{each.seconds:.1f}" for each in runs)
        sound = "" if last.complete else " (not finished)"
        lines.append(
            f"| {definition.flow}{sound} | {last.situations:,} | {last.moves:,} | {last.runs:,} | {last.closed} |"
            f" {seconds:.1f} ({raw}) |"
        )
    shown = ", ".join(f"{name} {value}" for name, value in asdict(bounds).items())
    lines += ["", f"Up to: {shown}; {datetime.date.today()}."]
    print("\n".join(lines))
    if arguments.write is not None and not failed:
        renew(arguments.write, "exploring-thorough" if arguments.thorough else "exploring", lines)
    return failed


def _explored(definition: object, bounds: Bounds) -> Exploration:
    def progress(known: int, waiting: int) -> None:
        sys.stderr.write(f"\r{known:,} situations, {waiting:,} to go ")

    return asyncio.run(explore(definition, catalogue(), bounds=bounds, most=MOST, progress=progress))  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
