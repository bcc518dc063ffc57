"""Identity numbers of invented people: a valid check digit (GB 11643), a region that GB/T 2260 does not have."""

from __future__ import annotations

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
NOWHERE = "990099"


def identity_number(seventeen: str) -> str:
    """Return 17 digits with their check digit."""
    total = sum(int(digit) * weight for digit, weight in zip(seventeen, _WEIGHTS, strict=True))
    return seventeen + _CHECK[total % 11]
