"""``python -m tests.simulation``: play schedules from a seed; shorten what fails.

Examples:
    python -m tests.simulation --schedules 2000
    python -m tests.simulation --seed 100000 --schedules 100000 --jobs 2 --write docs/reliability.md
    python -m tests.simulation --seed 42 --story
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from tests.page import renew
from tests.simulation.campaign import Outcome, Tally, play, run, shorten
from tests.simulation.fate import names


def main() -> int:
    """Read the command line; 1 when a schedule failed."""
    parser = argparse.ArgumentParser(prog="tests.simulation", description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="the first schedule; each has the next number")
    parser.add_argument("--schedules", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--story", action="store_true", help="play the one schedule of --seed and tell what happened")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, help="page whose part `simulation` is to be renewed")
    arguments = parser.parse_args()
    if arguments.story:
        outcome = play(arguments.seed)
        print("\n".join(outcome.story))
        print(f"{outcome.kind}, faults: {', '.join(outcome.struck) or 'none'}")
        print(outcome.broken or "all holds")
        return outcome.broken is not None
    tally = run(arguments.seed, arguments.schedules, arguments.jobs, _progress)
    if arguments.json:
        print(json.dumps({**asdict(tally), "failed": [asdict(each) for each in tally.failed]}, ensure_ascii=False))
    else:
        print("\n".join(_table(arguments.seed, tally)))
        for found in tally.failed:
            short = shorten(found)
            print(f"\nseed {found.seed} ({found.kind}): {short.broken}")
            print(
                f"  {len(found.struck)} faults, shortened to {len(short.struck)}: {', '.join(short.struck) or 'none'}"
            )
            print("  to keep it: add to tests/simulation/stories.yaml")
            print(f"  - {{seed: {found.seed}, only: [{', '.join(names(short.struck))}]}}")
            print("\n".join(f"    {line}" for line in short.story))
    if arguments.write is not None and not tally.failed:
        renew(arguments.write, "simulation", _table(arguments.seed, tally))
    return bool(tally.failed)


def _progress(tally: Tally, latest: Outcome) -> None:
    """Say how far the run is, and at once which schedule failed: nobody waits half an hour for the first seed."""
    if latest.broken is not None:
        sys.stderr.write(f"\rseed {latest.seed} ({latest.kind}) failed: {latest.broken}\n")
    rate = tally.schedules / tally.seconds
    sys.stderr.write(f"\r{tally.schedules:,} schedules, {len(tally.failed)} failed, {rate:.0f}/s ")
    sys.stderr.flush()


def _table(seed: int, tally: Tally) -> list[str]:
    each = max(1, tally.schedules)
    return [
        "| what | figure |",
        "| --- | --- |",
        f"| schedules | {tally.schedules:,} (seeds {seed:,} to {seed + tally.schedules - 1:,}) |",
        f"| failed | {len(tally.failed)} |",
        f"| faults that struck | {tally.faults:,} ({tally.faults / each:.1f} a schedule) |",
        f"| simulated processes killed | {tally.kills:,} |",
        f"| turns of the event loop | {tally.turns:,} |",
        f"| simulated time | {tally.virtual / 86400:,.0f} days |",
        f"| real time | {tally.seconds / 60:.1f} min ({1000 * tally.seconds / each:.1f} ms a schedule) |",
        "",
        f"By `python -m tests.simulation --seed {seed} --schedules {tally.schedules}`, {datetime.date.today()}.",
    ]


if __name__ == "__main__":
    sys.exit(main())
