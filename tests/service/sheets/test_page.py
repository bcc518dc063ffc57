"""The page to print: escaped, alone, in both languages."""

from __future__ import annotations

import re

import pytest

from service.sheets.page import page
from tests.service.sheets.example import NAME, item, members, sheet

BAD = '<script>alert("x")</script>&\'"'


def test_whatever_comes_from_outside_is_escaped() -> None:
    found = members(1, aac003=BAD, akc190=BAD, akb020name="{{ 7*7 }}", kc22dto=[item(1, alc403=BAD, marktype=BAD)])
    shown = page(sheet(found, city=BAD, clerk=BAD))
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "{{ 7*7 }}" in shown
    assert shown.count(BAD) == 0


def test_it_loads_nothing_and_runs_nothing() -> None:
    shown = page(sheet())
    assert not re.search(r"https?:|<script|<link|@import|url\(|<img|\son\w+=", shown)
    assert re.findall(r'href="([^"]+)"', shown) == ["?format=pdf&amp;lang=zh", "?lang=en"]


def test_it_is_made_to_be_printed() -> None:
    shown = page(sheet())
    assert "size: A4" in shown
    assert "@media print" in shown
    assert "table-header-group" in shown
    assert 'content: "第 " counter(page) " 页 / 共 " counter(pages) " 页";' in shown
    assert 'class="right">79800.00<' in shown


@pytest.mark.parametrize(("language", "told"), [("zh", "医疗费发生金额"), ("en", "Total fees")])
def test_both_languages(language: str, told: str) -> None:
    shown = page(sheet(language=language))
    assert told in shown
    assert NAME in shown
    assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in shown


def test_warnings_and_review_stand_on_the_page() -> None:
    assert 'role="alert"' not in page(sheet())
    assert 'class="stamp"' not in page(sheet())
    wrong = page(sheet(members(akc667="0", jjin="1")))
    assert 'role="alert"' in wrong
    assert "79800.00 与基金支付加自付 10.00 不一致" in wrong
    assert 'class="stamp"' in wrong
    assert "结算单缺少：姓名" in page(sheet(members(aac003="")))
    assert "无自付项目" in page(sheet(members(0)))
