"""Invented people. Identity numbers have a valid check digit (GB 11643) and a region that was never handed out."""

from __future__ import annotations

import datetime
import random

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
SURNAMES = "赵钱孙李周吴郑王"
GIVEN = ("测甲", "测乙", "测丙", "试丁", "试戊")
#: No region has this code, so no number made here belongs to anybody.
REGION = "320199"


def check_digit(first17: str) -> str:
    """Return the 18th character."""
    return _CHECK[sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, first17, strict=True)) % 11]


def identity_number(seed: int = 0) -> str:
    """Return the same invented identity number for the same seed."""
    chance = random.Random(seed)
    born = datetime.date(1960, 1, 1) + datetime.timedelta(days=chance.randrange(15_000))
    first17 = f"{REGION}{born:%Y%m%d}{chance.randrange(1000):03d}"
    return first17 + check_digit(first17)


def name(seed: int = 0) -> str:
    """Return the same invented name for the same seed."""
    chance = random.Random(seed)
    return chance.choice(SURNAMES) + chance.choice(GIVEN)
