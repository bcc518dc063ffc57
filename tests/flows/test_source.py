"""Reading YAML: what words mean, where they stand, and that nothing but InvalidFlow ever comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidFlow
from flows.source import MAX_VALUES, parse_yaml, path_text, read_yaml


def read(text: str) -> object:
    return parse_yaml(text, "x.yaml").data


def refused(text: str) -> list[str]:
    with pytest.raises(InvalidFlow) as caught:
        parse_yaml(text, "x.yaml")
    return caught.value.message.split("\n")


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "On", "NO", "y", "n"])
@pytest.mark.parametrize("directive", ["", "%YAML 1.1\n---\n", "%YAML 1.2\n---\n"])
def test_these_words_are_no_booleans(word: str, directive: str) -> None:
    assert read(f"{directive}a: {word}") == {"a": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("", None),
        ("~", None),
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ('"12"', "12"),
        ("!!str 12", "12"),
        ("1_000", "1_000"),
        ("23:30", "23:30"),
        ("2024-01-01", "2024-01-01"),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("[1, {b: c}]", [1, {"b": "c"}]),
        ("|\n  two\n  lines", "two\nlines"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    assert read(f"a: {text}") == {"a": value}


def test_keys_are_words_whatever_they_look_like() -> None:
    assert read("51014: a\ntrue: b\n<<: c\n~: d") == {"51014": "a", "true": "b", "<<": "c", "~": "d"}


def test_an_empty_file_holds_nothing() -> None:
    assert read("") is None
    assert read("# only a comment\n") is None


def test_anchors_are_read_and_each_use_is_its_own_copy() -> None:
    data = parse_yaml("a: &x {b: [1]}\nc: *x\nd: &x 2\ne: *x\n", "x.yaml").data
    assert data == {"a": {"b": [1]}, "c": {"b": [1]}, "d": 2, "e": 2}
    assert data["a"] is not data["c"]


def test_marks() -> None:
    source = parse_yaml("a:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n", "x.yaml")
    assert str(source.mark(("a", "b"))) == "x.yaml:2:3"
    assert str(source.mark(("a", "c", 1, "d"))) == "x.yaml:5:8"
    assert str(source.mark(("a", "c", 7, "nowhere"))) == "x.yaml:3:3"
    assert str(source.mark(("nowhere",))) == "x.yaml:1:1"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a: [1,\n", ["x.yaml:2:1: not valid YAML: did not find expected node content"]),
        ("a: b: c", ["x.yaml:1:5: not valid YAML: mapping values are not allowed in this context"]),
        ("a: 1\n\tb: 2", ["x.yaml:2:1: not valid YAML: found a tab character that violates indentation"]),
        ("a: 'x", ["x.yaml:1:6: not valid YAML: found unexpected end of stream"]),
        (
            "a: 1\nb: \x00",
            ["x.yaml:2:4: not valid YAML: unacceptable character #x0000: control characters are not allowed"],
        ),
        ("a: 1\n--- \nb: 2", ["x.yaml:3:1: not valid YAML: expected one document in a file"]),
        ("? [a, b]\n: 1", ["x.yaml:1:3: not valid YAML: expected a word as key"]),
        ("a: *x", ["x.yaml:1:4: a: there is no anchor &x before this alias"]),
        ("a: &x [*x]", ["x.yaml:1:8: a[0]: there is no anchor &x before this alias"]),
        ("a: !python/object 1", ["x.yaml:1:4: a: tags are not read: !python/object"]),
        ("code: 0123", ["x.yaml:1:7: code: put quotes around it: as a number it loses its leading zeros"]),
        ('a: "\\ud800"', ["x.yaml:1:7: not valid YAML: found invalid Unicode character escape code"]),
        ("a: 1234567890123456789", ["x.yaml:1:4: a: put quotes around it: it is too long for a number"]),
        (
            "a: {x: 1, x: 2}\nb:\n  y: 1\n  y: 2\n",
            [
                "x.yaml:1:11: a: duplicate key 'x'; it stands in line 1 already",
                "x.yaml:4:3: b: duplicate key 'y'; it stands in line 3 already",
            ],
        ),
        (
            "a: 1\na: 2\nb: [",
            [
                "x.yaml:2:1: duplicate key 'a'; it stands in line 1 already",
                "x.yaml:3:5: not valid YAML: did not find expected node content",
            ],
        ),
    ],
)
def test_what_is_refused(text: str, lines: list[str]) -> None:
    assert refused(text) == lines


def test_deep_nesting_is_refused() -> None:
    assert refused("[" * 100_000) == ["x.yaml:1:41: not valid YAML: nested too deeply"]


def test_aliases_of_aliases_are_refused_before_they_fill_the_memory() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x]\n"
    for level in range(1, 20):
        text += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 8)}]\n"
    assert refused(text) == [f"x.yaml:1:1: too large: more than {MAX_VALUES} values once its aliases are written out"]


def test_a_huge_file_is_refused() -> None:
    assert refused("x" * 1_000_001) == ["x.yaml:1:1: too long: at most 1000000 characters"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "gbk.yaml").write_bytes("a: 登记".encode("gbk"))
    for path, message in (
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "cannot be read: IsADirectoryError"),
        (tmp_path / "gbk.yaml", "cannot be read: UnicodeDecodeError"),
    ):
        with pytest.raises(InvalidFlow) as caught:
            read_yaml(path, "f.yaml")
        assert caught.value.message == f"f.yaml:1:1: {message}"


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(tmp_path / "bom.yaml", "f").data == {"a": 1}


def test_paths_as_text() -> None:
    assert path_text(("transitions", 3, "undo", "step")) == "transitions[3].undo.step"
    assert path_text(("overrides", "toy.visit", "states")) == "overrides[toy.visit].states"


_PIECES = st.one_of(
    st.sampled_from(["a", "b: ", "- ", "\n", "  ", "{", "}", "[", "]", ",", ": ", "? ", "&x ", "*x", "!t ", "|", "> "]),
    st.sampled_from(["'", '"', "#", "---\n", "...\n", "%YAML 1.1\n", "%YAML 1.9\n", "%TAG ! x\n", "\t", "<<: ", "\\"]),
    st.sampled_from(["1", "0x1", "~", "@", "`", "登", "\x00", "\ufeff", "=", "!!int ", "!<", "1e5", "%", "9" * 20]),
)


@settings(max_examples=600)
@given(st.one_of(st.lists(_PIECES, max_size=30).map("".join), st.text(max_size=40)))
def test_nothing_but_invalid_flow_comes_out(text: str) -> None:
    try:
        source = parse_yaml(text, "x.yaml")
    except InvalidFlow as error:
        assert error.message.startswith("x.yaml:")
        assert all(problem["line"] >= 1 and problem["column"] >= 1 for problem in error.details["problems"])
    else:
        assert set(source.marks) >= {()}
