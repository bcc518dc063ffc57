"""When messages were lost, by a clock that nobody sets: the wall clock alone would let a last look come too early."""

from __future__ import annotations

from engine.environment import Environment, Micros

#: Of so many messages a process remembers when it lost them or first heard of them: all of a bad day.
MOST_REMEMBERED = 10_000


class LostMessages:
    """What one process knows of the age of lost messages. Nothing of it is durable, and nothing has to be."""

    def __init__(self, environment: Environment) -> None:
        """``environment`` gives the monotonic clock."""
        self._environment = environment
        self._since: dict[str, Micros] = {}

    def note(self, message_id: str) -> None:
        """Remember that a message was given up just now."""
        self._since.pop(message_id, None)
        if len(self._since) >= MOST_REMEMBERED:
            del self._since[next(iter(self._since))]
        self._since[message_id] = self._environment.monotonic()

    def too_early(self, message_id: str, patience: Micros) -> Micros:
        """Return for how long a lost message may still be on its way, whatever the wall clock says by now.

        A clock that was set forward makes "a minute later" come at once. A message that another process lost, or this
        one before it was started anew, counts from when this process first hears of it: that is never too early. Only
        with more of them than can be remembered the wall clock is believed (0).
        """
        since = self._since.get(message_id)
        if since is None:
            if len(self._since) >= MOST_REMEMBERED:
                return 0
            since = self._since[message_id] = self._environment.monotonic()
        return max(0, since + patience - self._environment.monotonic())
