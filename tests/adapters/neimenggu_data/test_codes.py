"""Code tables and regions: complete against the document's counts; traps of the document."""

from __future__ import annotations

import hashlib

from adapters.neimenggu.codes import code_tables
from adapters.neimenggu.regions import prefecture_of, regions

#: 002, 5.1: rows of each table in the document's order.
ROWS = {
    "AAC004": 2, "ALC027": 20, "ALC021": 3, "AKA130": 2, "AKA063": 53, "AKA065": 3, "ALC404": 3, "ALC060": 4,
    "AKC195": 5, "AAE116": 4, "ZKA020": 3, "AKA073": 13, "TCLB": 3, "ALA040": 16, "ALK022": 2, "AKC191": 2,
    "ALE021": 5, "JXZL": 2, "CLC004": 9, "ALC029": 5, "AKC175": 4, "AAA027": 17, "AKA1300": 2, "AAE100": 2,
    "AAE016": 3, "ALA491": 7, "ALA012": 3, "AAZ502": 6, "FILETYPE": 6, "AKC666": 3, "AKC667": 2,
}  # fmt: skip
IN_WORDS = {"ISNEWINJURE": 2, "ROLLTYPE": 2, "NOINJURY": 2, "SPREASON": 2, "RESULT": 2, "INVOICETYPE": 6}


def digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def test_all_214_rows_of_the_31_tables_stand_there() -> None:
    tables = code_tables()
    assert {name: len(table.codes) for name, table in tables.items()} == ROWS | IN_WORDS
    assert sum(ROWS.values()) == 214
    lines = [f"{name} {each.code} {each.zh}" for name in ROWS for each in tables[name].codes.values()]
    assert digest(lines) == "201cad3d0c8b9b89"  # taken from the document's rows


def test_every_code_has_words_in_both_languages() -> None:
    for table in code_tables().values():
        assert table.zh, table.name
        assert table.en.isascii(), table.name
        for each in table.codes.values():
            assert each.zh, (table.name, each.code)
            assert each.en.isascii(), (table.name, each.code)


def test_regions_in_aaa027_have_their_code_in_the_code_column() -> None:
    assert code_tables()["AAA027"].word("150100") == "呼和浩特市"
    assert all(code.isdigit() and len(code) == 6 for code in code_tables()["AAA027"].codes)


def test_a_zero_in_front_makes_another_code() -> None:
    injuries = code_tables()["ALC027"]
    assert (injuries.word("10"), injuries.word("010")) == ("职业中毒", "因公外出伤害")


def test_words_in_both_languages_and_a_code_of_no_table() -> None:
    assert code_tables()["AKC195"].word("2") == "转院"
    assert code_tables()["AKC195"].word("2", english=True) == "transferred"
    assert code_tables()["AKC195"].word("77") == "77"


def test_all_136_regions_stand_there() -> None:
    assert len(regions()) == 136
    assert digest([f"{code} {zh}" for code, zh in regions().items()]) == "0a2adf3ef1c2b67c"
    assert set(code_tables()["AAA027"].codes) - set(regions()) == {"159800"}


def test_the_prefecture_of_a_region() -> None:
    assert prefecture_of("150102") == "150100"
    assert prefecture_of("159400") == "159400"
    assert prefecture_of("320101") == ""
