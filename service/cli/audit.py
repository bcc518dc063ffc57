"""``visitflow audit``: does somebody look after every visit?"""

from __future__ import annotations

from typing import Annotated

import typer

from engine.environment import SECOND
from service.application import Application
from service.cli.console import FOUND_SOMETHING, Json, out, print_json, say, table
from service.cli.users import with_application
from service.watching.survey import GRACE
from service.words import Topic
from storage.registers import Gap


def audit(
    grace: Annotated[int, typer.Option(min=0, help="Seconds that a visit may be due without being taken.")] = GRACE
    // SECOND,
    limit: Annotated[int, typer.Option(min=1, help="Name at most so many.")] = 1000,
    json: Json = False,
) -> None:
    """Prove that every open visit is due, waits for a named thing until a stated time, or is stuck with a cause.

    Exit code 6 when one is not. While no `serve` runs, visits that are due are gaps: nobody takes them.

    Example: `visitflow audit`
    """

    async def work(wired: Application) -> tuple[int, list[Gap]]:
        census, now = wired.registers.census, wired.environment.now()
        looked_at = sum(each.count for each in await census.standings())
        return looked_at, await census.audit(now, grace * SECOND, limit)

    looked_at, gaps = with_application(work)
    if json:
        found = [
            {"visit": gap.visit_id, "flow": gap.flow, "state": gap.state, "status": gap.status, "problem": gap.problem}
            for gap in gaps
        ]
        print_json({"open": looked_at, "gaps": found})
    elif gaps:
        rows = [(gap.visit_id, gap.flow, gap.state, gap.status, say(gap.problem, Topic.GAP)) for gap in gaps]
        table(("visit", "flow", "state", "status", "problem"), rows)
    else:
        out.print(f"{looked_at} ✓", markup=False)
    if gaps:
        raise typer.Exit(FOUND_SOMETHING)
