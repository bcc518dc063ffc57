"""One settlement sheet, ready to be laid out: every text that stands on it, in one language."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from service.sheets.checks import Finding, Ours, findings, items_of, total_of
from service.sheets.form import NUMERIC, Column, Form, Place, form
from service.sheets.showing import money, plain, shown


class Review(StrEnum):
    """How far the amounts are settled."""

    PRELIMINARY = "preliminary"  #: akc667 is 0
    UNKNOWN = "unknown"  #: the centre does not say
    REVIEWED = "reviewed"  #: akc667 is 1
    OFFSITE = "offsite"  #: no review is waited for (3.6), and the application is submitted


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a sheet does not say of itself: when, by whom, in which language it is printed, what the visit knows."""

    printed_on: datetime.date
    language: str = "zh"
    city: str = ""  #: as it stands in the title: 呼和浩特市, 兴安盟
    clerk: str = ""
    final_offsite: bool = False  #: an offsite stay whose amounts will not change any more
    ours: Ours = field(default_factory=Ours)


@dataclass(frozen=True, slots=True)
class Shown:
    """A label and what stands beside it."""

    label: str
    text: str
    member: str = ""
    span: int = 1
    right: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A section."""

    heading: str
    rows: tuple[tuple[Shown, ...], ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column of the items; ``width`` in parts of the sum of all."""

    label: str
    width: int
    right: bool


@dataclass(frozen=True, slots=True)
class Warned:
    """Something wrong, in words; ``grave``: nobody should settle by this sheet."""

    code: str
    text: str
    grave: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything that is laid out. ``totals`` stands below ``items``, one text a column."""

    language: str
    title: str
    stay: Shown
    unit: str
    review: Review
    review_words: str
    stamp: str
    blocks: tuple[Block, ...]
    items_heading: str
    columns: tuple[Heading, ...]
    items: tuple[tuple[str, ...], ...]
    totals: tuple[str, ...]
    no_items: str
    warnings: tuple[Warned, ...]
    clerk: str
    printed_on: str

    @property
    def adds_up(self) -> bool:
        """Tell whether nothing speaks against settling by this sheet."""
        return not any(each.grave for each in self.warnings)

    def texts(self) -> Iterator[str]:
        """Yield everything that comes from outside."""
        yield from (self.title, self.stay.text, self.clerk)
        yield from (each.text for block in self.blocks for row in block.rows for each in row)
        yield from (text for row in self.items for text in row)

    def noting(self, code: str, **values: str) -> Self:
        """Return the sheet with one more note."""
        text = form().warnings[code].said(self.language).format(**values)
        return replace(self, warnings=(*self.warnings, Warned(code, text, grave=False)))

    def word(self, name: str, **values: object) -> str:
        """Return one of the form's own words."""
        return form().words[name].said(self.language).format(**values)


def build(members: Mapping[str, Any], occasion: Occasion) -> Sheet:
    """Return the sheet for a ``kc21dto`` of 4.16; amounts may be Decimal or text, anything may be missing."""
    made, language = form(), occasion.language
    rows = items_of(members)
    review = review_of(members, occasion.final_offsite)
    words = made.reviews[review]
    return Sheet(
        language=language,
        title=" ".join(made.title.said(language).format(city=plain(occasion.city)).split()),
        stay=_shown(made.number, members, language),
        unit=made.unit.said(language),
        review=review,
        review_words=words.said(language),
        stamp=words.stamp.said(language) if words.stamp else "",
        blocks=tuple(
            Block(
                section.said(language),
                tuple(tuple(_shown(cell, members, language, cell.span) for cell in row) for row in section.rows),
            )
            for section in made.sections
        ),
        items_heading=made.items.said(language),
        columns=tuple(Heading(each.said(language), each.width, each.kind in NUMERIC) for each in made.items.columns),
        items=tuple(
            tuple(_item(column, number, row, language) for column in made.items.columns)
            for number, row in enumerate(rows, 1)
        ),
        totals=_totals(made, rows, language),
        no_items=made.items.none.said(language),
        warnings=tuple(warned(made, each, language) for each in findings(made, members, occasion.ours)),
        clerk=plain(occasion.clerk),
        printed_on=occasion.printed_on.isoformat(),
    )


def review_of(members: Mapping[str, Any], final_offsite: bool) -> Review:
    """Return how far the amounts are settled (N87)."""
    told = str(members.get("akc667") or "")
    if told == "1":
        return Review.REVIEWED
    if final_offsite:
        return Review.OFFSITE
    return Review.PRELIMINARY if told == "0" else Review.UNKNOWN


def warned(made: Form, finding: Finding, language: str) -> Warned:
    """Return a finding in words."""
    labels = ("、" if language == "zh" else ", ").join(made.label(name, language) for name in finding.members)
    text = made.warnings[finding.code].said(language)
    amounts = {
        "expected": "" if finding.expected is None else money(finding.expected),
        "actual": "" if finding.actual is None else money(finding.actual),
    }
    return Warned(finding.code, text.format(member=labels, members=labels, **amounts), finding.grave)


def _shown(place: Place, members: Mapping[str, Any], language: str, span: int = 1) -> Shown:
    text = shown(place, members.get(place.member), language)
    return Shown(place.said(language), text, place.member, span, place.kind in NUMERIC)


def _item(column: Column, number: int, row: Mapping[str, Any], language: str) -> str:
    return shown(column, row.get(column.member), language) if column.member else str(number)


def _totals(made: Form, rows: Sequence[Mapping[str, Any]], language: str) -> tuple[str, ...]:
    if not rows:
        return ()
    found = [money(total_of(rows, column.member)) if column.total else "" for column in made.items.columns]
    found[1] = made.items.total.said(language)
    return tuple(found)
