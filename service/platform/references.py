"""To which visit a number belongs: one small visit of ``platform.reference`` each, first come, for ever (P48)."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

from engine.commands import MAX_KEY
from engine.errors import DuplicateKey
from service.platform.desk import BY, Desk

FLOW = "platform.reference"
#: Kind of the number that a payment has at the platform (outTradeNo and its other names).
ORDER = "order"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a number is: a visit, and the interface that brought it. Nobody's: the payment was called refundable."""

    flow: str = ""
    key: str = ""
    number: str = ""

    @property
    def closed(self) -> bool:
        """Tell whether no visit may have it any more."""
        return not self.flow


CLOSED = Holder()


def _key(kind: str, value: str) -> str:
    plain = f"{kind} {value}"
    if len(plain) <= MAX_KEY and plain.isprintable():
        return plain
    return f"{kind} {hashlib.sha256(value.encode()).hexdigest()[:24]}"


async def give(desk: Desk, kind: str, value: str, holder: Holder) -> Holder:
    """Give a number to ``holder`` unless somebody has it. Returns who has it now; durable when it returns."""
    try:
        await desk.application.commands.open(FLOW, _key(kind, value), asdict(holder), BY)
    except DuplicateKey:
        found = await find(desk, kind, value)
        assert found is not None, "a key that is taken has a visit"
        return found
    return holder


async def find(desk: Desk, kind: str, value: str) -> Holder | None:
    """Return who has a number."""
    projection = await desk.find(FLOW, _key(kind, value))
    if projection is None:
        return None
    data = (await desk.known(projection.visit_id)).visit.data
    return Holder(str(data.get("flow", "")), str(data.get("key", "")), str(data.get("number", "")))
