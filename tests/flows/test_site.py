"""A site's flows.yaml: what is included, what is on, and what it may change."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.definitions import FlowDefinition
from engine.environment import HOUR, MINUTE, SECOND
from flows import load_flow, load_site
from tests.flows.toy import FLOW, changed, site_complaints, write

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "flows/toy/visit.yaml", FLOW)
    write(tmp_path, "flows/toy/other.yaml", FLOW.replace("flow: toy.visit", "flow: toy.other"))
    return tmp_path


def site(folder: Path, text: str = "", flows: str = "[toy.visit]", include: str = "[flows/toy/*.yaml]") -> Path:
    (folder / "flows.yaml").write_text(f"include: {include}\nflows: {flows}\n{text}", encoding="utf-8")
    return folder / "flows.yaml"


def overridden(folder: Path, text: str) -> FlowDefinition:
    indented = "".join(f"    {line}\n" for line in text.strip("\n").split("\n"))
    return load_site(site(folder, f"overrides:\n  toy.visit:\n{indented}")).definitions[0]


# -- loading
def test_a_site(folder: Path) -> None:
    text = "adapters: {desk: {url: 'http://peer', retries: 3}}\nschedules: [{name: dawn, job: reconcile, at: 07:30}]\n"
    found = load_site(site(folder, text, "[toy.other, toy.visit]"))
    assert [each.flow for each in found.definitions] == ["toy.other", "toy.visit"]
    assert found.available == ["toy.other", "toy.visit"]
    assert found.adapters == {"desk": {"url": "http://peer", "retries": 3}}
    assert [(each.name, each.job, str(each.at)) for each in found.schedules] == [("dawn", "reconcile", "07:30:00")]
    assert found.timezone == "Asia/Shanghai"
    assert str(found.source.mark(("schedules", 0, "at"))) == "flows.yaml:4:42"
    assert str(found.sources["toy.visit"].mark(("initial",))) == "flows/toy/visit.yaml:7:1"


def test_off_flows_are_available_and_not_on(folder: Path) -> None:
    found = load_site(site(folder, flows="[toy.other]"))
    assert [each.flow for each in found.definitions] == ["toy.other"]
    assert found.available == ["toy.other", "toy.visit"]


def test_overlapping_and_absolute_includes_read_a_file_once(folder: Path) -> None:
    include = f"[flows/toy/*.yaml, flows/**/visit.yaml, flows/toy/other.yaml, '{folder}/flows/toy/*.yaml']"
    assert load_site(site(folder, include=include)).available == ["toy.other", "toy.visit"]


def test_includes_above_the_site_file(folder: Path) -> None:
    path = write(folder, "site/flows.yaml", "include: [../flows/toy/visit.yaml]\nflows: [toy.visit]\n")
    assert load_site(path).available == ["toy.visit"]


def test_the_shipped_definitions_by_package_and_by_path_are_the_same(folder: Path) -> None:
    packaged = load_site(site(folder, flows="[jiangsu.outpatient]", include="['package:jiangsu/*.yaml']"))
    plain = load_site(REPOSITORY / "flows.yaml")
    assert packaged.definitions[0].content_hash() == plain.definitions[0].content_hash()


def test_one_flow_file_by_itself(folder: Path) -> None:
    definition, source = load_flow(folder / "flows/toy/visit.yaml")
    assert definition.flow == "toy.visit"
    assert str(source.mark(("version",))) == "flows/toy/visit.yaml:2:1"


# -- what is refused
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ["1:1: expected a mapping, got nothing"]),
        (
            "include: [a.yaml]\n",
            ["1:1: flows: 'flows' is missing; expected a list"],
        ),
        (
            "include: flows/*.yaml\nflow: []\n",
            [
                "1:1: include: expected a list, got text",
                "1:1: flows: 'flows' is missing; expected a list",
                "2:1: flow: unknown key 'flow'; did you mean 'flows'?",
            ],
        ),
        (
            "include: [flows/*/visit.yaml]\nflows: [toy.visit]\n"
            "adaptors: {}\nschedules: {}\nadapters: {desk: secret}\n",
            [
                "3:1: adaptors: unknown key 'adaptors'; did you mean 'adapters'?",
                "4:1: schedules: expected a list, got a mapping",
                "5:12: adapters.desk: expected a mapping, got text",  # which may be a secret: not shown (G10)
            ],
        ),
        (
            "include: [flows/*/visit.yaml, nothing/*.yaml, '', 'package:nowhere/*.yaml']\n"
            "flows: [toy.visit, toy.vist]\n",
            [
                "1:31: include[1]: expected file names, but 'nothing/*.yaml' matches no file",
                "1:47: include[2]: expected file names, but '' matches no file",
                "1:51: include[3]: expected file names, but 'package:nowhere/*.yaml' matches no file",
            ],
        ),
        (
            "include: [flows/toy/*.yaml]\nflows: [toy.visit, toy.vist, toy.visit]\noverrides: {toy.othr: {}}\n",
            [
                "2:20: flows[1]: expected a flow, but no included file defines 'toy.vist'; did you mean 'toy.visit'?",
                "2:30: flows[2]: 'toy.visit' is named twice",
                "3:13: overrides[toy.othr]: expected a flow, but no included file defines 'toy.othr'; "
                "did you mean 'toy.other'?",
            ],
        ),
    ],
)
def test_mistakes_in_the_site_file(folder: Path, text: str, lines: list[str]) -> None:
    path = write(folder, "flows.yaml", text)
    assert site_complaints(path) == [f"flows.yaml:{line}" for line in lines]


def test_mistakes_of_all_files_are_told_together(folder: Path) -> None:
    write(folder, "flows/toy/other.yaml", "flow: toy.other\nversion: [")
    write(folder, "flows/toy/visit.yaml", changed(("version: 1", "version: x"), ("to: done", "to: Done")))
    found = site_complaints(site(folder, "overridez: {}\n"))
    assert [line.split(": ")[0] for line in found] == [
        "flows.yaml:3:1",
        "flows/toy/other.yaml:2:11",
        "flows/toy/visit.yaml:2:1",
        "flows/toy/visit.yaml:39:5",
    ]


def test_a_flow_defined_twice(folder: Path) -> None:
    write(folder, "flows/toy/zz.yaml", FLOW)
    message = "flows/toy/zz.yaml:1:1: flow: 'toy.visit' is defined in flows/toy/visit.yaml:1:1 already"
    assert site_complaints(site(folder)) == [message]


def test_a_site_file_that_is_not_there(folder: Path) -> None:
    assert site_complaints(folder / "flows.yaml") == ["flows.yaml:1:1: no such file"]


# -- schedules
DAWN = """
  - name: dawn
    at: "07:30"
    open:
      flow: toy.visit
      key: "{operator}-{day}"
      data: {operator: "001"}
"""
NAME = "expected a name such as pre_settled: lower-case letters, digits and _"
ON = "expected a flow that is on"


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("name: dawn", "name: Dawn", [f'4:5: [0].name: {NAME}, got "Dawn"']),
        ('at: "07:30"', "at: 7:30", ['5:5: [0].at: expected a time of day such as 08:30, got "7:30"']),
        (
            'at: "07:30"',
            "every: often",
            ['5:5: [0].every: expected a duration such as 30s, 5m, 2h, 1d or 1h30m, got "often"'],
        ),
        ('at: "07:30"', "every: 1s", ["5:5: [0].every: at least 10s"]),
        ('at: "07:30"', 'at: "07:30"\n    every: 1h', ["4:5: [0]: expected exactly one of at, every"]),
        ('at: "07:30"', "catch_up: true", ["4:5: [0]: expected exactly one of at, every"]),
        ('at: "07:30"', "at: 07:30\n    job: x", ["4:5: [0]: expected exactly one of open, job"]),
        ('at: "07:30"', "at: 07:30\n    catch_up: 0", ["6:5: [0].catch_up: expected at least 1, got 0"]),
        (
            'at: "07:30"',
            "at: 07:30\n    catch_up: 7d",
            ['6:5: [0].catch_up: expected true or false or a whole number, got "7d"'],
        ),
        (
            'at: "07:30"',
            "at: 07:30\n    catchup: 1",
            ["6:5: [0].catchup: unknown key 'catchup'; did you mean 'catch_up'?"],
        ),
        ("name: dawn", "title: {zh: 早}", [f"4:5: [0].name: 'name' is missing; {NAME}"]),
        ("toy.visit", "toy.vist", [f"7:7: [0].open.flow: {ON}, got 'toy.vist'; did you mean 'toy.visit'?"]),
        ("toy.visit", "toy.other", [f"7:7: [0].open.flow: {ON}, got 'toy.other'; known: toy.visit"]),
        (
            "{day}",
            "{date}",
            ["6:5: [0].open: key: {date} stands for nothing; known: day, day_before, time, operator"],
        ),
        (
            '"001"',
            '"{key}"',
            ["6:5: [0].open: data.operator: {key} stands for nothing; known: day, day_before, time"],
        ),
        (
            "key: ",
            "kee: ",
            [
                "6:5: [0].open.key: 'key' is missing; expected text",
                "8:7: [0].open.kee: unknown key 'kee'; did you mean 'key'?",
            ],
        ),
    ],
)
def test_mistakes_in_schedules_are_told_where_they_stand(folder: Path, old: str, new: str, lines: list[str]) -> None:
    assert DAWN.count(old) == 1
    found = site_complaints(site(folder, f"schedules:{DAWN.replace(old, new)}"))
    assert found == [f"flows.yaml:{line.replace(' [0]', ' schedules[0]', 1)}" for line in lines]


def test_two_schedules_of_one_name_and_a_zone_that_is_none(folder: Path) -> None:
    assert site_complaints(site(folder, f"schedules:{DAWN}{DAWN}")) == [
        "flows.yaml:11:5: schedules[1].name: 'dawn' is named twice"
    ]
    assert site_complaints(site(folder, "timezone: Mars/Olympus\n")) == [
        "flows.yaml:3:1: timezone: expected an IANA time zone such as Asia/Shanghai"
    ]


# -- overrides
def test_mappings_merge_and_the_rest_replaces(folder: Path) -> None:
    found = overridden(
        folder,
        """
wait: 6h
settings: {keep: false}
settling: {first_look: 10s}
policies:
  patient: {cap: 1m}
  default: {attempts: 3}
states:
  paid: {wait: 1h}
  seen: {title: {en: looked at}}
transitions:
  pay: {deadline: 5m, undo: {timeout: 90s}, doubt: [ask], retry: {later: patient}}
timers:
  evening: {at: 22:00}
""",
    )
    pay = found.transitions[1]
    assert found.wait == 6 * HOUR
    assert found.settings == {"hospital": "0123", "keep": False}
    assert (found.settling.first_look, found.settling.looks) == (10 * SECOND, 2)
    assert (found.policies["patient"].first, found.policies["patient"].cap) == (2 * SECOND, MINUTE)
    assert found.policies["default"].attempts == 3
    assert (found.states["paid"].wait, found.states["paid"].title.zh) == (HOUR, "付")
    assert (found.states["seen"].title.zh, found.states["seen"].title.en) == ("见", "looked at")
    assert (pay.deadline, len(pay.doubt), pay.step) == (5 * MINUTE, 1, "toy.pay")
    assert pay.undo is not None
    assert (pay.undo.timeout, pay.undo.step) == (90 * SECOND, "toy.unpay")
    assert found.timers[0].at is not None
    assert (found.timers[0].at.hour, found.timers[0].trigger) == (22, "leave")


def test_lists_replace(folder: Path) -> None:
    assert overridden(folder, "timers: []").timers == ()
    assert overridden(folder, "timers: [{name: x, in: paid, trigger: leave, every: 1h}]").timers[0].name == "x"


def test_null_takes_a_field_away(folder: Path) -> None:
    found = overridden(folder, "transitions: {pay: {undo: {step: null, trigger: null, impossible: cash is gone}}}")
    assert found.transitions[1].undo is not None
    assert found.transitions[1].undo.impossible == "cash is gone"


def test_a_trigger_that_several_transitions_share_is_changed_in_all_of_them(folder: Path) -> None:
    extra = "  - {trigger: leave, from: seen, to: done}\ntimers:"
    write(folder, "flows/toy/visit.yaml", changed(("timers:", extra)))
    found = overridden(folder, "transitions: {leave: {timeout: 1m}}")
    assert [each.timeout for each in found.transitions if each.trigger == "leave"] == [MINUTE, MINUTE]
    assert site_complaints(site(folder, "overrides: {toy.visit: {transitions: {leave: {to: done}}}}")) == [
        "flows.yaml:3:47: overrides[toy.visit].transitions.leave.to: "
        "2 transitions are called 'leave', and this tells them apart"
    ]


def test_an_override_changes_the_content_hash_and_no_other_flow(folder: Path) -> None:
    plain = load_site(site(folder, flows="[toy.visit, toy.other]")).definitions
    text = "overrides: {toy.visit: {wait: 1h}}\n"
    changed_ = load_site(site(folder, text, "[toy.visit, toy.other]")).definitions
    assert plain[0].content_hash() != changed_[0].content_hash()
    assert plain[1].content_hash() == changed_[1].content_hash()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("{states: {payd: {wait: 1h}}}", ["26: .states.payd: the flow has no state 'payd'; did you mean 'paid'?"]),
        (
            "{transitions: {paye: {deadline: 1h}}}",
            ["31: .transitions.paye: the flow has no trigger 'paye'; did you mean 'pay'?"],
        ),
        (
            "{policies: {patent: {cap: 1h}}}",
            ["28: .policies.patent: the flow has no retry policy 'patent'; did you mean 'patient'?"],
        ),
        ("{timers: {eve: {at: 01:00}}}", ["26: .timers.eve: the flow has no timer 'eve'; did you mean 'evening'?"]),
        ("{adapters: {counter: x}}", ["28: .adapters.counter: the flow has no role 'counter'; known: desk"]),
        ("{settings: {kep: true}}", ["28: .settings.kep: the flow has no setting 'kep'; did you mean 'keep'?"]),
        ("{flow: toy.mine}", ["17: .flow: cannot be overridden"]),
        ("{version: 2}", ["17: .version: cannot be overridden"]),
        ("{transitions: {pay: {trigger: x}}}", ["37: .transitions.pay.trigger: cannot be overridden"]),
        ("{transitions: []}", ["17: .transitions: expected a mapping of trigger to fields, got a list"]),
        ("{wiat: 1h}", ["17: .wiat: unknown key 'wiat'; did you mean 'wait'?"]),
        (
            "{transitions: {pay: {deadline: soon, retires: x}}, states: {paid: {wait: 5}}}",
            [
                '37: .transitions.pay.deadline: expected a duration such as 30s, 5m, 2h, 1d or 1h30m, got "soon"',
                "53: .transitions.pay.retires: unknown key 'retires'; did you mean 'retry'?",
                "83: .states.paid.wait: expected a duration such as 30s, 5m, 2h, 1d or 1h30m, got 5",
            ],
        ),
        ("5", ["5: : expected a mapping, got a whole number"]),
    ],
)
def test_mistakes_in_overrides_are_told_where_they_stand(folder: Path, text: str, lines: list[str]) -> None:
    wanted = []
    for line in lines:
        column, rest = line.split(": ", 1)
        field, message = rest.split(": ", 1)
        wanted.append(f"flows.yaml:4:{column}: overrides[toy.visit]{field}: {message}")
    assert site_complaints(site(folder, f"overrides:\n    toy.visit: {text}\n")) == wanted


def test_an_override_that_breaks_a_rule_between_fields(folder: Path) -> None:
    text = "overrides:\n  toy.visit:\n    transitions: {pay: {undo: {nothing: free}}}\n"
    assert site_complaints(site(folder, text)) == [
        "flows/toy/visit.yaml:33:5: transitions[1].undo: expected exactly one of step (with the trigger's name), "
        "nothing (with the reason), impossible (with the reason); the override at flows.yaml:4:3 makes it so"
    ]
