"""Who calls a peer next: so many at once, so many a second, by weight when more want to than may.

One event loop. Waiting costs a future; only so many may wait of each priority, the others are sent away.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from engine.environment import SECOND, Environment, Micros
from engine.fairness import ALL, Rounds
from engine.gate import Priority


class Turnstile:
    """One peer's places. ``slots`` None: any number at once; ``rate`` None: any number a second."""

    def __init__(self, environment: Environment, weights: Mapping[Priority, int], waiting: int) -> None:
        """Let at most ``waiting`` of each priority wait."""
        self._environment = environment
        self._rounds = Rounds(weights)
        self._most = waiting
        self._queues: dict[Priority, deque[asyncio.Future[bool]]] = {each: deque() for each in ALL}
        self._timer: asyncio.TimerHandle | None = None
        self.slots: int | None = None
        self.used = 0
        self._rate: float | None = None
        self._burst = 1.0
        self._tokens = 1.0
        self._at = environment.monotonic()
        self._took = float(SECOND)  #: how long a call has a place, about

    @property
    def waiting(self) -> int:
        """Return how many wait."""
        return sum(map(len, self._queues.values()))

    @property
    def room(self) -> int:
        """Return how many more may come of one priority without being sent away."""
        return max(0, self._most - max(map(len, self._queues.values())))

    def allow(self, slots: int | None, rate: float | None, burst: float) -> None:
        """Change what is allowed; what is in the air stays there."""
        self._refill()
        if self._rate is None and rate is not None:
            self._tokens = burst
        self.slots, self._rate, self._burst = slots, rate, max(1.0, burst)
        self._tokens = min(self._tokens, self._burst)
        self._pump()

    def enter(self) -> bool:
        """Take a place if there is one and nobody waits for it."""
        if self.waiting or not self._free():
            return False
        self._take()
        return True

    def full(self, priority: Priority) -> bool:
        """Tell whether no more may wait."""
        return len(self._queues[priority]) >= self._most

    async def wait(self, priority: Priority, patience: Micros) -> bool:
        """Wait for a place; False when there was none in time. Whoever is cancelled leaves no place taken."""
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queues[priority].append(turn)
        self._pump()
        try:
            async with asyncio.timeout(patience / SECOND):
                return await turn
        except TimeoutError:
            return self._left(priority, turn)
        except asyncio.CancelledError:
            if self._left(priority, turn):
                self.leave(0)
            raise

    def leave(self, took: Micros) -> None:
        """Give a place back; it was taken for ``took``."""
        self.used -= 1
        if took:
            self._took += (took - self._took) / 16
        self._pump()

    def send_away(self) -> None:
        """Send everybody away who waits."""
        for queue in self._queues.values():
            for turn in queue:
                if not turn.done():
                    turn.set_result(False)
            queue.clear()

    def estimate(self, priority: Priority) -> Micros:
        """Return in about how long one more of this priority would have a place; 0: nobody knows."""
        if self.slots == 0 or self._rate == 0:
            return 0  # this process has no part of the limit at the moment, which changes within seconds
        pace = 1e9
        if self.slots is not None:
            pace = min(pace, self.slots / max(self._took, 1000.0) * SECOND)
        if self._rate is not None:
            pace = min(pace, self._rate)
        return int((len(self._queues[priority]) + 1) / pace * SECOND)

    # -- places
    def _left(self, priority: Priority, turn: asyncio.Future[bool]) -> bool:
        """Return whether a place was given in the very moment in which its turn gave up."""
        if turn.done() and not turn.cancelled() and turn.result():
            return True
        if turn in self._queues[priority]:
            self._queues[priority].remove(turn)
        return False

    def _free(self) -> bool:
        if self.slots is not None and self.used >= self.slots:
            return False
        if self._rate is None:
            return True
        self._refill()
        return self._tokens >= 1

    def _take(self) -> None:
        self.used += 1
        if self._rate is not None:
            self._tokens -= 1

    def _refill(self) -> None:
        now = self._environment.monotonic()
        if self._rate is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) / SECOND * self._rate)
        self._at = now

    def _pump(self) -> None:
        """Give out the places there are, and come back when the next token is there."""
        while (wanting := tuple(each for each in ALL if self._queues[each])) and self._free():
            turn = self._queues[self._rounds.pick(wanting)].popleft()
            if not turn.done():
                self._take()
                turn.set_result(True)
        places = self.slots is None or self.used < self.slots
        if wanting and places and self._rate and self._timer is None:  # a rate of 0 ends when another is allowed
            wait = max((1 - self._tokens) / self._rate, 0.001)
            self._timer = asyncio.get_running_loop().call_later(wait, self._again)

    def _again(self) -> None:
        self._timer = None
        self._pump()
