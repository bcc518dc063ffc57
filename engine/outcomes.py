"""What a call to a peer can come to: a closed union that every adapter returns and the engine matches on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.environment import Micros


class Effect(StrEnum):
    """What happens when an operation is sent twice."""

    READ = "read"  #: nothing: repeat freely
    KEYED = "keyed"  #: the peer dedupes on a key we choose
    ONCE = "once"  #: harm: a second charge, a second settlement


class Category(StrEnum):
    """Why a peer refused, as far as its code tells."""

    BUSINESS = "business"  #: a person decides; never retried unchanged
    DATA = "data"  #: correct, then send
    ORDER = "order"  #: another step has to come (or go) first
    LATER = "later"  #: the peer is occupied: the same call again, later
    ALREADY_DONE = "already_done"  #: what was asked is the case already
    NOTHING_TO_UNDO = "nothing_to_undo"  #: what was to be undone is not there
    NOT_FOUND = "not_found"
    MAINTENANCE = "maintenance"  #: catalogues, grades, restrictions: a person
    CREDENTIALS = "credentials"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One raw request and reply as they were on the wire, kept (encrypted) for disputes."""

    request: bytes
    reply: bytes | None = None
    status: str = ""  #: HTTP status, DLL return value, or how the connection broke


@dataclass(frozen=True, slots=True)
class Done:
    """The peer did it and says so."""

    reply: Mapping[str, Any]
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The peer decided against it; nothing happened there."""

    code: str
    message: str
    category: Category = Category.BUSINESS
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """It certainly never arrived."""

    reason: str
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class InDoubt:
    """It may have happened (G8: also every code, reply or silence that nobody can read)."""

    reason: str
    exchange: Exchange | None = None


@dataclass(frozen=True, slots=True)
class Busy:
    """The peer is still working on it."""

    retry_after: Micros
    reason: str = ""
    exchange: Exchange | None = None


Outcome = Done | Refused | NotSent | InDoubt | Busy
