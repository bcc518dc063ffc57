"""The settlement sheet for programs: the members as they came, and what the sheet says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.facts import normalise
from service.sheets.model import Sheet


def sheet_view(sheet: Sheet, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``{"title", "stay", "review", "adds_up", "warnings", "members", "shown", "items", "totals", ...}``.

    ``members`` is the centre's ``kc21dto`` with amounts as text; ``shown`` and ``items`` are the words of the form.
    """
    labels = [column.label for column in sheet.columns]
    return {
        "title": sheet.title,
        "stay": sheet.stay.text,
        "review": sheet.review.value,
        "review_words": sheet.review_words,
        "adds_up": sheet.adds_up,
        "warnings": [{"code": each.code, "grave": each.grave, "text": each.text} for each in sheet.warnings],
        "shown": [
            {"section": block.heading, "label": each.label, "member": each.member, "text": each.text}
            for block in sheet.blocks
            for row in block.rows
            for each in row
        ],
        "items": [dict(zip(labels, row, strict=True)) for row in sheet.items],
        "totals": {label: text for label, text in zip(labels[2:], sheet.totals[2:], strict=False) if text},
        "clerk": sheet.clerk,
        "printed_on": sheet.printed_on,
        "members": normalise(dict(members)),
    }
