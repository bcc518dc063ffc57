"""What the hospital says of registrations: today's (20.2.1), booked ones (21.1.6), departments and schedules (21.1)."""

from __future__ import annotations

from simulators.platform.platform import Platform
from simulators.platform.records import Message
from simulators.platform.serving.served import Served
from simulators.wechat.codes import INVALID, NOTHING_FOUND, Refusal

_STATES = ("3", "4", "5")


def state_today(platform: Platform, served: Served) -> None:
    """20.2.1: missed, cancelled, seen."""
    _note(platform, "todayRegisterId", served.sent.text("todayRegisterId"), served.sent.text("registerState"))


def results(platform: Platform, served: Served) -> None:
    """21.1.6: a list; nothing is taken from it when one is unknown."""
    for row in served.rows:
        _known(platform, "recordId", row.text("recordId"), row.text("state"))
    for row in served.rows:
        _note(platform, "recordId", row.text("recordId"), row.text("state"))


def _known(platform: Platform, name: str, wanted: str, state: str) -> None:
    if state not in _STATES:
        raise Refusal(INVALID, "state")
    booked = wanted in platform.bookings
    if not booked and not any(each.about.get(name) == wanted for each in platform.orders.values()):
        raise Refusal(NOTHING_FOUND)


def _note(platform: Platform, name: str, wanted: str, state: str) -> None:
    _known(platform, name, wanted, state)
    for order in platform.orders.values():
        if order.about.get(name) == wanted:
            order.served = state
            platform.save(order)


def upload(platform: Platform, served: Served) -> None:
    """21.1.1 to 21.1.5: kept as they came."""
    platform.save(Message(served.number, platform.clock.stamp(), served.raw))


HANDLERS = {
    "20.2.1": state_today,
    "21.1.6": results,
    **dict.fromkeys((f"21.1.{part}" for part in range(1, 6)), upload),
}
