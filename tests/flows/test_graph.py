"""Diagrams: what is drawn, and how each format says it."""

from __future__ import annotations

import pytest

from engine.machine import Flow
from flows import FORMATS, draw, read_flow
from flows.graph import extract
from tests.flows.toy import CATALOGUE, FLOW, changed


def flow(*changes: tuple[str, str]) -> Flow:
    return Flow(read_flow(changed(*changes))[0], CATALOGUE)


def test_what_is_drawn() -> None:
    drawing = extract(flow())
    assert [(n.name, n.title, n.initial, n.final) for n in drawing.nodes] == [
        ("opened", "开", True, False),
        ("seen", "见", False, False),
        ("paid", "付", False, False),
        ("done", "完", False, True),
        ("cancelled", "撤", False, True),
    ]
    assert [(a.source, a.dest, a.label, a.undo, a.auto) for a in drawing.arrows] == [
        ("opened", "seen", "look", False, True),
        ("seen", "paid", "付款", False, False),
        ("paid", "seen", "unpay", True, False),
        ("paid", "done", "leave", False, False),
    ]


def test_undo_edges_agree_with_the_machine() -> None:
    compiled = flow()
    drawn = {(a.source, a.dest) for a in extract(compiled).arrows}
    assert drawn == {(t.source, t.dest) for t in compiled.machine.get_transitions()}


UNDO = "    undo:\n      trigger: unpay\n      step: toy.unpay\n      doubt: [probe: toy.find, ask]\n"


def test_an_undo_that_needs_no_call_is_drawn_and_an_impossible_one_is_not() -> None:
    arrows = extract(flow((UNDO, "    undo: {nothing: the peer forgets}\n"))).arrows
    assert [(a.label, a.call) for a in arrows if a.undo] == [("undo_pay", False)]
    assert not any(a.undo for a in extract(flow((UNDO, "    undo: {impossible: cash is gone}\n"))).arrows)


def test_mermaid() -> None:
    assert (
        draw(flow(), "mermaid", "en")
        == """\
---
title: "toy v1"
---
flowchart TD
    s_opened(["opened"])
    s_seen["seen"]
    s_paid["paid"]
    s_done(["done"])
    s_cancelled(["cancelled"])
    s_opened -->|"look"| s_seen
    s_seen ==>|"pay"| s_paid
    s_paid -.->|"unpay"| s_seen
    s_paid ==>|"leave"| s_done
"""
    )


def test_dot() -> None:
    lines = draw(flow(), "dot").splitlines()
    assert lines[0] == 'digraph "玩具 v1" {'
    assert '    "opened" -> "seen" [label="look", style=solid];' in lines
    assert '    "seen" -> "paid" [label="付款", style=bold];' in lines
    assert '    "paid" -> "seen" [label="unpay", style=dashed];' in lines
    assert '    "done" [label="完", peripheries=2];' in lines
    assert lines[-1] == "}"


def test_text() -> None:
    assert (
        draw(flow(), "text", "zh")
        == """\
玩具 v1
▶ opened 开
    → seen: look
  seen 见
    ⇒ paid: 付款
  paid 付
    ⤺ seen: unpay
    ⇒ done: leave
■ done 完
■ cancelled 撤
"""
    )


@pytest.mark.parametrize("form", FORMATS)
def test_titles_cannot_break_a_diagram(form: str) -> None:
    text = draw(flow(("title: {zh: 付款, en: pay}", r'title: {zh: "a\"b\n]--> c\\"}')), form)
    assert ('a"b ]--> c\\' if form == "text" else "a'b ]--> c/") in text
    assert len(text.splitlines()) == len(draw(flow(), form).splitlines())


def test_a_state_may_have_a_name_that_mermaid_keeps_for_itself() -> None:
    text = FLOW.replace("seen", "end").replace("zh: 见, en: end", "zh: 见")
    drawn = draw(Flow(read_flow(text)[0], CATALOGUE), "mermaid", "en")
    assert 's_end["end"]' in drawn
    assert "-->|" in drawn


def test_names_stand_where_titles_are_missing() -> None:
    assert extract(flow(("{title: {zh: 见, en: seen}}", "{}"))).nodes[1].title == "seen"


def test_an_unknown_format() -> None:
    with pytest.raises(KeyError):
        draw(flow(), "svg")
