"""Pushes (11.2, 19.1, 22.2, 23.2, 26.2, 36.2, 38.2, 40.2, 41.2): accepted, not delivered; a repeat is a second one."""

from __future__ import annotations

from simulators.platform.platform import Platform
from simulators.platform.records import Message
from simulators.platform.serving.served import Served


def accept(platform: Platform, served: Served) -> None:
    """Keep a message."""
    platform.save(Message(served.number, platform.clock.stamp(), served.raw))


def qr_code(_platform: Platform, served: Served) -> str:
    """23.2.2."""
    return f"http://wechat.invalid/qr/{served.sent.text('hospitalId')}"


HANDLERS = {"23.2.2": qr_code}
