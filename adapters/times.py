"""Times and message ids as the centre writes them, and the time that a call has left. Assumptions J2, J18, J45."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from zoneinfo import ZoneInfo

from engine.environment import SECOND, Micros

SHANGHAI = ZoneInfo("Asia/Shanghai")
MOMENT = "%Y%m%d%H%M%S"


def moment_of(at: Micros) -> str:
    """Return a time as yyyyMMddHHmmss, Asia/Shanghai."""
    return f"{datetime.datetime.fromtimestamp(at // SECOND, SHANGHAI):{MOMENT}}"


def instant_of(moment: str) -> Micros:
    """Return the time that yyyyMMddHHmmss stands for. Raises ValueError on one that does not exist."""
    return int(datetime.datetime.strptime(moment, MOMENT).replace(tzinfo=SHANGHAI).timestamp()) * SECOND


def message_id(prefix: str, at: Micros, number: int) -> str:
    """Return prefix + yyyyMMddHHmmss + six digits: the form of 000's example (J2)."""
    return f"{prefix}{moment_of(at)}{number:06d}"


def countdown(timeout: Micros) -> Callable[[], Micros]:
    """Return what tells how much of ``timeout`` is left, from now on; below 0 when it is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout / SECOND
    return lambda: int((deadline - loop.time()) * SECOND)
