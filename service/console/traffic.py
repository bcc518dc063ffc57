"""How the peers have answered of late, read from the feed: nothing is asked of them, nothing is kept for it."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.environment import Micros
from engine.events import Concluded, Intent, decode
from storage.registers import Feed, FeedEvent

#: Events that are looked at.
MOST = 5_000
_PAGE = 500
_SILENT = ("in_doubt", "not_sent")
_ANSWERED = ("done", "refused", "busy")


@dataclass(slots=True)
class Traffic:
    """Recent calls of one adapter. Answer times are of calls with an intent: a read's beginning is not written down."""

    outcomes: Counter[str] = field(default_factory=Counter)
    waits: list[Micros] = field(default_factory=list)
    last_answer: Micros | None = None
    last_silence: Micros | None = None

    @property
    def calls(self) -> int:
        """Return how many calls came to something."""
        return self.outcomes.total()

    @property
    def health(self) -> str:
        """Return fine, trouble (the last thing heard was silence) or unknown."""
        if not self.calls:
            return "unknown"
        silent = self.last_silence is not None and (self.last_answer is None or self.last_silence > self.last_answer)
        return "trouble" if silent else "fine"

    @property
    def median(self) -> float | None:
        """Return the median answer time in seconds."""
        return statistics.median(self.waits) / 1e6 if self.waits else None

    @property
    def nearly_all(self) -> float | None:
        """Return the answer time, seconds, that 95 of 100 calls did not exceed."""
        return sorted(self.waits)[int(0.95 * (len(self.waits) - 1))] / 1e6 if self.waits else None

    @property
    def silent(self) -> float | None:
        """Return the share of calls without an answer that can be trusted."""
        return sum(self.outcomes[each] for each in _SILENT) / self.calls if self.calls else None

    @property
    def refused(self) -> float | None:
        """Return the share of calls that were refused."""
        return self.outcomes["refused"] / self.calls if self.calls else None

    @property
    def longest(self) -> float | None:
        """Return the longest answer time in seconds."""
        return max(self.waits) / 1e6 if self.waits else None


async def recent(feed: Feed) -> list[FeedEvent]:
    """Return the newest events of the feed, oldest first."""
    _first, last = await feed.ends()
    position, found = max(0, last - MOST), []
    while page := await feed.read(position, _PAGE):
        found += page
        position = page[-1].position
    return found


def traffic(events: Iterable[FeedEvent], adapter_of: dict[tuple[str, str], str]) -> dict[str, Traffic]:
    """Return recent traffic by adapter; ``adapter_of`` names a read's adapter by flow and operation."""
    begun: dict[str, tuple[str, Micros]] = {}
    found: dict[str, Traffic] = {}
    for each in events:
        if each.kind not in ("intent", "concluded"):
            continue
        event = decode(each.payload)
        if isinstance(event, Intent):
            begun[event.call] = (event.adapter, each.at)
        elif isinstance(event, Concluded) and event.outcome != "no_call":
            adapter, since = begun.pop(event.call, (adapter_of.get((each.flow, event.operation), ""), None))
            seen = found.setdefault(adapter, Traffic())
            seen.outcomes[event.outcome] += 1
            if event.outcome in _SILENT:
                seen.last_silence = each.at
            if event.outcome in _ANSWERED:
                seen.last_answer = each.at
                if since is not None:
                    seen.waits.append(each.at - since)
    return found
