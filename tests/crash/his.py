"""The HIS back end's scenarios, the wire to the simulated one, and what its people say on the telephone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from adapters.his.tables import INTERFACES
from engine.adapter import Adapter
from engine.commands import Commands
from engine.environment import HOUR
from engine.events import AnyEvent, Cause, Intent, Verdict
from engine.visit import Visit
from simulators.common.faults import Exchange
from simulators.common.http import Request, Response
from tests import his
from tests.crash.play import KEY, Play
from tests.crash.scenarios import Act, Facts, Scenario
from tests.crash.script import Script
from tests.crash.wire import Broken, TooLate, Trap, Wire


def opening(key: str, _known: Facts) -> Facts:
    """A visit for the bill of the registration with the same number."""
    return his.opening(key)


def stranger(key: str, _known: Facts) -> Facts:
    """The same with a card that is not the patient's: the HIS refuses."""
    return his.opening(key, card_no="C-of-another")


_PAID = his.payment()
_REFUNDED = {"his": {"refund": {"refund_no": "R1", "money": his.PERSONAL}}}
SCENARIOS = (
    Scenario(
        name="his-settled",
        flow=his.FLOW,
        opening=opening,
        acts=(Act("priced", "ask_again"), Act("priced", "paid", _PAID)),
        rests="settled",
        back=False,
        walks=("ask_bill@opened", "ask_again@priced", "verify@paid", "settle@verified"),
    ),
    Scenario(
        name="his-refused",
        flow=his.FLOW,
        opening=stranger,
        acts=(Act("priced", "paid", _PAID), Act("refund_due", "refunded", _REFUNDED)),
        rests="refunded",
        back=False,
        walks=("ask_bill@opened", "verify@paid", "settle@verified", "check_refusal@answered"),
    ),
    Scenario(
        name="his-late",
        flow=his.FLOW,
        opening=opening,
        patience=3 * HOUR,  # nobody pays in time
        acts=(Act("lapsed", "ask_again"), Act("lapsed", "paid", _PAID)),
        rests="settled",
        back=False,
        walks=("ask_bill@opened", "ask_again@lapsed", "verify@paid", "settle@verified"),
    ),
)


class HisTrap(Trap):
    """A trap for messages of 004."""

    def meant(self, exchange: Exchange) -> bool:
        """Tell whether a message is of the operation."""
        return exchange.about["interface"] == INTERFACES[self.operation].method


@dataclass
class HisWire(Wire):
    """The way to the back end."""

    hospital: his.Hospital = field(default_factory=his.Hospital)

    def __post_init__(self) -> None:
        self.hospital = his.Hospital(self.environment, interfere=self._through)
        self.hospital.bill(KEY)

    def books(self) -> dict[str, Any]:
        self.arrivals()
        return self.hospital.back_end.ledger.view()

    def adapter(self, _name: str) -> Adapter:
        return self.hospital.adapter()

    def _through(self, request: Request, _apply: Callable[[], Response]) -> Response:
        try:
            return self.carry(self.hospital.door.exchange(request))
        except Broken:
            raise httpx.ReadError("reset") from None
        except TooLate:
            raise httpx.ReadTimeout("late") from None


class HisScript(Script):
    """People of the hospital ask the people of its HIS."""

    async def _person(self, commands: Commands, visit: Visit, books: Callable[[], Mapping[str, Any]]) -> None:
        assert visit.trouble is not None
        assert visit.trouble.cause is Cause.DOUBT, visit.trouble
        made = [each for each in books()["settlements"] if each["RegNo"] == visit.key]
        data = his.read_out(made[0]) if made else {}
        verdict = Verdict.APPLIED if made else Verdict.NOT_APPLIED
        await commands.settle(visit.visit_id, verdict, "wang", "asked the HIS's people", data)
        self.asked.append(visit.trouble.cause)


class HisPlay(Play):
    """One visit and the simulated back end."""

    def _lay_wire(self) -> Wire:
        return HisWire(self.environment, self.trap)

    def _begin_script(self) -> Script:
        return HisScript(self.scenario)

    def _compare(self, visit: Visit, events: list[AnyEvent], books: dict[str, Any]) -> None:
        settlements = [each for each in books["settlements"] if each["RegNo"] == visit.key]
        his.agree(visit.data, settlements)
        intended = [event for event in events if isinstance(event, Intent)]
        assert len(settlements) <= len(intended)  # G1: nothing was booked that was not written down


def play(scenario: Scenario, trap: Trap | None = None) -> HisPlay:
    """Return a play of a scenario; its flow keeps its own adapter."""
    return HisPlay(scenario, "his", trap)
