"""What HIS and people do with a visit, act by act: in this process, or beside processes that are killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.commands import Commands
from engine.events import Cause
from engine.store import Status
from engine.visit import Visit
from tests.crash import truth
from tests.crash.scenarios import Act, Scenario

_WHO = ("wang", "asked the centre by telephone")


@dataclass
class Script:
    """A scenario as far as it has been played."""

    scenario: Scenario
    acts: list[Act] = field(init=False)
    cancelled: bool = False
    asked: list[Cause] = field(default_factory=list)  #: why a person was needed

    def __post_init__(self) -> None:
        self.acts = list(self.scenario.acts)

    @property
    def ends(self) -> str:
        """The state in which the visit is closed in the end."""
        return "cancelled" if self.scenario.back else self.scenario.rests

    def over(self, visit: Visit) -> bool:
        """Tell whether the visit has come to its end."""
        return visit.closed and visit.state == self.ends and (self.cancelled or not self.scenario.back)

    async def go_on(self, commands: Commands, visit: Visit, status: Status, books: Callable[[], truth.Books]) -> bool:
        """Do what is to be done now that the visit rests; False when there is nothing."""
        if visit.trouble is not None:
            await self._person(commands, visit, books)
        elif status is Status.READY or visit.run is not None:
            return False
        elif self.acts and visit.state == self.acts[0].state:
            await commands.trigger(visit.visit_id, self.acts[0].trigger, self.acts[0].data, "HIS")
            del self.acts[0]
        elif not self.acts and visit.state == self.scenario.rests and self.scenario.back and not self.cancelled:
            await commands.cancel(visit.visit_id, "wang", "wrong number")
            self.cancelled = True
        else:
            return False
        return True

    async def _person(self, commands: Commands, visit: Visit, books: Callable[[], truth.Books]) -> None:
        """Answer truthfully, from the centre's books; resume where that is all there is to do."""
        assert visit.trouble is not None
        if visit.trouble.cause is Cause.DISAGREEMENT and self.scenario.stops:
            await commands.resume(visit.visit_id, *_WHO)
        else:
            assert visit.trouble.cause is Cause.DOUBT, visit.trouble
            assert visit.call is not None
            verdict, data = truth.told(visit.call, visit, books())
            await commands.settle(visit.visit_id, verdict, *_WHO, data)
        self.asked.append(visit.trouble.cause)
