"""The fonts of the PDF: which one has a character, how wide it is, and how a text is cut into lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

from fontTools.ttLib import TTFont, TTLibError

from engine.errors import BadInput

#: Asked in this order: Latin letters, digits and signs; Chinese. A site's own come after them.
SHIPPED = ("DejaVuSansCondensed.ttf", "DroidSansFallbackFull.ttf")
#: What stands for a character that no font has: the geta mark of Chinese and Japanese printers.
MISSING = "〓"
#: What does not begin a line, and what does not end one.
_NOT_FIRST = "，。、；：？！）】》”’%℃…"
_NOT_LAST = "（【《“‘"


@dataclass(frozen=True, slots=True)
class Face:
    """One font: its file, and the width of each character that it has, in thousandths of the size."""

    name: str
    path: Path
    widths: dict[int, float]


@cache
def face(path: Path) -> Face:
    """Return a font. Raises BadInput: the file cannot be read as TrueType."""
    try:
        with path.open("rb") as file, TTFont(file, lazy=True) as font:
            if "glyf" not in font:
                raise BadInput(f"{path}: expected a TrueType font (.ttf)", field="VISITFLOW_SHEET_FONTS")
            unit, advances = 1000 / font["head"].unitsPerEm, font["hmtx"].metrics
            widths = {code: advances[glyph][0] * unit for code, glyph in font.getBestCmap().items()}
    except (OSError, TTLibError) as error:
        raise BadInput(f"{path}: not a font: {error}", field="VISITFLOW_SHEET_FONTS") from None
    return Face(f"f{abs(hash(path))}", path, widths)


def shipped() -> tuple[Path, ...]:
    """Return the files of the fonts that come along."""
    return tuple(Path(__file__).with_name("fonts") / name for name in SHIPPED)


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text that one font has."""

    face: Face
    text: str


class Fonts:
    """All fonts of one document, and what was looked for in vain."""

    def __init__(self, more: Sequence[Path] = ()) -> None:
        self.faces = tuple(face(path) for path in (*shipped(), *more))
        self.missing: set[str] = set()
        self._found: dict[str, tuple[Face, str, float]] = {}

    def runs(self, text: str) -> list[Run]:
        """Return a text in pieces of one font each; a character that no font has becomes 〓."""
        drawn = (self._look(each) for each in text)
        return [Run(first, "".join(each[1] for each in group)) for first, group in groupby(drawn, lambda each: each[0])]

    def width(self, text: str, size: float) -> float:
        """Return the width of a text, in the unit of ``size``."""
        return sum(self._look(each)[2] for each in text) * size / 1000

    def lines(self, text: str, size: float, room: float) -> list[str]:
        """Return a text cut into lines of at most ``room``; between words where there are any, else anywhere."""
        found, line, wide = [], "", 0.0
        for piece in (part for whole in _pieces(text) for part in self._broken(whole, size, room)):
            if line and wide + self.width(piece.rstrip(), size) > room:
                found.append(line.rstrip())
                line, wide = "", 0.0
            line, wide = line + piece, wide + self.width(piece, size)
        return [*found, line.rstrip()]

    def _broken(self, piece: str, size: float, room: float) -> Iterator[str]:
        """Yield a piece, cut into characters when it is wider than a line of its own."""
        yield from (piece,) if self.width(piece, size) <= room else piece

    def _look(self, character: str) -> tuple[Face, str, float]:
        found = self._found.get(character)
        if found is None:
            found = self._found[character] = self._search(character)
        return found

    def _search(self, character: str) -> tuple[Face, str, float]:
        for each in self.faces:
            if (width := each.widths.get(ord(character))) is not None:
                return each, character, width
        if character == MISSING:
            raise LookupError("no font has the mark for missing characters")
        self.missing.add(character)
        found, _, width = self._look(MISSING)
        return found, MISSING, width


def _pieces(text: str) -> Iterator[str]:
    """Yield what must not be cut: words with the blank behind them, Chinese characters with their punctuation."""
    piece = ""
    for each in text:
        if piece and _may_cut(piece[-1], each):
            yield piece
            piece = ""
        piece += each
    if piece:
        yield piece


def _may_cut(before: str, after: str) -> bool:
    if before in _NOT_LAST or after in _NOT_FIRST or after == " ":
        return False
    return before == " " or _is_wide(before) or _is_wide(after)


def _is_wide(character: str) -> bool:
    return character >= "⺀"
