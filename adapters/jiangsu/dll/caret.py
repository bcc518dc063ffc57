"""The caret framing of BUSINESS_HANDLE (DLL conventions, 2.3, 3.6): places instead of names; reads ``caret.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from adapters.jiangsu.dll.framing import (
    Accepted,
    Declined,
    NotOffered,
    Request,
    Unfit,
    Unreadable,
    decoded,
    encoded,
)
from adapters.jiangsu.dll.mapping import Stamp, mapping
from adapters.jiangsu.dll.settings import DllSettings
from adapters.jiangsu.transactions import Transaction
from engine.tables import table

_SEPARATORS = frozenset("^|$#")


@dataclass(frozen=True, slots=True)
class Twin:
    """One transaction; the columns are explained in ``caret.yaml``."""

    number: str
    request: tuple[str, ...]
    reply: tuple[str, ...] = ()
    records: bool = False
    rows: bool = False


@cache
def twins() -> Mapping[str, Twin]:
    """Return the rows of ``caret.yaml`` by the number of 001."""
    raw: dict[str, Any] = table(__file__, "caret.yaml")
    return {
        number: Twin(**{**each, "request": tuple(each["request"]), "reply": tuple(each.get("reply", ()))})
        for number, each in raw["transactions"].items()
    }


class CaretFraming:
    """Requests and replies in one line, fields between carets."""

    def __init__(self, settings: DllSettings) -> None:
        """``settings.variant`` says where parameters and output stand."""
        self._settings = settings

    def request(self, transaction: Transaction, parameters: Mapping[str, Any], stamp: Stamp) -> Request:
        """Return the line. The hospital serial is our message id, by which 2421 reverses. Raises Unfit, NotOffered."""
        twin = twins().get(transaction.number)
        if twin is None:
            raise NotOffered(transaction.number)
        settings = self._settings
        members = mapping()[transaction.number].outgoing(parameters, stamp)[1]
        records = members if twin.records else [members]
        written = "$".join("".join(self._field(place, record) + "|" for place in twin.request) for record in records)
        period = "" if transaction.number == "9001" else stamp.sign_no
        head = [twin.number, settings.fixmedins_code, settings.operator_id, period, stamp.message_id]
        for field in head:
            _checked("the envelope", field)
        if settings.variant == "A":
            line = [*head, settings.centre_code, written, "1", ""]
        else:
            line = [*head, {"2": "1"}.get(stamp.identify_mode, "0"), "0", written, ""]
        return Request(encoded("^".join(line), settings.encoding, members), members)

    def _field(self, place: str, members: Mapping[str, Any]) -> str:
        if place == "@operator":
            return self._settings.operator_id
        if place == "@original":
            twin = twins().get(str(members.get("oinfno")))
            if twin is None:
                raise Unfit("oinfno: the number of the transaction that is reversed")
            return twin.number
        name, _, length = place.partition(":")
        value = members.get(name, "")
        text = format(value, "f") if isinstance(value, Decimal) else str(value)
        return _checked(name, text[: int(length)] if length else text)

    def reply(self, transaction: Transaction, value: int, out: bytes) -> Accepted | Declined:
        """Read a line. This framing has no code beside the return value, so only known texts refuse (J46)."""
        text = decoded(out, self._settings.encoding)
        parts = text.split("^")
        if value != 0:
            return Declined(str(value), (parts[2] if len(parts) > 2 else text).strip("|"), sure=False)
        place = 2 if self._settings.variant == "A" else 1
        if len(parts) < place + 2:  # the caret behind the output is missing: cut
            raise Unreadable("cut, or not caret-framed")
        twin = twins()[transaction.number]
        if not twin.rows:
            return Accepted(_members(twin, parts[place]))
        return Accepted([_members(twin, record) for record in parts[place].split("$") if record])


def _members(twin: Twin, record: str) -> dict[str, str]:
    """Return a record's fields by name; what follows a ``#`` are findings of a review (DLL conventions, 2.3)."""
    found = dict(zip(twin.reply, record.partition("#")[0].split("|"), strict=False))
    return {name: text for name, text in found.items() if text}


def _checked(name: str, text: str) -> str:
    if any(letter in _SEPARATORS or not letter.isprintable() for letter in text):
        raise Unfit(f"{name}: a character that separates fields in this framing")
    return text
