"""How far the facts have come: figures that lag without saying so are worse than none."""

from __future__ import annotations

from storage.registers import Registers
from storage.registers.history import READER


async def behind(registers: Registers) -> int | None:
    """Return how many events of the feed are not counted yet; None: nobody has ever counted."""
    position = await registers.feed.cursor(READER)
    _first, last = await registers.feed.ends()
    return None if position is None else max(0, last - position)
