"""What goes wrong, from the seed: shares of lost answers and doubled notices, and who is killed when."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.payments.stage import HIS, LATE, OURS, PLATFORM

#: Of the platform's notices: one in ten gets no answer it could read.
NOTICES = {"lose_reply": 0.10, "lose_request": 0.03, "late_request": 0.03, "twice": 0.05, "again": 0.05, "delay": 0.02}
#: Of refunds that we ask the platform for.
REFUNDS = {"lose_reply": 0.10, "lose_request": 0.02, "late_apply": 0.02, "doubt_done": 0.05, "doubt_not": 0.05}
#: Of what the HIS is to do, and is asked.
DEEDS = {
    "lose_reply": 0.10,
    "lose_request": 0.03,
    "late_apply": 0.02,
    "garbage": 0.01,
    "truncate": 0.01,
    "empty": 0.01,
    "http_500": 0.01,
}
QUESTIONS = {"lose_reply": 0.05, "truncate": 0.01, "http_500": 0.01}
#: What the patients do.
MIX = {"pay_bill": 50, "top_up": 25, "deposit": 10, "refund_balance": 6}
#: Business of an order by the beginning of its number.
BUSINESSES = ("ZJZF", "JZKCZ", "ZYYJ")
#: How many of the payments the hospital gives back, and how many of those in two parts.
GIVEN_BACK, IN_PARTS = 0.08, 0.3


@dataclass(frozen=True)
class Kill:
    """Somebody is killed when ``at`` orders have been paid, and starts again after ``pause`` seconds."""

    at: int
    who: str
    pause: float


def kills(seed: int, count: int, ours: int, others: int) -> list[Kill]:
    """Return ``ours`` kills of our process and ``others`` of each simulator, spread over ``count`` orders."""
    dice = random.Random(f"kills {seed}")
    who = [OURS] * ours + [HIS, PLATFORM] * others
    dice.shuffle(who)
    share = count / (len(who) + 1)
    return [
        Kill(int(share * (place + dice.uniform(0.5, 1.5))), each, dice.uniform(0.0, 0.5))
        for place, each in enumerate(who)
    ]


def chances(seed: int) -> Mapping[str, Any]:
    """Return what each simulator's control port is told under ``PUT /chances``."""
    return {
        PLATFORM: {"seed": seed, "out": NOTICES, "in": REFUNDS},
        HIS: {"seed": seed, "write": DEEDS, "read": QUESTIONS, "delay": LATE},
    }
