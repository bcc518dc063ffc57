"""The event log against the rules of XES (IEEE 1849-2016), read by a parser that knows nothing of ours."""

from __future__ import annotations

import datetime
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from service.history.exports.files import Form
from service.history.exports.xes import quoted
from tests.console.seed import Seed
from tests.history.conftest import rows
from tests.history.test_exports import written
from tests.history.test_reader import told

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)

SPACE = "{http://www.xes-standard.org/}"
NAME = re.compile(r"[A-Za-z_:][\w.:-]*", re.ASCII)  # xs:Name, of ASCII
VALUES = {
    "string": re.compile(r"(?s).*"),
    "date": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"),
    "int": re.compile(r"[+-]?\d+"),
}
#: The order of a log's children, as the schema has it.
ORDER = ("extension", "global", "classifier", *VALUES, "trace")
#: Of the lifecycle extension, standard model.
TRANSITIONS = {"schedule", "assign", "withdraw", "reassign", "start", "suspend", "resume", "pi_abort", "ate_abort"}
TRANSITIONS |= {"complete", "autoskip", "manualskip", "unknown"}


def kind(element: ET.Element) -> str:
    assert element.tag.startswith(SPACE), f"{element.tag} is in no namespace of XES"
    return element.tag.removeprefix(SPACE)


def attributes(element: ET.Element) -> dict[str, str]:
    """The typed attributes of a log, trace, event or global, each held against its rules."""
    found: dict[str, str] = {}
    for each in element:
        if kind(each) in VALUES:
            assert set(each.attrib) == {"key", "value"}
            key, value = each.attrib["key"], each.attrib["value"]
            assert NAME.fullmatch(key) and VALUES[kind(each)].fullmatch(value), (key, value)
            assert key not in found, f"{key} stands twice"
            found[key] = value
    return found


def checked(path: Path) -> ET.Element:
    """Hold a log against the schema and the standard's text, by hand; return it."""
    log = ET.parse(path).getroot()
    assert kind(log) == "log" and log.attrib["xes.version"] == "1849-2016" and "xes.features" in log.attrib
    places = [ORDER.index(kind(each)) if kind(each) not in VALUES else ORDER.index("string") for each in log]
    assert places == sorted(places)
    prefixes = {each.attrib["prefix"] for each in log.iter(f"{SPACE}extension")}
    for each in log.iter(f"{SPACE}extension"):
        assert set(each.attrib) == {"name", "prefix", "uri"} and each.attrib["uri"].endswith(".xesext")
    needed = {each.attrib["scope"]: attributes(each) for each in log.iter(f"{SPACE}global")}
    assert set(needed) == {"trace", "event"}
    for each in log.iter(f"{SPACE}classifier"):
        assert set(each.attrib["keys"].split()) <= set(needed["event"]), "a classifier may use globals only"
    for element, scope in [(trace, "trace") for trace in log.iter(f"{SPACE}trace")] + [
        (event, "event") for event in log.iter(f"{SPACE}event")
    ]:
        found = attributes(element)
        assert set(needed[scope]) <= set(found), f"a {scope} without a global attribute"
        assert {key.partition(":")[0] for key in found if ":" in key} <= prefixes
    for trace in log.iter(f"{SPACE}trace"):
        assert {kind(each) for each in trace} <= {*VALUES, "event"}
        places = [kind(each) == "event" for each in trace]
        assert places == sorted(places), "attributes come before events"
        moments = [
            datetime.datetime.fromisoformat(attributes(each)["time:timestamp"]) for each in trace.iter(f"{SPACE}event")
        ]
        assert moments == sorted(moments)
    for event in log.iter(f"{SPACE}event"):
        assert attributes(event)["lifecycle:transition"] in TRANSITIONS
    return log


@on_sqlite
@pytest.mark.parametrize("attempts", [False, True])
async def test_a_log_keeps_the_rules_and_tells_all_transitions(hospital: Seed, tmp_path: Path, attempts: bool) -> None:
    await written(hospital, Form.XES, tmp_path / "out.xes", attempts=attempts)
    log = checked(tmp_path / "out.xes")
    facts = await told(hospital)
    steps: list[Any] = facts["steps"]
    paths = {attributes(each)["concept:name"]: each for each in log.iter(f"{SPACE}trace")}
    assert set(paths) == {row[0] for row in facts["visits"]}
    for visit, trace in paths.items():
        events = [attributes(each) for each in trace.iter(f"{SPACE}event")]
        complete = [each["concept:name"] for each in events if each["lifecycle:transition"] == "complete"]
        mine = [row for row in steps if row[0] == visit]
        assert complete == [
            row[3] for row in sorted((row for row in mine if row[18]), key=lambda row: (row[18], row[1]))
        ]
        aborted = [each for each in events if each["lifecycle:transition"] == "ate_abort"]
        assert len(aborted) == (sum(row[18] is None and row[12] is not None for row in mine) if attempts else 0)
    variants = {row["path"] for row in await rows(hospital, "paths")}
    assert {
        " > ".join(
            attributes(e)["concept:name"]
            for e in t.iter(f"{SPACE}event")
            if attributes(e)["lifecycle:transition"] == "complete"
        )
        for t in paths.values()
    } == variants


def test_text_that_xml_cannot_hold_is_left_out() -> None:
    hostile = '<a href="x">&\x00\x0b\ud800\n\t\U0001f600'
    text = f'<x v="{quoted(hostile)}"/>'
    assert ET.fromstring(text.encode()).attrib["v"] == '<a href="x">&\n\t\U0001f600'


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # that tool's, not ours
@on_sqlite
async def test_a_tool_of_process_mining_opens_it(hospital: Seed, tmp_path: Path) -> None:
    pm4py = pytest.importorskip("pm4py", reason="pip install 'visitflow[mining]'")
    await written(hospital, Form.XES, tmp_path / "out.xes")
    log = pm4py.read_xes(str(tmp_path / "out.xes"))
    facts = await told(hospital)
    assert len(log) == sum(row[18] is not None for row in facts["steps"])
    variants = {" > ".join(path): count for path, count in pm4py.get_variants(log).items()}
    taken: dict[str, int] = {}
    for row in await rows(hospital, "paths"):
        taken[row["path"]] = taken.get(row["path"], 0) + row["visits"]
    assert variants == taken
    net = pm4py.discover_petri_net_inductive(log)
    assert pm4py.fitness_token_based_replay(log, *net)["average_trace_fitness"] == 1.0
