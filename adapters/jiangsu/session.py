"""Telling whoever keeps the book of sessions that the adapter has signed in by itself (J20)."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class SignInReason(StrEnum):
    """Why an adapter signs in without being asked."""

    FIRST_USE = "first_use"  #: nobody had signed in yet
    GONE = "gone"  #: the centre says that nobody is signed in


#: Gets the sign-in number (empty when the centre gave none) and the reason; must not wait and must not fail.
SignInListener = Callable[[str, SignInReason], None]


def nobody_listens(_sign_no: str, _reason: SignInReason) -> None:
    """Do nothing."""
