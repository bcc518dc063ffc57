"""What both framings share: what they are asked, what they make of an answer, and text in the DLL's code page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from adapters.jiangsu.dll.mapping import Stamp
from adapters.jiangsu.transactions import Transaction


class Unfit(Exception):
    """The request cannot be put into this framing; nothing was sent. The message names the field."""


class NotOffered(Exception):
    """This framing has no such transaction (DLL conventions, 3.6)."""


class Unreadable(ValueError):
    """Nobody can tell what the answer says: in doubt (G8). The message does not show what was received (G10)."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as bytes, and the DLL's members as they were sent."""

    content: bytes
    members: Any


@dataclass(frozen=True, slots=True)
class Accepted:
    """The centre did it."""

    output: Any


@dataclass(frozen=True, slots=True)
class Declined:
    """The centre says no. ``sure``: it does say so; otherwise only a text that the site knows makes it a refusal."""

    code: str
    text: str
    sure: bool = True


class Framing(Protocol):
    """One of the two ways of writing requests and replies (DLL conventions, chapter 2)."""

    def request(self, transaction: Transaction, parameters: Mapping[str, Any], stamp: Stamp) -> Request:
        """Return the request. Raises Unfit, NotOffered."""

    def reply(self, transaction: Transaction, value: int, out: bytes) -> Accepted | Declined:
        """Read an answer. Raises Unreadable."""


def encoded(text: str, encoding: str, members: Any) -> bytes:
    """Return the bytes of ``text``. Raises Unfit naming the member with a character that the code page lacks."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        field = next((path for path, value in fields(members) if not _encodable(value, encoding)), "the envelope")
        raise Unfit(f"{field}: a character that {encoding.upper()} does not have") from None


def decoded(content: bytes, encoding: str) -> str:
    """Return the text of an answer. Raises Unreadable."""
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise Unreadable(f"not {encoding.upper()}") from None


def fields(value: Any, path: str = "") -> list[tuple[str, str]]:
    """Return all text inside ``value`` with the way to it."""
    if isinstance(value, str):
        return [(path, value)]
    if isinstance(value, Mapping):
        return [each for name, item in value.items() for each in fields(item, f"{path}.{name}" if path else str(name))]
    if isinstance(value, list):
        return [each for index, item in enumerate(value) for each in fields(item, f"{path}.{index}".lstrip("."))]
    return []


def _encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
