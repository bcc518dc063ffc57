"""Which day it is at the centre: the key of log-in depends on it (002, 2.2; N32)."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from engine.environment import SECOND, Environment, Micros

_DAY = datetime.timedelta(days=1)
_NOON = 12


class Calendar:
    """Our clock, put right by the ``Date`` of the centre's answers."""

    def __init__(self, environment: Environment, zone: str) -> None:
        """Know nothing but our own clock yet; ``zone`` is the centre's."""
        self._environment = environment
        self._zone = ZoneInfo(zone)
        self._ahead: Micros = 0  #: the centre's clock minus ours
        self._trusted = True

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take note of an answer's ``Date``; one that cannot be read tells nothing."""
        try:
            told = parsedate_to_datetime(headers["date"])
            # "-0000" gives a naive time, which is UTC. A Date is cut to the second: half of one on average.
            at = int(told.replace(tzinfo=told.tzinfo or datetime.UTC).timestamp()) * SECOND + SECOND // 2
        except (KeyError, ValueError, TypeError, OverflowError):
            return
        self._ahead = at - self._environment.now() if self._trusted else 0

    def distrust(self) -> None:
        """Go by our own clock from now on: the day that the header led to was not the centre's."""
        self._ahead, self._trusted = 0, False

    def today(self) -> datetime.date:
        """Return the day at the centre, as far as we know."""
        return self._local(self._ahead).date()

    def others(self, tried: datetime.date) -> Iterator[datetime.date]:
        """Yield days that it may be as well, the likeliest first: what we know by now, our own, the nearest neighbour.

        The neighbour is the next day after noon and the day before until then: clocks differ by minutes.
        """
        centre, ours = self._local(self._ahead), self._local(0)
        neighbours = [tried - _DAY, tried + _DAY]
        if centre.hour >= _NOON:
            neighbours.reverse()
        seen = {tried}
        for day in (centre.date(), ours.date(), *neighbours):
            if day not in seen:
                seen.add(day)
                yield day

    def _local(self, ahead: Micros) -> datetime.datetime:
        return datetime.datetime.fromtimestamp((self._environment.now() + ahead) // SECOND, self._zone)
