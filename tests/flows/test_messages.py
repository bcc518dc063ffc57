"""The words of errors in flow files: one line each, with file, line, column, field, and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidFlow
from flows import read_flow
from tests.flows.toy import FLOW, changed, complaints


def test_the_flow_itself_is_sound() -> None:
    definition, source = read_flow(FLOW, "flows/x.yaml")
    assert definition.transitions[1].source == ("seen",)
    assert str(source.mark(("transitions", 1, "undo", "step"))) == "flows/x.yaml:35:7"


DURATION = "a duration such as 30s, 5m, 2h, 1d or 1h30m"
GOLDEN = [
    block.split("\n")
    for block in (Path(__file__).parent / "messages.txt").read_text(encoding="utf-8").split("\n\n")[1:]
]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden[1][2:])
def test_one_mistake(golden: list[str]) -> None:
    old, new = (line[2:].replace("\\n", "\n") for line in golden[:2])
    assert complaints(changed((old, new))) == [f"flows/x.yaml:{line}" for line in golden[2:] if line]


def test_all_mistakes_of_a_file_at_once_in_its_order() -> None:
    text = changed(
        ("version: 1", "version: one"),
        ("retry: patient", "retires: patient"),
        ("deadline: 1h30m", "deadline: soon"),
        ("  patient: {first: 2s}", "  patient: {frist: 2s}"),
        ("{name: evening, in: paid", "{name: evening, in: 7"),
    )
    assert [line.split(": ")[0] + " " + line.split(": ")[1] for line in complaints(text)] == [
        "flows/x.yaml:2:1 version",
        "flows/x.yaml:12:13 policies.patient.frist",
        "flows/x.yaml:25:5 transitions[0].retires",
        "flows/x.yaml:31:5 transitions[1].deadline",
        "flows/x.yaml:41:21 timers[0].in",
    ]


@pytest.mark.parametrize("text", ["", "just words", "[a, list]", "5"])
def test_a_file_that_is_no_mapping(text: str) -> None:
    assert complaints(text)[0].startswith("flows/x.yaml:1:1: expected a mapping, got ")


def test_the_error_for_programs() -> None:
    with pytest.raises(InvalidFlow) as caught:
        read_flow(changed(("deadline: 1h30m", "deadline: soon")), "flows/x.yaml")
    assert caught.value.field == "transitions[1].deadline"
    assert caught.value.as_dict()["problems"] == [
        {
            "file": "flows/x.yaml",
            "line": 31,
            "column": 5,
            "field": "transitions[1].deadline",
            "message": f'expected {DURATION}, got "soon"',
        }
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("from: opened", "from: [opened]"),
        ("in: paid", "in: [paid]"),
        ("  opened: {title: {zh: 开, en: opened}}", "  opened:"),
        ("retry: patient", "retry: {not_sent: patient, later: default}"),
        ("retry: patient", "retry:"),
        ("doubt: [probe: toy.find, ask]\n    undo", "doubt: [{kind: probe, step: toy.find}, {kind: ask}]\n    undo"),
        ("deadline: 1h30m", "deadline: 1d2h3m4s5ms"),
        ('at: "23:30"', "at: 23:30"),
        ("      trigger: unpay\n      step: toy.unpay\n", "      {a}: {b}\n".format(a="impossible", b="cash is gone")),
    ],
)
def test_short_forms_are_read(old: str, new: str) -> None:
    read_flow(changed((old, new)))


_LINES = FLOW.splitlines(keepends=True)


@settings(max_examples=300)
@given(
    line=st.integers(0, len(_LINES) - 1),
    start=st.integers(0, 60),
    length=st.integers(0, 20),
    patch=st.sampled_from(["", "x", ": ", "[", "]", "{", "}", "null", "0", "- ", "'", "\n", "true", "*a", "1e9", "登"]),
)
def test_a_spoilt_flow_is_read_or_refused_with_a_place(line: int, start: int, length: int, patch: str) -> None:
    spoilt = list(_LINES)
    spoilt[line] = spoilt[line][:start] + patch + spoilt[line][start + length :]
    try:
        read_flow("".join(spoilt), "x.yaml")
    except InvalidFlow as error:
        assert all(each.startswith("x.yaml:") for each in error.message.split("\n"))
