"""Who is taken when more visits are due than can be moved: by weight of their priorities, and none starved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from engine.gate import Priority
from engine.store import Claim

ALL = tuple(Priority)
#: Weights where nothing is declared.
EVEN: Mapping[Priority, int] = {Priority.URGENT: 8, Priority.NORMAL: 4, Priority.BACKGROUND: 1}
#: Of a runner's places each priority may have so many, so that what is more urgent finds one.
SHARES: Mapping[Priority, float] = {Priority.URGENT: 1.0, Priority.NORMAL: 0.9, Priority.BACKGROUND: 0.6}


class Rounds:
    """Picks among priorities so that each gets its weight's share in the long run."""

    def __init__(self, weights: Mapping[Priority, int]) -> None:
        """Begin with no debts."""
        self._weights = weights
        self._credit = dict.fromkeys(ALL, 0)

    def pick(self, wanting: tuple[Priority, ...]) -> Priority:
        """Return which of ``wanting`` (not empty) goes next."""
        for each in wanting:
            self._credit[each] += self._weights[each]
        chosen = max(wanting, key=lambda each: (self._credit[each], -each))
        self._credit[chosen] -= sum(self._weights[each] for each in wanting)
        return chosen


class Taking:
    """Divides a runner's free places. While there is room for all that is due, order does not matter."""

    def __init__(self, weights: Mapping[Priority, int], places: int) -> None:
        """``places``: how many visits the runner moves at once."""
        self._rounds = Rounds(weights)
        self._most = {each: max(1, int(places * share)) for each, share in SHARES.items()}
        self.crowded = False  #: more was due than there was room for
        self.held_back = False  #: a priority has all the places that it may have

    async def take(
        self,
        free: int,
        moving: Counter[Priority],
        claim: Callable[[int, Priority | None], Awaitable[list[Claim]]],
    ) -> list[Claim]:
        """Claim up to ``free`` visits; ``moving`` counts those that have a place already."""
        self.held_back = False
        if not self.crowded:
            claims = await claim(free, None)
            self.crowded = len(claims) >= free
            return claims
        found: list[Claim] = []
        wanting = [each for each in ALL if moving[each] < self._most[each]]
        self.held_back = len(wanting) < len(ALL)
        taken = Counter(moving)
        while wanting and len(found) < free:
            share: Counter[Priority] = Counter()
            for _ in range(free - len(found)):
                open_ = tuple(each for each in wanting if taken[each] + share[each] < self._most[each])
                if not open_:
                    break
                share[self._rounds.pick(open_)] += 1
            if not share:
                self.held_back = True
                break
            for each in sorted(share):
                claims = await claim(share[each], each)
                found += claims
                taken[each] += len(claims)
                if len(claims) < share[each]:
                    wanting.remove(each)
        self.crowded = self.held_back or len(found) >= free
        return found
