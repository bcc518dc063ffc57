"""What a peer's words may not carry on into reasons, journals and logs (DESIGN, G10; DLL conventions, chapter 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MASK = "***"
_LONGEST = 500
#: Identity numbers (15 digits, or 17 and a check character) and whatever else is as long; mobile telephone numbers.
_PERSONAL = re.compile(r"\d{15,}[Xx]?|(?<!\d)1[3-9]\d{9}(?!\d)", re.ASCII)


def discreet(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a peer's ``text`` without ``secrets``, identity numbers and telephone numbers, cut to a sensible length.

    Names cannot be told from other words: the peer's full text stands in the exchange, which is encrypted.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return _PERSONAL.sub(_MASK, text)[:_LONGEST]
