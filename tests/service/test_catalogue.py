"""Catalogues: reading what hospitals export, naming every bad row, replacing the whole at once."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adapters.neimenggu.contracts import contracts
from engine.environment import HOUR, SystemEnvironment, time_ordered_id
from engine.errors import BadInput, VisitBusy
from service.catalogue.checking import Checked, read_catalogue
from service.catalogue.errors import NotInCatalogue
from service.catalogue.importing import compare, replace, version_of
from service.catalogue.layout import layout, layouts
from service.cli import app
from storage import CatalogueHead, Entry, memory_books, upgrade
from storage.memory_books import MemoryCatalogueBook
from tests.conftest import TEST_KEY
from tests.jiangsu import ROOT

HEADER = "医院项目编码,医院项目名称,中心项目编码,中心项目名称,种类,收费类别,收费项目等级,版本号,限价,生效日期,失效日期"
GOOD = "YP1,本院名,XA01,中心名,药品,11,甲类,1,12.50,2026-01-01,"
#: A row of the neimenggu catalogue by column, to be changed in one place.
CELLS = dict(zip(HEADER.split(","), GOOD.split(","), strict=True))


def read(*rows: str, header: str = HEADER) -> Checked:
    return read_catalogue("\n".join([header, *rows]).encode(), layout("neimenggu"))


def row(**changes: str) -> str:
    return ",".join((CELLS | changes).values())


def the_entry(text: str) -> Entry:
    checked = read(text)
    assert checked.problems == []
    return checked.entries[0]


def problem(text: str) -> tuple[int, str, str]:
    checked = read(text)
    assert (checked.entries, len(checked.problems)) == ([], 1)
    found = checked.problems[0]
    return found.line, found.field, found.message


def test_a_row_becomes_an_entry_with_every_field() -> None:
    entry = the_entry(GOOD)
    assert (entry.code, entry.valid_from, entry.valid_to) == ("YP1", "2026-01-01", "9999-12-31")
    assert entry.content == {
        "hospital_name": "本院名",
        "alc402": "XA01",
        "alc403": "中心名",
        "alc404": "0",
        "aka063": "11",
        "aka065": "1",
        "vmed": "1",
        "ala012": "02",
        "price_limit": "12.50",
        "aka070": "",
        "zka100": "",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_encodings_line_ends_and_separators(encoding: str, line_end: str, separator: str) -> None:
    text = line_end.join([HEADER, GOOD, "", GOOD.replace("YP1", "YP2")]).replace(",", separator)
    checked = read_catalogue(text.encode(encoding), layout("neimenggu"))
    assert (checked.problems, checked.rows) == ([], 2)
    assert [each.content["alc403"] for each in checked.entries] == ["中心名", "中心名"]


def test_headers_in_english_and_as_the_document_names_them() -> None:
    chinese = the_entry(GOOD)
    columns = {each.zh: each for each in layout("neimenggu").columns}
    for names in ([columns[each].en for each in CELLS], [f" *{columns[each].name.upper()} " for each in CELLS]):
        assert read(GOOD, header=",".join(names)).entries == [chinese]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"PK\x03\x04...", "save it as CSV"),
        (b"\xd0\xcf\x11\xe0...", "save it as CSV"),
        ("医院".encode("utf-16"), "UTF-16"),
        (b"\xff\xff\xff", "neither UTF-8 nor GBK"),
        (b"a\x00b", "neither UTF-8 nor GBK"),
        (HEADER.encode(), "no row"),
        (f'{HEADER}\n"abc\n'.encode(), "line 2"),
        (f"{HEADER},限价\n{GOOD},1".encode(), "stands twice"),
        (f"{HEADER},收费类型\n{GOOD},1".encode(), "did you mean 收费类别?"),
        (f"{HEADER},zzz\n{GOOD},1".encode(), "known: 医院项目编码"),
        (b"hospital code,kind\n1,2", "missing columns: 中心项目编码, 中心项目名称"),
    ],
)
def test_what_is_no_catalogue_at_all(content: bytes, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_catalogue(content, layout("neimenggu"))
    assert told in caught.value.message
    assert caught.value.field == "file"


@pytest.mark.parametrize(
    ("column", "cell", "field", "told"),
    [
        ("医院项目编码", "", "hospital_code", "医院项目编码 is missing"),
        ("医院项目编码", "x" * 31, "hospital_code", "at most 30"),
        ("医院项目编码", "1.23E+15", "hospital_code", "shortened"),
        ("种类", "2", "alc404", "2 is not in ALC404 (种类)"),
        ("种类", "中药", "alc404", "not in ALC404"),
        ("收费类别", "0", "aka063", "00 has lost its zero"),
        ("收费项目等级", "丙类", "aka065", "not in AKA065"),
        ("版本号", "", "vmed", "版本号 is missing"),
        ("限价", "-1", "price_limit", "expected a price"),
        ("限价", "NaN", "price_limit", "expected a price"),
        ("限价", "面议", "price_limit", "expected a price"),
        ("限价", "0.1234567", "price_limit", "6 decimals"),
        ("限价", "12345678901234567", "price_limit", "16 digits"),
        ("生效日期", "2026-02-30", "valid_from", "expected a date"),
        ("失效日期", "明年", "valid_to", "expected a date"),
        ("失效日期", "2025-12-31", "valid_to", "before it begins"),
        ("中心项目编码", "SZFYP999", "aka065", "expected 3 beside SZFYP999, got 1"),
    ],
)
def test_a_bad_cell_is_named_with_line_and_column(column: str, cell: str, field: str, told: str) -> None:
    line, name, message = problem(row(**{column: cell}))
    assert (line, name) == (2, field)
    assert told in message


def test_the_self_paid_codes_need_a_category_and_no_version() -> None:
    changes = {"中心项目编码": "SZFZL999", "种类": "1", "收费项目等级": "自费", "版本号": ""}
    assert the_entry(row(**changes)).content["vmed"] == ""
    assert problem(row(**changes, 收费类别=""))[1] == "aka063"
    assert problem(row(**(changes | {"种类": "0"})))[1] == "alc404"
    assert the_entry(row(收费类别="", 收费项目等级="")).content["aka063"] == ""


@pytest.mark.parametrize("day", ["2026-1-5", "2026/01/05", "20260105", "2026.1.5", "2026/1/5 0:00"])
def test_dates_as_spreadsheets_write_them(day: str) -> None:
    assert the_entry(row(生效日期=day)).valid_from == "2026-01-05"


def test_every_bad_row_is_told_and_lines_are_counted_across_line_breaks() -> None:
    checked = read(
        row(中心项目名称='"two\nlines"'), GOOD, row(医院项目编码="YP2", 种类="x"), f"{GOOD},one,more", "", GOOD
    )
    assert checked.rows == 5
    assert [(each.line, each.field) for each in checked.problems] == [
        (2, "alc403"),
        (5, "alc404"),
        (6, ""),
        (8, "hospital_code"),
    ]
    assert "line 4 already" in checked.problems[-1].message


def test_one_item_may_stand_twice_for_other_days() -> None:
    first, second = row(失效日期="2026-06-30"), row(生效日期="2026-07-01")
    assert len(read(first, second).entries) == 2
    assert len(read(first, row(生效日期="2026-06-30")).problems) == 1


def test_progress_is_told_on_long_imports() -> None:
    told: list[int] = []
    text = "\n".join([HEADER, *(row(医院项目编码=f"YP{number}") for number in range(10_001))])
    assert read_catalogue(text.encode(), layout("neimenggu"), told.append).rows == 10_001
    assert told == [5000, 10_000]


def test_lengths_and_tables_are_those_of_what_is_sent() -> None:
    sent = {member.name: member for member in contracts()["upload_lines"].request.members[2].shape.members}  # type: ignore[union-attr]
    offsite = {member.name: member for member in contracts()["upload_offsite_lines"].request.members[2].shape.members}  # type: ignore[union-attr]
    compared = 0
    for column in layout("neimenggu").columns:
        member = sent.get(column.name) or offsite.get(column.name)
        if member is not None and (member.size or member.table):
            assert (column.length if member.size else column.table) == (member.size[0] if member.size else member.table)
            compared += 1
    assert compared >= 8
    assert layout("neimenggu").column("akc515").length == sent["akc515"].size[0]  # type: ignore[union-attr]


def test_every_column_is_in_the_manual() -> None:
    manual = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for column in layout("neimenggu").columns:
        assert f"| {column.zh} | {column.en} | `{column.name}`" in manual


def test_all_shipped_layouts_can_be_read() -> None:
    assert layouts() == ["neimenggu"]
    with pytest.raises(BadInput, match="neimenggu"):
        layout("../neimenggu")


# -- comparing and replacing
def entry(code: str, ends: str = "9999-12-31", **content: str) -> Entry:
    return Entry(code, content, "2026-01-01", ends)


def test_a_comparison_names_what_is_added_changed_and_removed() -> None:
    old = [entry("A", vmed="1"), entry("B", vmed="1"), entry("C", vmed="1"), entry("D")]
    new = [entry("A", vmed="1"), entry("B", vmed="2", x="y"), entry("C", "2026-12-31", vmed="1"), entry("E")]
    found = compare(old, new)
    assert [code for code, _ in found.added] == ["E"]
    assert {code: fields for (code, _), fields in found.changed.items()} == {"B": ("vmed", "x"), "C": ("valid_to",)}
    assert [code for code, _ in found.removed] == ["D"]
    assert found.unchanged == 1
    assert not compare(old, list(reversed(old)))


def test_a_version_says_what_is_in_it() -> None:
    assert version_of([entry("A"), entry("B")]) == version_of([entry("B"), entry("A")])
    assert version_of([entry("A", vmed="1")]) != version_of([entry("A", vmed="2")])


async def test_an_import_that_was_broken_off_is_taken_away_by_a_later_one() -> None:
    book, environment = memory_books().catalogue, SystemEnvironment()
    old = time_ordered_id(environment.now() - 2 * HOUR, 0)
    young = time_ordered_id(environment.now() - HOUR // 2, 0)
    for generation in (old, young):
        await book.write(generation, [entry("X")])
    await replace(book, environment, "neimenggu", "v1", [entry("A")], "wang")
    assert await book.forgotten("z") == [young]  # that one may still be under way
    await replace(book, environment, "neimenggu", "v2", [entry("B")], "wang")
    assert [each.code for each in await book.entries("neimenggu")] == ["B"]
    assert await book.forgotten("z") == [young]


class _Overtaken(MemoryCatalogueBook):
    async def write(self, generation: str, entries: Any) -> None:
        await super().write(generation, entries)
        if await self.head("neimenggu") is None:
            await super().write("other", [entry("O")])
            assert await self.stand(CatalogueHead("neimenggu", "other", "other", 1, 0, "li"), None)


async def test_of_two_imports_at_once_the_later_is_told_and_leaves_nothing() -> None:
    book = _Overtaken()
    with pytest.raises(VisitBusy, match="another import"):
        await replace(book, SystemEnvironment(), "neimenggu", "v1", [entry("A")], "wang")
    assert await book.version("neimenggu") == "other"
    assert await book.forgotten("z") == []


# -- the command line
@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'visitflow.db'}"
    upgrade(url)
    for name, value in {"STORE": url, "EXCHANGE_KEYS": TEST_KEY, "SITE": str(ROOT / "flows.yaml")}.items():
        monkeypatch.setenv(f"VISITFLOW_{name}", value)
    return tmp_path


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["catalogue", *words], catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == code, done.output
    return done.stdout


def file(home: Path, *rows: str, name: str = "items.csv") -> str:
    (home / name).write_text("\n".join([HEADER, *rows]), encoding="utf-8-sig")
    return name


def test_a_catalogue_is_imported_shown_changed_and_exported(home: Path) -> None:
    items = file(home, GOOD, row(医院项目编码="YP2"), row(医院项目编码="YP3"))
    tried = json.loads(run("import", items, "--dry-run", "--json"))
    assert (tried["imported"], tried["difference"]["counts"]["added"]) == (False, 3)
    assert json.loads(run("show", "--json")) == []
    assert "尚未导入" in run("show")
    made = json.loads(run("import", items, "--by", "wang", "--json"))
    assert (made["imported"], made["good"], made["version"]) == (True, 3, tried["version"])
    head = json.loads(run("show", "--json"))[0]
    assert (head["name"], head["entries"], head["imported_by"]) == ("neimenggu", 3, "wang")
    again = json.loads(run("import", items, "--json"))
    assert (again["imported"], again["difference"]["counts"]["unchanged"]) == (False, 3)
    changed = file(home, row(限价="13"), row(医院项目编码="YP2"), row(医院项目编码="YP4"), name="changed.csv")
    said = run("import", changed, "--version", "2026-11")
    assert "新增 1  YP4" in said
    assert "变更 1  YP1 (price_limit)" in said
    assert "删除 1  YP3" in said
    assert "已导入" in said
    assert json.loads(run("show", "YP1", "--json"))[0]["price_limit"] == "13"
    assert "XA01" in run("show", "YP1")
    run("export", "out.csv")
    back = json.loads(run("import", "out.csv", "--json"))
    assert back["difference"]["counts"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 3}
    (home / "english.csv").write_text(run("export", "--english"), encoding="utf-8")
    assert json.loads(run("import", "english.csv", "--json"))["difference"]["counts"]["unchanged"] == 3
    with pytest.raises(BadInput, match="--force"):
        run("export", "out.csv")
    with pytest.raises(BadInput, match="other content"):
        run("import", items, "--version", "2026-11")
    with pytest.raises(NotInCatalogue):
        run("show", "YP3")


def test_a_bad_row_stops_the_import_unless_partial(home: Path) -> None:
    run("import", file(home, GOOD))
    items = file(home, row(限价="14"), row(医院项目编码="YP2", 种类="x"), row(医院项目编码="YP3", 限价="y"))
    said = run("import", items, code=2)
    assert "items.csv:3: alc404: x is not in ALC404" in said
    assert "items.csv:4: price_limit: y" in said
    assert "未导入" in said
    assert json.loads(run("show", "YP1", "--json"))[0]["price_limit"] == "12.50"
    report = json.loads(run("import", items, "--partial", "--json", code=6))
    assert (report["imported"], report["good"], len(report["problems"])) == (True, 1, 2)
    assert json.loads(run("show", "YP1", "--json"))[0]["price_limit"] == "14"
    with pytest.raises(BadInput, match="no row is good"):
        run("import", file(home, row(种类="x")), "--partial")


def test_wrong_words_name_the_field(home: Path) -> None:
    for words, field in (
        (("import", "nowhere.csv"), "file"),
        (("import", file(home, GOOD), "--name", "nonsense"), "catalogue"),
        (("import", file(home, GOOD), "--version", "x" * 65), "--version"),
        (("export",), "--name"),
    ):
        with pytest.raises(BadInput) as caught:
            run(*words)
        assert caught.value.field == field


def test_nothing_waits_where_nothing_is_open(home: Path) -> None:
    report = json.loads(run("unmatched", "--json"))
    assert report == {"catalogue": "neimenggu", "version": None, "items": []}
    assert "尚未导入" in run("unmatched")


def test_amounts_stay_decimal() -> None:
    assert Decimal(the_entry(row(限价="0.100000")).content["price_limit"]) == Decimal("0.1")
