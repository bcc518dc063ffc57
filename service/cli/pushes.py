"""``visitflow pushes``: messages to the platform, what waits and what became of the others."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from engine.errors import BadInput
from engine.store import Projection, VisitFilter
from engine.visit import fold
from service.application import Application, application
from service.cli.console import Json, print_json, run, settings, table
from service.platform.pushes import FLOW
from service.views import projection_view

_STATES = ("waiting", "sending", "sent", "refused", "unclear", "given_up", "cancelled")


def pushes(
    state: Annotated[str, typer.Option(help=f"Only these: {', '.join(_STATES)}.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 50,
    json: Json = False,
) -> None:
    """List messages to the patient platform, newest first. 平台消息推送一览。

    Members of a message are not shown: they say who. `visitflow visits show` has one in full.

    Example: `visitflow pushes --state unclear`
    """
    if state and state not in _STATES:
        raise BadInput(f"expected one of {', '.join(_STATES)}", field="--state")

    async def work() -> list[dict[str, Any]]:
        async with application(settings()) as wired:
            which = VisitFilter(flow=FLOW, state=state or None, limit=limit)
            return [await _line(wired, each) for each in await wired.store.visits(which)]

    found = run(work())
    if json:
        print_json(found)
        return
    columns = ("key", "operation", "state", "tries", "reason", "updated_at")
    table(columns, [tuple(str(each[name]) for name in columns) for each in found])


async def _line(wired: Application, projection: Projection) -> dict[str, Any]:
    data = fold(projection.visit_id, await wired.store.history(projection.visit_id)).data
    told = {"operation": data["operation"], "tries": data.get("tries", 0)}
    reason = " ".join(filter(None, (str(data.get("code", "")), str(data.get("reason", "")))))
    return projection_view(projection) | told | {"reason": reason}
