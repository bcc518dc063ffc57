"""Gates for tests: what holds the engine off, so that every call has to wait for its peer."""

from __future__ import annotations

from engine.environment import SECOND, Environment
from engine.gate import Entry, Errand, HeldOff, OpenGate


class Reluctant(OpenGate):
    """Holds every call off: the first time there is no room, the second time the peer is left alone, then it passes."""

    def __init__(self, environment: Environment) -> None:
        super().__init__()
        self.environment = environment
        self.asked = 0

    def admit(self, errand: Errand) -> Entry | HeldOff | None:
        self.asked += 1
        match self.asked % 3:
            case 1:
                return HeldOff("peer_busy", self.environment.now() + 5 * SECOND)
            case 2:
                return HeldOff("peer_paused", self.environment.now() + 15 * SECOND)
        return super().admit(errand)


class Shut(OpenGate):
    """Holds every call off while ``shut``."""

    def __init__(self, environment: Environment) -> None:
        super().__init__()
        self.environment = environment
        self.shut = True

    def admit(self, errand: Errand) -> Entry | HeldOff | None:
        if self.shut:
            return HeldOff("peer_paused", self.environment.now() + 15 * SECOND)
        return super().admit(errand)
