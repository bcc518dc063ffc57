"""The settlement sheet as PDF: A4, fonts embedded, the head of the items on every page, page n of m."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.sheets.fonts import Fonts
from service.sheets.model import Sheet

#: Millimetres, sizes in points.
_LEFT, _TOP, _WIDTH, _BOTTOM = 12.0, 12.0, 186.0, 281.0
_POINT = 25.4 / 72
_SIZE, _LINE, _PAD = 9.0, 4.4, 1.2
#: Widths of the places of a row (form.PLACES).
_PLACES = (26.0, 36.0, 32.0, 34.0, 25.0, 33.0)
#: More lines than any member of 4.16 may fill; what is longer ends in an ellipsis and stands whole in the JSON.
_MOST_LINES = 40
_SHADE, _BLACK, _RED, _BROWN, _STAMP = 241, (0, 0, 0), (150, 0, 25), (122, 69, 0), (250, 228, 231)


@dataclass(frozen=True, slots=True)
class Box:
    """A cell: its width and text, and how it looks."""

    width: float
    text: str
    align: str = "left"
    shaded: bool = False


class _Document:
    """A sheet on its way to paper. Every page gets stamp and foot when all are there, since only then m is known."""

    def __init__(self, sheet: Sheet, fonts: Fonts) -> None:
        self._sheet, self._fonts = sheet, fonts
        from fpdf import FPDF  # half a second, which a service that prints nothing does not spend

        self._pdf = FPDF(format="A4", unit="mm")
        self._pdf.set_auto_page_break(False)
        for each in fonts.faces:
            self._pdf.add_font(each.name, fname=each.path)
        self._y = _TOP

    def made(self, day: datetime.date) -> bytes:
        """Return the whole document, dated by the day it is printed on."""
        sheet, pdf = self._sheet, self._pdf
        pdf.set_title(f"{sheet.title} {sheet.stay.text}")
        pdf.set_lang("en" if sheet.language == "en" else "zh-CN")
        pdf.set_creation_date(datetime.datetime.combine(day, datetime.time(), datetime.UTC))
        self._page()
        self._head()
        for block in sheet.blocks:
            self._heading(block.heading, _LINE * 2)
            for row in block.rows:
                boxes, at = [], 0
                for cell in row:
                    boxes.append(Box(_PLACES[at], cell.label, shaded=True))
                    wide = sum(_PLACES[at + 1 : at + 1 + cell.span])
                    boxes.append(Box(wide, cell.text, "right" if cell.right else "left"))
                    at += 1 + cell.span
                self._row(boxes)
            self._y += 2
        self._items()
        self._foot()
        self._number_pages()
        return bytes(pdf.output())

    # -- parts
    def _head(self) -> None:
        sheet = self._sheet
        for line in self._fonts.lines(sheet.title, 15 * _POINT, _WIDTH):
            self._text(line, 15, "middle", bold=True)
        self._y += 1.5
        colon = sheet.word("colon")
        self._text(f"{sheet.stay.label}{colon}{sheet.stay.text}", _SIZE, "left", step=False)
        self._text(sheet.unit, _SIZE, "right")
        self._y += 0.8
        self._framed([sheet.review_words], _BROWN if sheet.stamp else _BLACK)
        grave = [each.text for each in sheet.warnings if each.grave]
        if grave:
            self._framed([sheet.word("check"), *(f"· {each}" for each in grave)], _RED)
        for each in sheet.warnings:
            if not each.grave:
                self._framed([f"{sheet.word('note')}{colon}{each.text}"], _BLACK)

    def _items(self) -> None:
        sheet = self._sheet
        whole = sum(column.width for column in sheet.columns)
        widths = [_WIDTH * column.width / whole for column in sheet.columns]
        head = [Box(wide, column.label, "middle", True) for wide, column in zip(widths, sheet.columns, strict=True)]
        sides = ["right" if column.right else "left" for column in sheet.columns]
        sides[0] = "middle"
        self._heading(sheet.items_heading, self._tall(head) + 2 * _LINE)
        self._row(head)
        for row in (*sheet.items, *((sheet.totals,) if sheet.totals else ())):
            self._row([Box(*each) for each in zip(widths, row, sides, strict=True)], head)
        if not sheet.items:
            self._row([Box(_WIDTH, sheet.no_items, "middle")])

    def _foot(self) -> None:
        self._room(12)
        self._y += 5
        colon = self._sheet.word("colon")
        self._text(f"{self._sheet.word('clerk')}{colon}{self._sheet.clerk}", _SIZE, "left", step=False)
        self._text(f"{self._sheet.word('printed')}{colon}{self._sheet.printed_on}", _SIZE, "right")

    def _number_pages(self) -> None:
        pages = self._pdf.pages_count
        for number in range(1, pages + 1):
            self._pdf.page = number
            self._y = _BOTTOM + 4
            self._text(self._sheet.stay.text, 7.5, "left", step=False)
            self._text(self._sheet.word("page", page=number, pages=pages), 7.5, "right")

    # -- pieces
    def _page(self) -> None:
        self._pdf.add_page()
        self._y = _TOP
        if stamp := self._sheet.stamp:
            self._pdf.set_text_color(*_STAMP)
            wide = self._fonts.width(stamp, 60 * _POINT)
            with self._pdf.rotation(30, 105, 150):
                self._draw(stamp, 60, 105 - wide / 2, 158)
            self._pdf.set_text_color(*_BLACK)

    def _room(self, tall: float, head: Sequence[Box] = ()) -> None:
        """Begin a new page, with ``head`` on it, unless there is room for so much."""
        if self._y + tall > _BOTTOM:
            self._page()
            if head:
                self._row(head)

    def _heading(self, text: str, below: float) -> None:
        self._room(_LINE * 1.6 + below)
        self._y += 0.8
        self._text(text, 10, "left", bold=True)
        self._y += 0.6

    def _tall(self, boxes: Iterable[Box]) -> float:
        most = max(len(self._lines(box)) for box in boxes)
        return most * _LINE + 2 * _PAD * 0.6

    def _lines(self, box: Box) -> list[str]:
        found = self._fonts.lines(box.text, _SIZE * _POINT, box.width - 2 * _PAD)
        return found if len(found) <= _MOST_LINES else [*found[: _MOST_LINES - 1], "…"]

    def _row(self, boxes: Sequence[Box], head: Sequence[Box] = ()) -> None:
        tall, x = self._tall(boxes), _LEFT
        self._room(tall, head)
        self._pdf.set_draw_color(90)
        self._pdf.set_line_width(0.15)
        for box in boxes:
            if box.shaded:
                self._pdf.set_fill_color(_SHADE)
            self._pdf.rect(x, self._y, box.width, tall, style="DF" if box.shaded else "D")
            lines = self._lines(box)
            y = self._y + (tall - len(lines) * _LINE) / 2
            for number, line in enumerate(lines):
                self._line(line, _SIZE, box.align, x + _PAD, box.width - 2 * _PAD, y + number * _LINE + _LINE * 0.74)
            x += box.width
        self._y += tall

    def _framed(self, lines: Sequence[str], color: tuple[int, int, int]) -> None:
        cut = [part for line in lines for part in self._fonts.lines(line, _SIZE * _POINT, _WIDTH - 5)]
        tall = len(cut) * _LINE + 2 * _PAD
        self._room(tall)
        self._pdf.set_draw_color(*color)
        self._pdf.set_text_color(*color)
        self._pdf.set_line_width(0.4 if color == _RED else 0.2)
        self._pdf.rect(_LEFT, self._y, _WIDTH, tall)
        for number, line in enumerate(cut):
            self._line(line, _SIZE, "left", _LEFT + 2.5, _WIDTH, self._y + _PAD + number * _LINE + _LINE * 0.74)
        self._pdf.set_text_color(*_BLACK)
        self._y += tall + 1.5

    def _text(self, text: str, size: float, align: str, *, step: bool = True, bold: bool = False) -> None:
        """Write one line over the whole width; with ``step`` what follows stands below it."""
        tall = size * _POINT * 1.4
        if bold:
            with self._pdf.local_context(text_mode="FILL_STROKE", line_width=size * 0.005, draw_color=0):
                self._line(text, size, align, _LEFT, _WIDTH, self._y + tall * 0.74)
        else:
            self._line(text, size, align, _LEFT, _WIDTH, self._y + tall * 0.74)
        if step:
            self._y += tall

    def _line(self, text: str, size: float, align: str, x: float, room: float, base: float) -> None:
        spare = room - self._fonts.width(text, size * _POINT)
        self._draw(text, size, x + {"left": 0.0, "middle": spare / 2, "right": spare}[align], base)

    def _draw(self, text: str, size: float, x: float, base: float) -> None:
        for run in self._fonts.runs(text):
            self._pdf.set_font(run.face.name, size=size)
            self._pdf.text(x, base, run.text)
            x += self._fonts.width(run.text, size * _POINT)


def pdf(sheet: Sheet, more_fonts: Sequence[Path] = ()) -> bytes:
    """Return the sheet as a PDF file. It is work for a thread: about a second, most of it reading fonts.

    A character that neither the shipped fonts nor ``more_fonts`` have is shown as 〓, and the sheet says which.

    Raises:
        BadInput: one of ``more_fonts`` is no TrueType font.
    """
    fonts = Fonts(more_fonts)
    for text in sheet.texts():
        fonts.runs(text)
    if fonts.missing:
        sheet = sheet.noting("glyphs", characters=", ".join(f"U+{ord(each):04X}" for each in sorted(fonts.missing)))
    return _Document(sheet, fonts).made(datetime.date.fromisoformat(sheet.printed_on))
