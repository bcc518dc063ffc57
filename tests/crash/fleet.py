"""A fleet in trouble: ``python -m tests.crash.fleet --seed 1 --minutes 5 --visits 2000 [--dispatch procrastinate]``.

Workers on one PostgreSQL, each behind a door of its own, and a simulated centre that loses answers. Workers are killed,
stopped for longer than their lease and woken, cut off and held up; the database is killed and started again. Where the
machine allows it, each worker has a network namespace of its own, and its cable is pulled for longer than the lease: it
reaches neither database nor centre, and nobody is told. In the end everything is mended: every visit has to end where
it should, both ledgers agree, nothing was sent twice.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import sys
import tempfile
from pathlib import Path

import structlog

from tests.crash.network import allowed
from tests.crash.ordeal import Told, trouble
from tests.crash.troubles import Plan, plan
from tests.page import renew


def lines(seed: int, fate: Plan, dispatch: str, told: Told) -> list[str]:
    """Return what a run came to, as rows of a table."""
    struck, figures = told.struck, told.figures
    kinds = {each.kind for each in fate.troubles}
    where = ", each in a network namespace of its own" if "unplug" in kinds else ""
    rows = {
        "visits, all at their end": f"{len(fate.opened):,} ({len(fate.cancelled):,} of them cancelled afterwards)",
        "minutes of trouble": f"{fate.seconds / 60:.1f}, {fate.workers} workers{where}, leases of {fate.lease:g} s",
        "workers killed / stopped past the lease": f"{struck['kill']} / {struck['stop']}",
        "workers cut off / held up": f"{struck['cut']} / {struck['hold']}",
        **({"network cables pulled past the lease": f"{struck['unplug']}"} if "unplug" in kinds else {}),
        "database killed / stopped at once": f"{struck['kill_database']} / {struck['stop_database']}",
        "lives of workers": f"{told.lives}",
        "leases lost and noticed": f"{figures['lost']}",
        "writes that failed": f"{figures['failed']}",
        "faults set at the centre": f"{len(fate.faults)}",
        "messages at the centre / events": f"{told.messages:,} / {told.events:,}",
        "answers asked of a person": f"{told.asked}",
        "commands of the HIS that failed or came too early, and were made again": f"{told.refused:,}",
        "from mending to the last end": f"{told.settled_after:.0f} s",
    }
    if dispatch != "embedded":
        rows |= {
            "visits brought by jobs / found by the sweep": f"{figures['told']:,} / {figures['repaired']:,}",
            "jobs of dead workers given back": f"{figures['stalled']}",
        }
    return [f"| {dispatch}, seed {seed}: {what} | {figure} |" for what, figure in rows.items()]


def main() -> int:
    """Read the command line, run, tell."""
    parser = argparse.ArgumentParser(prog="tests.crash.fleet", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--visits", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--lease", type=float, default=5.0)
    parser.add_argument("--dispatch", default="procrastinate", help="procrastinate, embedded, or both with a comma")
    parser.add_argument(
        "--namespaces", action=argparse.BooleanOptionalAction, default=allowed(), help="default: where they are allowed"
    )
    parser.add_argument("--folder", type=Path, help="where logs of workers are kept; default: a temporary one")
    parser.add_argument("--write", type=Path, help="page whose part `fleet` is to be renewed")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    table = ["| what | figure |", "| --- | --- |"]
    for dispatch in given.dispatch.split(","):
        fate = plan(
            given.seed,
            seconds=given.minutes * 60,
            visits=given.visits,
            workers=given.workers,
            lease=given.lease,
            cables=given.namespaces,
        )
        folder = Path(tempfile.mkdtemp(prefix="visitflow-fleet-", dir=given.folder))
        print(f"{dispatch}: {len(fate.troubles)} troubles, logs in {folder}", file=sys.stderr, flush=True)
        table += lines(
            given.seed, fate, dispatch, asyncio.run(trouble(folder, fate, dispatch, cables=given.namespaces))
        )
    command = f"python -m tests.crash.fleet --seed {given.seed} --minutes {given.minutes:g} --visits {given.visits}"
    table += ["", f"By `{command} --dispatch {given.dispatch}`, {os.cpu_count()} cores, {datetime.date.today()}."]
    print("\n".join(table))
    if given.write is not None:
        renew(given.write, "fleet", table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
