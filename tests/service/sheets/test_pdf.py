"""The PDF, read back: names, amounts, pages, fonts; and how lines are cut."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from pypdf import PdfReader

from engine.errors import BadInput
from service.sheets.fonts import Fonts, shipped
from service.sheets.pdf import pdf
from tests.service.sheets.example import NAME, WHO, item, members, pages, sheet


def test_names_amounts_and_codes_survive() -> None:
    (text,) = pages(pdf(sheet()))
    for each in (NAME, WHO, "79800.00", "79791.00", "1.2345", "超价格服务标准", "测试项目2 Ⅱ级 5ml", "王测甲"):
        assert each in text
    assert "通辽市工伤保险医疗费结算单" in text
    assert "第 1 页 / 共 1 页" in text
    assert "打印日期：2026-11-21" in text
    assert "社保已审核" in text
    assert "未" not in text


def test_in_english() -> None:
    (text,) = pages(pdf(sheet(language="en")))
    for each in (
        "Settlement sheet of medical fees",
        NAME,
        "Paid by the fund",
        "price above the standard",
        "Page 1 of 1",
    ):
        assert each in text


def test_many_items_fill_pages_each_with_the_head_and_its_number() -> None:
    found = pages(pdf(sheet(members(150, akc667="0"))))
    assert len(found) > 2
    for number, text in enumerate(found, 1):
        assert text.count("项目名称") == 1
        assert f"第 {number} 页 / 共 {len(found)} 页" in text
        assert "未 审 核" in text  # on every page, so that none goes astray as final
    whole = "\n".join(found)
    for number in (1, 75, 150):
        assert whole.count(f"测试项目{number} ") == 1
    assert "合计 6600.00 675.00" in re.sub(r"\s+", " ", found[-1])
    assert whole.count("经办人") == 1


def test_all_fonts_are_embedded_as_subsets() -> None:
    content = pdf(sheet())
    fonts = PdfReader(io.BytesIO(content)).pages[0]["/Resources"]["/Font"]
    for each in fonts.values():
        descriptor = each.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        assert "/FontFile2" in descriptor
    assert len(content) < 100_000


def test_disagreeing_sums_are_printed_on_the_sheet() -> None:
    (text,) = pages(pdf(sheet(members(jjin="1.00"))))
    assert "核对不一致，请勿据此结算" in text
    assert "79800.00" in text
    assert "10.00" in text


def test_a_character_that_no_font_has_is_marked_and_named() -> None:
    (text,) = pages(pdf(sheet(members(aac003="测𬭳"))))
    assert "测〓" in text
    assert "U+2CB73" in text


def test_a_site_may_bring_more_fonts(tmp_path: Path) -> None:
    assert len(Fonts([shipped()[0]]).faces) == 3
    wrong = tmp_path / "font.ttf"
    wrong.write_bytes(b"no font")
    with pytest.raises(BadInput, match="not a font"):
        pdf(sheet(), [wrong])
    with pytest.raises(BadInput, match="not a font"):
        pdf(sheet(), [tmp_path / "absent.ttf"])


def test_a_cell_of_endless_text_does_not_run_off_the_paper() -> None:
    found = pages(pdf(sheet(members(kc22dto=[item(1, "9.00", alc403="长" * 5000)]))))
    assert len(found) < 4
    assert any("…" in text for text in found)


def test_no_items() -> None:
    assert "无自付项目" in pages(pdf(sheet(members(0))))[0]


FONTS = Fonts()


def cut(text: str, characters: float) -> list[str]:
    """Cut to the width of so many Chinese characters."""
    return FONTS.lines(text, 10, 10 * characters)


def test_lines_are_cut_where_they_may_be() -> None:
    assert cut("", 5) == [""]
    assert cut("一二三四五六七", 3) == ["一二三", "四五六", "七"]
    assert cut("一二三，四五", 3) == ["一二", "三，四", "五"]  # a comma does not begin a line
    assert cut("一二（三四", 3) == ["一二", "（三四"]  # a bracket does not end one
    assert cut("注射用 ceftriaxone", 6) == ["注射用", "ceftriaxone"]
    assert "".join(cut("W" * 40, 3)) == "W" * 40
    assert all(FONTS.width(line, 10) <= 30 for line in cut("W" * 40 + "一二三四", 3))


def test_nothing_is_lost_by_cutting() -> None:
    text = "注射用头孢曲松钠（国产） 1.0g×10支/盒，Ⅱ类：每次 2 支"
    for width in range(1, 30):
        assert "".join(cut(text, width)).replace(" ", "") == text.replace(" ", "")
