"""Reads the members of a message, which the document spells in more than one way; says 20001 to 20004."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from simulators.common.numbers import BadNumber, decimal_of
from simulators.wechat.codes import INVALID, MISSING, OUT_OF_RANGE, WRONG_TYPE, Refusal

ZERO = Decimal("0.00")
_SECONDS = "%Y-%m-%d %H:%M:%S"
_MOST = Decimal(10) ** 10


class Members:
    """One object of a message. Letter case and blanks around a name do not count (24.1.2 prints ``"orderName "``)."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        """``raw``: as it came."""
        self._found = {str(name).strip().casefold(): value for name, value in raw.items()}

    def get(self, *names: str) -> Any:
        """Return the first of these that says something, else None."""
        for name in names:
            value = self._found.get(name.casefold())
            if value is not None and value not in ("", []):
                return value
        return None

    def demand(self, wanted: Iterable[tuple[str, ...]]) -> None:
        """Refuse (20001) when none of a group of members says anything."""
        for names in wanted:
            if self.get(*names) is None:
                raise Refusal(MISSING, names[0])

    def text(self, *names: str) -> str:
        """Return a text, empty if it is not there."""
        value = self.get(*names)
        if value is None:
            return ""
        if isinstance(value, dict | list | bool):
            raise Refusal(WRONG_TYPE, names[0])
        return str(value).strip()

    def money(self, name: str) -> Decimal:
        """Return yuan, 0 if it is not there."""
        value = self.get(name)
        if value is None:
            return ZERO
        try:
            amount = decimal_of(value.strip() if isinstance(value, str) else value)
        except BadNumber:
            raise Refusal(WRONG_TYPE, name) from None
        if amount != amount.quantize(ZERO):
            raise Refusal(INVALID, name)
        if amount < 0 or amount >= _MOST:
            raise Refusal(OUT_OF_RANGE, name)
        return amount.quantize(ZERO)

    def number(self, name: str) -> int:
        """Return a whole number, 0 if it is not there."""
        try:
            return int(self.text(name) or 0)
        except ValueError:
            raise Refusal(WRONG_TYPE, name) from None

    def moment(self, name: str, *, late: bool = False) -> datetime.datetime:
        """Return a time; of a day alone its beginning, or its end (``late``)."""
        text = self.text(name)
        end = datetime.time(23, 59, 59) if late else datetime.time()
        for form in (_SECONDS, "%Y-%m-%d %H:%M", "%Y-%m-%d"):
            try:
                found = datetime.datetime.strptime(text, form)
            except ValueError:
                continue
            return datetime.datetime.combine(found, end) if form == "%Y-%m-%d" else found
        raise Refusal(INVALID, name)

    def day(self, name: str) -> datetime.date:
        """Return a day, written yyyy-MM-dd or yyyyMMdd."""
        text = self.text(name)
        try:
            return datetime.date.fromisoformat(text)
        except ValueError:
            return self.moment(name).date()

    def items(self, name: str) -> list[Any]:
        """Return a list; none is an empty one."""
        value = self.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise Refusal(WRONG_TYPE, name)
        return value

    def objects(self, name: str) -> Iterator[Members]:
        """Return the objects of a list."""
        for each in self.items(name):
            if not isinstance(each, dict):
                raise Refusal(WRONG_TYPE, name)
            yield Members(each)


def yuan(amount: Decimal) -> str:
    """Write money."""
    return f"{amount:.2f}"


def seconds(at: datetime.datetime) -> str:
    """Write a time."""
    return f"{at:{_SECONDS}}"
