"""The named points at which a process may die. Tests hang a crash on them; in production nothing is there."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class FaultPoint(StrEnum):
    """The five points of every call to a peer."""

    BEFORE_INTENT = "before_intent"  #: the intent is made and not yet durable
    AFTER_INTENT = "after_intent"  #: durable, nothing sent
    AFTER_SEND = "after_send"  #: sent, the reply not yet here
    AFTER_REPLY = "after_reply"  #: the reply is here and not yet durable
    AFTER_COMMIT = "after_commit"  #: the reply is durable


Hook = Callable[[FaultPoint, str], None]


def nothing(point: FaultPoint, operation: str) -> None:
    """Do nothing: the hook of production."""


class Crash(BaseException):
    """What a test's hook raises: the process is gone, nothing more is written."""
