"""One call that changes something, and the visit that it goes to: by its key, or by a number that it was given."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapters.platform.calling import Method
from adapters.platform.contracts.model import Type
from engine.commands import MAX_KEY
from engine.environment import DAY as DAYS
from engine.environment import Micros
from engine.facts import dumps
from engine.store import Projection, VisitFilter
from engine.visit import fold
from service.platform import references
from service.platform.desk import Desk, Known
from service.platform.references import ORDER, Holder
from service.platform.table import CONTENT, DAY, Row

_PLACE = re.compile(r"\{(\w+)\}")
#: Calls of one series, one after the other; room for their numbers in the key.
MOST_ALIKE, _SUFFIX = 10_000, 6
#: How far back a number that the HIS gave is looked for when it was not remembered.
_RECENT: Micros = 3 * DAYS
_PAGE = 500

Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """One call that changes something."""

    method: Method
    row: Row
    content: Content  #: the contract's members, in JSON types: what tells one call from another

    @property
    def number(self) -> str:
        """The interface."""
        return self.method.interface.number

    def __getitem__(self, member: str) -> str:
        """Return a member as text; a list joined."""
        said = self.content.get(member)
        if isinstance(said, list):
            return ",".join(map(str, said))
        return "" if said is None else str(said)


async def visit_of(desk: Desk, made: Act) -> Known | None:
    """Return the visit that a trigger goes to: by its key, or by a number that it was given."""
    for member, source in made.row.about.items():
        kind = ORDER if source == "order" else source
        holder = await references.find(desk, kind, made[member]) if made[member] else None
        if holder is None and made[member] and kind != ORDER:
            holder = await _looked_for(desk, made, kind, made[member])
        if holder is not None and holder.flow == made.row.flow:
            projection = await desk.find(holder.flow, holder.key)
            return None if projection is None else await desk.known(projection.visit_id)
    if not made.row.key:
        return None
    newest = await newest_of(desk, made.row.flow, key_of(desk, made))
    return None if newest is None else await desk.known(newest.visit_id)


async def _looked_for(desk: Desk, made: Act, kind: str, value: str) -> Holder | None:
    """Look for the visit whose answer gave a number, and remember it.

    An answer that came after its caller had been told 40004 was never handed out by us, but the platform may have
    learned the number by a query (5.1.5).
    """
    number, _, member = kind.partition(" ")
    since, before = desk.application.environment.now() - _RECENT, None
    store = desk.application.store
    which = VisitFilter(flow=made.row.flow, limit=_PAGE, changed_since=since)
    while page := await store.visits(replace(which, before=before)):
        for projection in page:
            visit = fold(projection.visit_id, await store.history(projection.visit_id))
            data = (visit.data.get("answers", {}).get(number) or {}).get("data")
            if isinstance(data, Mapping) and str(data.get(member)) == value:
                return await references.give(desk, kind, value, Holder(visit.flow, visit.key, number))
        before = page[-1].visit_id
    return None


async def newest_of(desk: Desk, flow: str, base: str) -> Projection | None:
    """Return the newest visit of a series of calls."""
    newest = None
    for count in range(1, MOST_ALIKE):
        found = await desk.find(flow, base if count == 1 else f"{base}-{count}")
        if found is None:
            break
        newest = found
    return newest


def key_of(desk: Desk, made: Act) -> str:
    """Return the key of a visit. What would be too long, or a person's, is hashed (G10)."""
    template, fields = made.row.key, made.method.interface.request.fields
    members = _PLACE.findall(template)
    values = {DAY: desk.day(), CONTENT: dumps(dict(made.content))}
    said = {name: values[name] if name in values else made[name] for name in members}
    plain = _PLACE.sub(lambda found: said[found[1]], template)
    personal = CONTENT in members or any(fields[m].type is Type.PERSONAL for m in members if m in fields)
    if not personal and len(plain) <= MAX_KEY - _SUFFIX and plain.isprintable() and plain:
        return plain
    words = template[: template.index("{")]
    digest = hashlib.sha256(dumps([said[name] for name in members]).encode()).hexdigest()[:32]
    return f"{words}#{digest}"
