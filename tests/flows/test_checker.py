"""Each rule of the checker: a flow that trips exactly it, and one beside it that does not."""

from __future__ import annotations

import time

import pytest

from engine.machine import Flow
from flows import Severity, check, read_flow
from flows.checker import RULES
from tests.flows.toy import CATALOGUE, FLOW, changed

Change = tuple[str, str]

PAY_DOUBT = "    doubt: [probe: toy.find, ask]\n    undo"
UNDO = "    undo:\n      trigger: unpay\n      step: toy.unpay\n      doubt: [probe: toy.find, ask]\n"
LAST = "    to: done\ntimers:"


def more(*transitions: str) -> Change:
    """Add transitions behind the last one."""
    lines = "".join(f"  - {{{transition}}}\n" for transition in transitions)
    return LAST, f"    to: done\n{lines}timers:"


def state(name: str) -> Change:
    return "  done: {title", f"  {name}: {{title: {{zh: 某}}}}\n  done: {{title"


#: (code, changes that trip it, where and what it says, changes beside them that trip nothing)
CASES: list[tuple[str, list[Change], list[str], list[Change]]] = [
    (
        "unknown_state",
        [("    from: opened", "    from: [opened, opend]"), ("step: toy.unpay", "step: toy.unpay\n      to: sein")],
        ["transitions[0].from: no state is called 'opend'", "transitions[1].undo.to: no state is called 'sein'"],
        [],
    ),
    ("unknown_state", [("final: [done]", "final: [done, gone]")], ["final[1]: no state is called 'gone'"], []),
    ("unknown_state", [("in: paid", "in: [paid, pad]")], ["timers[0].in: no state is called 'pad'"], []),
    (
        "unknown_name",
        [
            ("data: toy.Facts", "data: toy.Fact"),
            ("step: toy.look", "step: toy.luk"),
            ("auto: true", "auto: true\n    when: [toy.poor]\n    input: toy.rich"),
        ],
        [
            "data: toy.Fact is unknown; toy has: Facts, Needed",
            "transitions[0].step: toy.luk is unknown; "
            "toy has: astray, find, harm, look, lost, pay, put, reverse, unpay",
            "transitions[0].input: toy.rich is unknown; toy has: Facts, Needed",
            "transitions[0].when[0]: toy.poor is unknown; toy has: old, rich",
        ],
        [("auto: true", "auto: true\n    when: [toy.rich]\n    input: toy.Facts")],
    ),
    (
        "unknown_name",
        [("{desk: desk}", "{desk: desk, till: till}"), (PAY_DOUBT, "    doubt: [probe: toy.pay, ask]\n    undo")],
        [
            "adapters.till: no adapter is called till; known: desk",
            "transitions[1].doubt[0]: toy.pay cannot settle a doubt (no request and judge)",
        ],
        [("{desk: desk}", "{desk: desk, till: desk}")],
    ),
    (
        "unknown_operation",
        [("step: toy.look", "step: toy.astray")],
        ["transitions[0].step: step toy.astray speaks to the role 'nobody', which `adapters` does not name"],
        [("step: toy.look", "step: toy.astray"), ("{desk: desk}", "{desk: desk, nobody: desk}")],
    ),
    (
        "unknown_operation",
        [("step: toy.look", "step: toy.lost")],
        ["transitions[0].step: adapter desk has no operation 'no_such_operation'"],
        [],
    ),
    (
        "unknown_policy",
        [
            ("retry: patient", "retry: {read: patient, later: hasty}"),
            ("trigger: unpay\n", "trigger: unpay\n      retry: lazy\n"),
        ],
        [
            "transitions[0].retry: no retry policy is called 'hasty'",
            "transitions[1].undo.retry: no retry policy is called 'lazy'",
        ],
        [("trigger: unpay\n", "trigger: unpay\n      retry: {later: default}\n")],
    ),
    (
        "no_way_to_settle",
        [(PAY_DOUBT, "    undo")],
        ["transitions[1].doubt: pay is once: its answer may get lost, yet there is no `doubt`"],
        [(PAY_DOUBT, "    doubt: [ask]\n    undo")],
    ),
    (
        "no_way_to_settle",
        [("      doubt: [probe: toy.find, ask]\n", "")],
        ["transitions[1].undo.doubt: unpay is once: its answer may get lost, yet there is no `doubt`"],
        [("      doubt: [probe: toy.find, ask]\n", ""), ("step: toy.unpay", "step: toy.look")],
    ),
    (
        "no_person_at_the_end",
        [(PAY_DOUBT, "    doubt: [probe: toy.find]\n    undo")],
        ["transitions[1].doubt: the order must end with ask: a person decides what nothing else can"],
        [],
    ),
    (
        "after_asking",
        [(PAY_DOUBT, "    doubt: [ask, probe: toy.find, ask]\n    undo")],
        ["transitions[1].doubt: nothing may follow ask"],
        [],
    ),
    (
        "blind_repeat",
        [(PAY_DOUBT, "    doubt: [probe: toy.find, repeat, ask]\n    undo")],
        ["transitions[1].doubt[1]: pay is once: repeating it blindly does harm (G2)"],
        [("step: toy.pay", "step: toy.put"), (PAY_DOUBT, "    doubt: [repeat, ask]\n    undo")],
    ),
    (
        "harmful_probe",
        [(PAY_DOUBT, "    doubt: [probe: toy.reverse, reverse: toy.harm, ask]\n    undo")],
        [
            "transitions[1].doubt[0]: a probe may only call what is read; put is keyed",
            "transitions[1].doubt[1]: a reverse may only call what is keyed or read; pay is once",
        ],
        [(PAY_DOUBT, "    doubt: [probe: toy.find, reverse: toy.reverse, ask]\n    undo")],
    ),
    (
        "missing_undo",
        [(UNDO, "")],
        ["transitions[1].undo: pay changes something at the peer, and no `undo` is declared"],
        [(UNDO, "    undo: {impossible: cash is gone}\n")],
    ),
    (
        "undo_nowhere",
        [("step: toy.unpay", "step: toy.unpay\n      to: done")],
        ["transitions[1].undo.to: leads to done, which no visit on its way to seen has passed"],
        [("step: toy.unpay", "step: toy.unpay\n      to: opened")],
    ),
    (
        "clashing_triggers",
        [("trigger: unpay", "trigger: leave")],
        ["transitions[1].undo.trigger: 'leave' is the name of a transition as well"],
        [],
    ),
    (
        "unreachable",
        [state("lonely"), more("trigger: go, from: lonely, to: done")],
        ["states.lonely: no visit can get here"],
        [],
    ),
    (
        "dead_end",
        [state("stuck"), more("trigger: sink, from: seen, to: stuck")],
        ["states.stuck: dead end: nothing leads out of here, and it is not final"],
        [state("stuck"), more("trigger: sink, from: seen, to: stuck", "trigger: rise, from: stuck, to: seen")],
    ),
    (
        "no_way_to_the_end",
        [
            state("ping"),
            ("  seen: {title", "  pong: {title: {zh: 乓}}\n  seen: {title"),
            more(
                "trigger: serve, from: seen, to: ping",
                "trigger: hit, from: ping, to: pong",
                "trigger: back, from: pong, to: ping",
            ),
        ],
        [
            "states.pong: no final state can be reached from here, however long a visit goes on",
            "states.ping: no final state can be reached from here, however long a visit goes on",
        ],
        [],
    ),
    (
        "leaving_the_end",
        [more("trigger: again, from: [done, cancelled], to: seen")],
        [
            "transitions[3].from: done is final: nothing may lead out of it",
            "transitions[3].from: cancelled is final: nothing may lead out of it",
        ],
        [],
    ),
    (
        "two_at_once",
        [
            more(
                "trigger: skip, from: seen, to: done, auto: true, when: [toy.rich]",
                "trigger: jump, from: seen, to: paid, auto: true, when: [toy.old]",
            )
        ],
        ["transitions[4]: from seen both skip and jump can go by themselves"],
        [
            more(
                "trigger: skip, from: seen, to: done, auto: true, when: [toy.rich]",
                "trigger: jump, from: seen, to: paid, auto: true, unless: [toy.rich]",
            )
        ],
    ),
    (
        "shadowed",
        [
            more(
                "trigger: skip, from: seen, to: done, auto: true",
                "trigger: jump, from: seen, to: paid, auto: true, when: [toy.old]",
            )
        ],
        ["transitions[4]: never goes by itself from seen: skip stands before it, without a condition"],
        [
            more(
                "trigger: skip, from: seen, to: done, auto: true",
                "trigger: jump, from: seen, to: paid, when: [toy.old]",
            )
        ],
    ),
    (
        "circling",
        [more("trigger: back, from: seen, to: opened, auto: true")],
        [
            "transitions[0]: goes round for ever from opened: every transition of the circle is automatic",
            "transitions[3]: goes round for ever from seen: every transition of the circle is automatic",
        ],
        [more("trigger: back, from: seen, to: opened, auto: true, when: [toy.old]")],
    ),
    (
        "twins",
        [more("trigger: leave, from: paid, to: done, when: [toy.old]")],
        ["transitions[3]: leave from paid to done is defined twice"],
        [more("trigger: leave, from: seen, to: done, when: [toy.old]")],
    ),
    (
        "idle_timer",
        [("in: paid, trigger: leave", "in: [paid, seen], trigger: leave")],
        ["timers[0].trigger: 'leave' is not legal in state seen"],
        [],
    ),
    (
        "idle_timer",
        [("in: paid, trigger: leave", "in: paid, trigger: unpay")],
        ["timers[0].trigger: 'unpay' is not legal in state paid"],
        [],
    ),
    (
        "empty_handed_timer",
        [("    from: paid\n", "    from: paid\n    input: toy.Needed\n")],
        ["timers[0].trigger: 'leave' needs data that a timer cannot bring: invoice"],
        [("    from: paid\n", "    from: paid\n    input: toy.Facts\n")],
    ),
    (
        "unreasoned",
        [(UNDO, '    undo: {nothing: " "}\n')],
        ["transitions[1].undo.nothing: gives no reason: a supervisor will ask"],
        [(UNDO, "    undo: {nothing: the peer forgets}\n")],
    ),
    (
        "unused_policy",
        [("  patient: {first: 2s}", "  patient: {first: 2s}\n  hasty: {cap: 1s}")],
        ["policies.hasty: no transition uses this policy"],
        [],
    ),
    (
        "untitled",
        [("{title: {zh: 见, en: seen}}", "{title: {en: seen}}")],
        ["states.seen: has no Chinese title: staff will see its name"],
        [],
    ),
]


def found(*changes: Change) -> list[tuple[str, str]]:
    definition, source = read_flow(changed(*changes), "x.yaml")
    return [(each.code, f"{each.path}: {each.message}") for each in check(definition, CATALOGUE, source)]


def test_a_sound_flow_has_no_findings() -> None:
    assert found() == []


@pytest.mark.parametrize(("code", "changes", "messages"), [case[:3] for case in CASES], ids=[c[0] for c in CASES])
def test_the_rule_trips_alone(code: str, changes: list[Change], messages: list[str]) -> None:
    assert found(*changes) == [(code, message) for message in messages]


@pytest.mark.parametrize(("code", "changes"), [(c[0], c[3]) for c in CASES if c[3]], ids=[c[0] for c in CASES if c[3]])
def test_its_neighbour_is_sound(code: str, changes: list[Change]) -> None:
    assert found(*changes) == []


def test_every_rule_has_a_case() -> None:
    assert {code for code, _, _ in RULES} == {case[0] for case in CASES} | {"ends_at_once"}


def test_what_passes_compiles_and_what_compiles_can_be_checked() -> None:
    definition, _ = read_flow(FLOW)
    assert check(Flow(definition, CATALOGUE), CATALOGUE) == []


def test_a_finding_as_a_line() -> None:
    definition, source = read_flow(changed((PAY_DOUBT, "    doubt: [repeat, ask]\n    undo")), "flows/x.yaml")
    (finding,) = check(definition, CATALOGUE, source)
    assert finding.severity is Severity.ERROR
    assert str(finding) == (
        "flows/x.yaml:32:13: transitions[1].doubt[0]: pay is once: repeating it blindly does harm (G2) "
        "(use a probe or a reversal)"
    )
    (bare,) = check(definition, CATALOGUE)
    assert str(bare).startswith("transitions[1].doubt[0]: pay is once")


def test_findings_of_many_rules_come_together() -> None:
    changes = [
        (PAY_DOUBT, "    undo"),
        ("step: toy.look", "step: toy.luk"),
        more("trigger: leave, from: paid, to: done"),
    ]
    assert {code for code, _ in found(*changes)} == {"no_way_to_settle", "unknown_name", "twins"}


def test_a_flow_that_ends_at_once() -> None:
    # such a flow is wrong in one more way, whatever it looks like: nothing behind its beginning can be reached
    result = found(("initial: opened", "initial: done"))
    assert ("ends_at_once", "initial: done is final: a visit would end as it begins") in result
    assert {code for code, _ in result} == {"ends_at_once", "unreachable"}


def test_checking_a_large_flow_takes_well_under_a_second() -> None:
    text = FLOW.split("states:")[0] + "states:\n  opened:\n  done:\n  cancelled:\n"
    text += "".join(f"  s{n}:\n" for n in range(150)) + "transitions:\n  - {trigger: t, from: opened, to: s0}\n"
    text += "".join(
        f"  - {{trigger: t{n}, from: s{n}, to: {f's{n + 1}' if n < 149 else 'done'}, step: toy.pay, "
        "doubt: [probe: toy.find, ask], undo: {trigger: u, step: toy.unpay, to: opened, doubt: [ask]}}\n"
        for n in range(150)
    )
    definition, source = read_flow(text)
    begun = time.perf_counter()
    findings = check(definition, CATALOGUE, source)
    assert time.perf_counter() - begun < 1
    assert {each.severity for each in findings} == {Severity.WARNING}
