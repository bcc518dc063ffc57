"""A settlement sheet of an invented person, as the adapter hands it over."""

from __future__ import annotations

import datetime
import io
from decimal import Decimal
from typing import Any

from pypdf import PdfReader

from service.sheets.model import Occasion, Sheet, build
from tests.people import identity_number

DAY = datetime.date(2026, 11, 21)
WHO = identity_number(3)
#: With a character of extension A, one that few fonts have, and the dot of Mongolian names.
NAME = "囍㐂·巴特尔"


def item(number: int, own: str = "4.5000", **more: Any) -> dict[str, Any]:
    return {
        "alc403": f"测试项目{number} Ⅱ级 5ml",
        "alc405": Decimal("2.0000"),
        "alc406": Decimal("22.0000"),
        "alc407": Decimal("44.0000"),
        "alc408": Decimal(own),
        "marktype": "5",
        **more,
    }


def members(count: int = 2, **more: Any) -> dict[str, Any]:
    rows = [item(number) for number in range(1, count + 1)]
    own = sum((row["alc408"] for row in rows), Decimal(0))
    return {
        "akc190": "ZY20261101007",
        "akb020name": "测试医院",
        "aac003": NAME,
        "aac002": WHO,
        "aac004": "2",
        "alc022": "右手第二指骨折",
        "aab301name": "霍林郭勒市",
        "alc020": "2026-06-22 09:10:00",
        "aka130": "21",
        "akc191": "7",
        "akc192": "2026-09-26",
        "akc194": "2026-09-30",
        "alc028": "S62.601",
        "akc196": "S62.602",
        "alc407sum": Decimal("79800.00"),
        "alc408sum": own,
        "jsdate": "2026-11-14 09:22:45",
        "jjin": Decimal("79800.00") - own,
        "ylaccounts": Decimal("1.2345"),
        "hsfbtje": Decimal("15.0000"),
        "akc666": "2",
        "akc667": "1",
        "kc22dto": rows,
        **more,
    }


def sheet(found: dict[str, Any] | None = None, **occasion: Any) -> Sheet:
    return build(
        members() if found is None else found, Occasion(DAY, **{"city": "通辽市", "clerk": "王测甲", **occasion})
    )


def pages(content: bytes) -> list[str]:
    """The text of each page."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]


def codes(found: Sheet) -> list[str]:
    return [each.code for each in found.warnings]
