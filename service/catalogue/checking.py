"""From rows to entries: every cell checked, every problem named with its line, nothing thrown away in silence."""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from adapters.neimenggu.codes import code_tables
from engine.errors import BadInput
from service.catalogue.layout import CODE, VALID_FROM, VALID_TO, Column, Layout
from service.catalogue.table import Row, decoded, rows
from storage.books import ALWAYS_FROM, ALWAYS_TO, Entry

_DATE = re.compile(r"(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})(?: 00?:00(?::00)?)?")
#: What a spreadsheet makes of a long number.
_SHORTENED = re.compile(r"\d(\.\d+)?[Ee]\+\d+")
_DECIMALS, _DIGITS = 6, 16
#: How many rows go by between two reports of progress.
STRIDE = 5000


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one row."""

    line: int
    field: str
    message: str


@dataclass(slots=True)
class Checked:
    """What a file came to. ``entries`` are the good rows."""

    rows: int = 0
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class _Bad(Exception):
    """A cell or row is no good."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def read_catalogue(content: bytes, layout: Layout, progress: Callable[[int], None] = lambda _rows: None) -> Checked:
    """Read a CSV into entries and problems.

    Raises:
        BadInput: it cannot be read as a table at all, or its header is no good; nothing can be said of its rows.
    """
    table = rows(decoded(content))
    header = next(table, None)
    if header is None:
        raise BadInput("the file is empty", field="file")
    columns = _columns(header, layout)
    checked, lines = Checked(), _Periods()
    for row in table:
        checked.rows += 1
        try:
            entry = _entry(_cells(row, columns), layout)
            lines.add(entry, row.line)
        except _Bad as bad:
            checked.problems.append(Problem(row.line, bad.column, str(bad)))
        else:
            checked.entries.append(entry)
        if checked.rows % STRIDE == 0:
            progress(checked.rows)
    if checked.rows == 0:
        raise BadInput("there is a header and no row", field="file")
    return checked


def _columns(header: Row, layout: Layout) -> list[Column]:
    found: list[Column] = []
    for cell in header.cells:
        column = layout.column(cell)
        if column is None:
            known = [name for each in layout.columns for name in (each.zh, each.name)]
            near = difflib.get_close_matches(cell, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
            raise BadInput(f"line {header.line}: unknown column {cell!r}{hint}", field="file", line=header.line)
        if column in found:
            raise BadInput(f"line {header.line}: {column.zh} stands twice", field="file", line=header.line)
        found.append(column)
    missing = [each.zh for each in layout.columns if each.required == "always" and each not in found]
    if missing:
        raise BadInput(f"line {header.line}: missing columns: {', '.join(missing)}", field="file", line=header.line)
    return found


def _cells(row: Row, columns: list[Column]) -> dict[str, str]:
    if any(row.cells[len(columns) :]):
        raise _Bad("", f"{len(row.cells)} cells, the header has {len(columns)}: is a comma in a name without quotes?")
    return {column.name: cell for column, cell in zip(columns, row.cells, strict=False) if cell}


def _entry(cells: Mapping[str, str], layout: Layout) -> Entry:
    content = {column.name: _value(column, cells[column.name]) for column in layout.columns if column.name in cells}
    beside = layout.off_catalogue.get(content.get("alc402", ""))
    for column in layout.columns:
        if column.name not in content and (derived := _derived(column, content)):
            content[column.name] = derived
        if column.name not in content and _is_required(column, beside is not None):
            raise _Bad(column.name, f"{column.zh} is missing")
    for name, expected in (beside or {}).items():
        if content[name] != expected:
            raise _Bad(name, f"expected {expected} beside {content['alc402']}, got {content[name]}")
    begins, ends = content.pop(VALID_FROM, ALWAYS_FROM), content.pop(VALID_TO, ALWAYS_TO)
    if begins > ends:
        raise _Bad(VALID_TO, f"ends on {ends}, before it begins on {begins}")
    code = content.pop(CODE)
    full = {column.name: content.get(column.name, "") for column in layout.columns}
    return Entry(code, {name: full[name] for name in full if name not in (CODE, VALID_FROM, VALID_TO)}, begins, ends)


def _is_required(column: Column, off_catalogue: bool) -> bool:
    return column.required in {"always", "off_catalogue" if off_catalogue else "not_off_catalogue"}


def _derived(column: Column, content: Mapping[str, str]) -> str:
    for other, values in column.derived.items():
        if found := values.get(content.get(other, "")):
            return found
    return ""


def _value(column: Column, cell: str) -> str:
    """Return a cell as it is kept. Raises _Bad."""
    if column.kind == "date":
        return _date(column, cell)
    if column.kind == "price":
        return _price(column, cell)
    if column.table:
        return _code(column, cell)
    if _SHORTENED.fullmatch(cell):
        raise _Bad(column.name, f"{cell}: the spreadsheet shortened a number; make the column text and export again")
    if len(cell) > column.length:
        raise _Bad(column.name, f"{len(cell)} characters, expected at most {column.length}")
    if not cell.isprintable():
        raise _Bad(column.name, "holds a character that cannot be printed")
    return cell


def _code(column: Column, cell: str) -> str:
    table = code_tables()[column.table]
    if cell in table.codes:
        return cell
    by_word = [code.code for code in table.codes.values() if code.zh == cell]
    if len(by_word) == 1:
        return by_word[0]
    padded = [code for code in table.codes if code.lstrip("0") == cell.lstrip("0")]
    hint = f"; {padded[0]} has lost its zero in a spreadsheet" if cell.isdecimal() and padded else ""
    raise _Bad(column.name, f"{cell} is not in {column.table} ({table.zh}){hint}")


def _date(column: Column, cell: str) -> str:
    found = _DATE.fullmatch(cell)
    try:
        if found is not None:
            return datetime.date(*map(int, found.groups())).isoformat()
    except ValueError:
        pass
    raise _Bad(column.name, f"{cell}: expected a date such as 2026-01-31")


def _price(column: Column, cell: str) -> str:
    try:
        price = Decimal(cell)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or price < 0:
        raise _Bad(column.name, f"{cell}: expected a price such as 12.5")
    _sign, digits, exponent = price.as_tuple()
    if not isinstance(exponent, int) or exponent < -_DECIMALS or len(digits) + max(exponent, 0) > _DIGITS:
        raise _Bad(column.name, f"{cell}: expected at most {_DECIMALS} decimals and {_DIGITS} digits")
    return format(price, "f")


class _Periods:
    """Which times of which items are taken, and by which line."""

    def __init__(self) -> None:
        self._taken: dict[str, list[tuple[str, str, int]]] = {}

    def add(self, entry: Entry, line: int) -> None:
        """Take an entry's time. Raises _Bad when another line has some of it."""
        taken = self._taken.setdefault(entry.code, [])
        for begins, ends, other in taken:
            if entry.valid_from <= ends and begins <= entry.valid_to:
                raise _Bad(CODE, f"{entry.code} is on line {other} already, for some of the same days")
        taken.append((entry.valid_from, entry.valid_to, line))
