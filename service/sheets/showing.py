"""How values of the settlement sheet are shown: amounts to the last digit that says something, codes in words."""

from __future__ import annotations

import unicodedata
from decimal import Decimal

from adapters.money import to_decimal
from adapters.neimenggu.codes import code_tables
from service.sheets.form import NUMERIC, Kind, Place

#: Controls and marks that turn the direction of writing: nothing that is printed.
_UNPRINTED = ("Cc", "Cf")
_BREAKS = "\t\n\r\v\f\u2028\u2029"


def amount(raw: object) -> Decimal | None:
    """Return a number that the centre wrote, None where it wrote nothing. Raises ValueError: it is no number."""
    if raw is None or (isinstance(raw, str) and not raw.strip()):
        return None
    found = to_decimal(raw)
    if isinstance(found, int) and not isinstance(found, bool):
        found = Decimal(found)
    if not isinstance(found, Decimal) or not found.is_finite() or not _is_bearable(found):
        raise ValueError("expected a number")
    return found


def money(value: Decimal) -> str:
    """Return an amount with two decimals, or with more where rounding would take something away (scale 4 in 4.16)."""
    whole, _, rest = number(value).partition(".")
    return f"{whole}.{rest:0<2}"


def number(value: Decimal) -> str:
    """Return a number without zeros that say nothing."""
    text = f"{value:f}" if value else "0"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _is_bearable(value: Decimal) -> bool:
    """Tell whether arithmetic with it stays exact: no amount of 4.16 has more than 12 digits."""
    return len(value.as_tuple().digits) <= 20 and value.adjusted() < 15


def plain(raw: object) -> str:
    """Return text in one line, without what would not be printed."""
    text = "" if raw is None else format(raw, "f") if isinstance(raw, Decimal) else str(raw)
    kept = (" " if each in _BREAKS else each for each in text if each in _BREAKS or not _unprinted(each))
    return "".join(kept).strip()


def _unprinted(character: str) -> bool:
    return unicodedata.category(character) in _UNPRINTED


def shown(place: Place, raw: object, language: str) -> str:
    """Return a value as it stands on the sheet; what is not of its kind is shown as it came."""
    if place.kind in NUMERIC:
        try:
            value = amount(raw)
        except ValueError:
            return plain(raw)
        if value is None:
            return ""
        return money(value) if place.kind is Kind.MONEY else number(value)
    text = plain(raw)
    if place.kind is Kind.CODE:
        known = (code_tables()[name] for name in place.tables)
        return next((table.word(text, english=language == "en") for table in known if text in table.codes), text)
    return text
