"""A CSV as hospitals export it: UTF-8 with or without BOM, or GBK; commas, tabs or semicolons; rows and their lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.errors import BadInput

#: In this order: GB 18030 reads nearly everything, also what is no Chinese at all.
ENCODINGS = ("utf-8-sig", "gb18030")
_SEPARATORS = ",\t;"
_NOT_TEXT = {b"PK\x03\x04": "an Excel workbook", b"\xd0\xcf\x11\xe0": "an old Excel workbook"}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Row:
    """One row and the line on which it begins, counted from 1 with the header."""

    line: int
    cells: Sequence[str]


def decoded(content: bytes) -> str:
    """Return the text of a file. Raises BadInput, naming the way out."""
    for begins, what in _NOT_TEXT.items():
        if content.startswith(begins):
            raise BadInput(f"this is {what}: save it as CSV (另存为 CSV UTF-8) and import that", field="file")
    if content.startswith(_UTF_16):
        raise BadInput("this is UTF-16: save it as CSV UTF-8 and import that", field="file")
    for encoding in ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        return text
    raise BadInput("this is neither UTF-8 nor GBK text: save it as CSV UTF-8 and import that", field="file")


def rows(text: str) -> Iterator[Row]:
    """Yield the rows of a table that are not blank. Raises BadInput with the line: a quote that never ends."""
    first = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            message = f"line {line}: {error}; quotes inside a cell are written twice"
            raise BadInput(message, field="file", line=line) from None
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield Row(line, [cell.strip() for cell in cells])
        line = reader.line_num + 1
