"""Keep the facts up with the journals: follow the feed, catch up with what was missed, or draw all anew.

Facts of a visit are drawn from its whole journal each time something happens to it, and written where they differ. So
following and rebuilding are the same act; what was read twice, or by two processes, comes to the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import structlog

from engine.errors import FlowUnavailable, Shredded
from engine.registry import Registry
from engine.store import Store, VisitFilter
from engine.trace import where
from engine.visit import IllegalEvent
from flows import Site
from service.history.deriving import Terms, facts_of
from service.peers import adapters_of
from service.settings import Settings
from storage.history import Facts
from storage.registers import Registers
from storage.registers.history import READER

log = structlog.get_logger("visitflow.service")

#: Events that are looked at together, and visits that are written together: the writer of visits waits for no more.
_EVENTS, _VISITS = 500, 20
_PAGE = 200


class Wired(Protocol):
    """What the reader needs of an application."""

    @property
    def settings(self) -> Settings:
        """Return the settings."""

    @property
    def site(self) -> Site:
        """Return the site."""

    @property
    def store(self) -> Store:
        """Return the visits."""

    @property
    def registry(self) -> Registry:
        """Return their flows."""

    @property
    def registers(self) -> Registers:
        """Return what is kept beside the visits."""


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild found. Visits that are ``unreadable``, or shredded when their time was over, keep their facts."""

    visits: int = 0
    differing: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    shredded: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


@dataclass(slots=True)
class _Drawn:
    """Facts of some visits, and those of which there are none."""

    facts: list[Facts] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    shredded: int = 0


class HistoryReader:
    """The reader of one process."""

    def __init__(self, wired: Wired) -> None:
        """Read what ``wired`` has."""
        self._wired = wired
        self._book = wired.registers.history
        self._adapters: dict[str, dict[str, str]] = {}
        zone, secret = ZoneInfo(wired.site.timezone), wired.settings.patient_secret()
        self._terms = Terms(zone, secret, lambda version, name: self._adapters[version].get(name, ""))
        self._after: str | None = ""  #: catching up: the last visit looked at; None: done

    async def work(self) -> bool:
        """Catch up by one page of visits, then follow the feed; False when there is nothing to do at once."""
        await self._wired.registers.feed.begin(READER, 0)
        if self._after is not None:
            behind = await self._book.lagging(self._after, _PAGE)
            if not await self._draw(behind):
                return False  # another process is at it: the same page again, later
            self._after = behind[-1] if len(behind) == _PAGE else None
        return await self.follow() or self._after is not None

    async def follow(self) -> bool:
        """Go on in the feed; tell whether there was as much as is taken at once, so that there may be more."""
        position = await self._wired.registers.feed.begin(READER, 0)
        last, changed = await self._book.changed(position, _EVENTS)
        return last > position and await self._draw(changed, (position, last)) and last - position >= _EVENTS

    async def rebuild(self, *, repair: bool, progress: Callable[[int], None] | None = None) -> Rebuilt:
        """Draw all facts anew and compare; with ``repair`` write those that differ. Resumable: it begins again."""
        await self._wired.registers.feed.begin(READER, 0)
        report = Rebuilt()
        before: str | None = None
        while page := await self._wired.store.visits(VisitFilter(limit=_PAGE, before=before)):
            before = page[-1].visit_id
            for part in _parts([each.visit_id for each in page]):
                drawn = await self._facts(part)
                report.unreadable += drawn.unreadable
                report.shredded += drawn.shredded
                report.differing += await (self._keep(drawn.facts) if repair else self._book.differing(drawn.facts))
            report.visits += len(page)
            if progress is not None:
                progress(report.visits)
        return report

    async def _draw(self, visits: Sequence[str], move: tuple[int, int] | None = None) -> bool:
        """Renew the facts of visits; the cursor moves with the last of them. False: somebody else is at it."""
        parts = list(_parts(visits))
        for number, part in enumerate(parts, 1):
            drawn = await self._facts(part)
            if not (await self._book.keep(drawn.facts, move if number == len(parts) else None)).done:
                return False
        return True

    async def _keep(self, found: Sequence[Facts]) -> tuple[str, ...]:
        while not (kept := await self._book.keep(found)).done:
            await asyncio.sleep(0.05)  # another process is at it
            found = (await self._facts([each.visit.visit_id for each in found])).facts
        return kept.visits

    async def _facts(self, visits: Sequence[str]) -> _Drawn:
        """Draw facts. A database that is away raises StoreError; one journal that is damaged holds up nobody."""
        drawn = _Drawn()
        for visit in visits:
            try:
                drawn.facts.append(await self._facts_of(visit))
            except Shredded:
                drawn.shredded += 1
            except (IllegalEvent, ValueError) as error:
                log.warning("history_unreadable", visit=visit, error=where(error))
                drawn.unreadable.append(visit)
        return drawn

    async def _facts_of(self, visit: str) -> Facts:
        store = self._wired.store
        projection, journal = await store.get(visit), await store.journal(visit)
        await self._know(projection.version)
        return facts_of(visit, journal, self._terms)

    async def _know(self, version: str) -> None:
        """Learn which peers a flow version speaks to. A version that cannot be made any more speaks to nobody."""
        if version not in self._adapters:
            try:
                self._adapters[version] = adapters_of(await self._wired.registry.version(version))
            except FlowUnavailable:
                self._adapters[version] = {}


def _parts(visits: Sequence[str]) -> Iterator[Sequence[str]]:
    return (visits[start : start + _VISITS] for start in range(0, len(visits), _VISITS))
