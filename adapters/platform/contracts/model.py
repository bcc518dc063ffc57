"""The words of a contract: chapters, interfaces, members, rules. Built by ``loading`` from the YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

#: A list that is one: the members of a field that has none.
_NONE: Mapping[str, Field] = {}


class Direction(StrEnum):
    """Who serves it."""

    HOSPITAL = "hospital"
    """The platform calls, the hospital answers (院内提供)."""
    PLATFORM = "platform"
    """The hospital calls, the platform answers (公众号系统提供)."""


class Kind(StrEnum):
    """What a call does."""

    QUERY = "query"
    TRANSACTION = "transaction"
    UNDO = "undo"
    NOTIFY = "notify"


class Type(StrEnum):
    """What a member holds, on this side of the wire → on the other."""

    TEXT = "text"
    PERSONAL = "personal"
    """Text that points to a person: never in logs, reasons or metrics (G10)."""
    CODE = "code"
    """One value of a code table; text."""
    CSV = "csv"
    """List of text → values joined by commas."""
    MONEY = "money"
    """Decimal → yuan with two decimals."""
    PRICE = "price"
    """Decimal → yuan with two to four decimals (18)."""
    QUANTITY = "quantity"
    """Decimal → as many decimals as needed, at most four unless said otherwise."""
    INTEGER = "integer"
    BOOL = "bool"
    TIMESTAMP = "timestamp"
    """Text ``yyyy-MM-dd HH:mm:ss``; a day or a minute alone is taken, and stays one."""
    MINUTE = "minute"
    """Text ``yyyy-MM-dd HH:mm``."""
    DATE = "date"
    """Text ``yyyy-MM-dd``."""
    COMPACT_DATE = "compact_date"
    """Text ``yyyyMMdd``."""
    CLOCK = "clock"
    """Text ``HH:mm``."""
    OBJECT = "object"
    LIST = "list"
    """Of objects (``fields``) or of simple values (``of``)."""
    NOTHING = "nothing"
    """``null``: the member is there and says nothing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold among the members of one object, beyond each being required or not."""

    any_of: tuple[tuple[str, ...], ...] = ()
    """At least one of these groups is there in full."""
    when: tuple[str, str | None] | None = None
    """If this member has this value (None: any value) …"""
    needs: tuple[str, ...] = ()
    """… then these must be there; ``list.member`` means each element's."""


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a request or a reply; the columns are explained in ``members.yaml``."""

    name: str
    type: Type
    zh: str = ""
    en: str = ""
    required: bool = False
    empty: bool = False
    also: tuple[str, ...] = ()
    table: str | None = None
    of: Type | None = None
    decimals: int | None = None
    least: int | None = None
    as_number: bool = False
    lone_object: bool = False
    condition: str = ""
    from_example: bool = False
    fields: Mapping[str, Field] = field(default_factory=lambda: _NONE)
    rules: tuple[Rule, ...] = ()

    @property
    def compound(self) -> bool:
        """Whether it holds members of its own."""
        return self.type is Type.OBJECT or (self.type is Type.LIST and self.of is None)

    def walk(self) -> Iterator[Field]:
        """Return the members below it, each before its own."""
        for each in self.fields.values():
            yield each
            yield from each.walk()


class Envelope(StrEnum):
    """How a reply says whether it went well."""

    STANDARD = "standard"
    """``success``, ``msg``, ``code``."""
    STATUS = "status"
    """``success``, ``message``, ``status`` 1 or -1 (21.1.1 to 21.1.6)."""
    MESSAGE = "message"
    """``success``, ``message`` (14.1.2)."""
    BYTES = "bytes"
    """None: the reply is a file (16.1.4)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an interface answers."""

    envelope: Envelope
    code_as_number: bool
    beside: Mapping[str, Field]
    """Members beside ``success`` and ``code`` (21.2.3, 30.1.1)."""
    data: Field | None
    """The member ``data``; None where the reply has none."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of the document."""

    number: str
    zh: str
    en: str
    direction: Direction
    kind: Kind
    names: tuple[str, ...]
    """Methods of the hospital (``hospital.interface.…``), as printed; empty where the document prints none: the site's
    configuration says them."""
    path: str | None
    """Path at the platform, as printed."""
    webservice: str | None
    key: tuple[str, ...]
    """Members that tell a repeat from another call; of each element where the request is a list."""
    undo: tuple[str, ...]
    """Numbers of the interfaces that take it back, the caller's own first."""
    evidence: tuple[str, ...]
    """Numbers of the interfaces that tell whether it took effect."""
    deprecated: bool
    notes: tuple[str, ...]
    request: Field
    replies: Mapping[str, Reply]
    """By method name, where they differ (16.1.2); else one under the empty name."""

    @property
    def chapter(self) -> int:
        """The chapter it stands in."""
        return int(self.number.partition(".")[0])

    @property
    def needs_hospital(self) -> bool:
        """Whether ``hospitalId`` is required."""
        hospital = self.request.fields.get("hospitalId")
        return hospital is not None and hospital.required

    def reply(self, name: str | None = None) -> Reply:
        """Return what it answers when called by ``name``; without one, or with an unknown one, the first."""
        return self.replies.get(name or "") or next(iter(self.replies.values()))


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter of the document."""

    number: int
    zh: str
    en: str
    interfaces: tuple[Interface, ...]
