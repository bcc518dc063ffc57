"""``python -m tests.mutation``: break each guarantee on purpose, one change at a time; a test has to notice.

Examples:
    python -m tests.mutation
    python -m tests.mutation --only float-money,the-fencing-token-is-ignored
    python -m tests.mutation --guarantee G2 --json
"""

from __future__ import annotations

import argparse
import datetime
import json
import queue
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from tests.mutation.table import Mutant, mutants
from tests.mutation.workshop import Verdict, Workshop
from tests.page import renew


def main() -> int:
    """Read the command line; 1 when a mutant survives, 2 when there is no verdict."""
    parser = argparse.ArgumentParser(
        prog="tests.mutation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="names of mutants, separated by commas")
    parser.add_argument("--guarantee", help="only those of one guarantee, such as G2")
    parser.add_argument("--list", action="store_true", help="show the table and run nothing")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, help="page whose part `mutants` is to be renewed (only by a whole run)")
    arguments = parser.parse_args()
    chosen = _chosen(parser, arguments.only, arguments.guarantee)
    if arguments.list:
        print("\n".join(f"{each.guarantee:4} {each.name}: {each.what}" for each in chosen))
        return 0
    began = time.monotonic()
    verdicts = _run(chosen, arguments.jobs)
    if verdicts is None:
        return 2
    seconds = time.monotonic() - began
    if arguments.json:
        rows = [{"mutant": each.name, "guarantee": each.guarantee, **asdict(verdicts[each.name])} for each in chosen]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
    survivors = [each for each in chosen if not verdicts[each.name].caught]
    for each in survivors:
        sys.stderr.write(f"\nnot noticed: {each.name} ({each.guarantee}): {each.what}\n{verdicts[each.name].trouble}\n")
    sys.stderr.write(f"{len(chosen) - len(survivors)} of {len(chosen)} noticed, {seconds:.0f} s\n")
    if any(verdicts[each.name].trouble for each in survivors):
        return 2
    if arguments.write is not None and len(chosen) == len(mutants()) and not survivors:
        renew(arguments.write, "mutants", _table(chosen, verdicts, seconds))
    return bool(survivors)


def _chosen(parser: argparse.ArgumentParser, only: str | None, guarantee: str | None) -> list[Mutant]:
    table = mutants()
    names = {each.name for each in table} if only is None else set(only.split(","))
    if unknown := names - {each.name for each in table}:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))}; --list shows them")
    chosen = [each for each in table if each.name in names and guarantee in (None, each.guarantee)]
    return chosen or parser.error("nothing to run; --list shows the mutants")


def _run(chosen: Sequence[Mutant], jobs: int) -> dict[str, Verdict] | None:
    """Return each mutant's verdict; None when the tests fail without any."""
    verdicts: dict[str, Verdict] = {}
    with tempfile.TemporaryDirectory(prefix="visitflow-mutants-") as folder:
        free: queue.SimpleQueue[Workshop] = queue.SimpleQueue()
        for number in range(jobs):
            free.put(Workshop(Path(folder, str(number))))

        def work(mutant: Mutant) -> Verdict:
            workshop = free.get()
            try:
                return workshop.broken(mutant)
            finally:
                free.put(workshop)

        workshop = free.get()
        whole = workshop.whole(sorted({test for each in chosen for test in each.tests}), jobs)
        free.put(workshop)
        if whole.caught or whole.trouble:
            sys.stderr.write(f"the tests fail without any mutant: {whole.by or whole.trouble}\n")
            return None
        with ThreadPoolExecutor(jobs) as pool:
            running = {pool.submit(work, each): each for each in chosen}
            for done in as_completed(running):
                each, verdict = running[done], done.result()
                verdicts[each.name] = verdict
                told = f"noticed by {verdict.by}" if verdict.caught else verdict.trouble or "NOT NOTICED"
                sys.stderr.write(f"{len(verdicts):3}/{len(chosen)} {verdict.seconds:5.1f} s  {each.name}: {told}\n")
    return verdicts


def _table(chosen: Sequence[Mutant], verdicts: dict[str, Verdict], seconds: float) -> list[str]:
    lines = ["| | what is broken | the first test that notices |", "| --- | --- | --- |"]
    for each in chosen:
        by = verdicts[each.name].by.replace("tests/", "", 1)
        lines.append(f"| {each.guarantee} | {each.what} | `{by}` |")
    return [*lines, "", f"{len(chosen)} of {len(chosen)} noticed, {seconds:.0f} s; {datetime.date.today()}."]


if __name__ == "__main__":
    sys.exit(main())
