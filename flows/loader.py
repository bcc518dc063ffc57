"""From a site's flows.yaml and the files it includes to validated definitions, with errors that name file and line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engine.definitions import FlowDefinition
from engine.errors import InvalidFlow
from engine.peers.settings import Limits
from flows.calendars import Hours, Year, days_of
from flows.schedules import ANCHOR, Schedule, next_run
from flows.schema import SiteFile, flow_schema, site_schema, year_schema
from flows.shape import faults, near
from flows.source import Mark, Path_, Problem, Source, invalid, parse_yaml, path_text, read_yaml, under

#: ``package:jiangsu/*.yaml`` in ``include`` names files that are installed with visitflow.
PACKAGED = "package:"

#: Fields that tell transitions of one trigger apart, and so cannot be overridden for all of them at once.
_TELLING_APART = ("from", "to", "when", "unless")


@dataclass(slots=True)
class Site:
    """A site's configuration: the flows that are on, in order, its adapters' settings, and its schedules."""

    path: str
    definitions: list[FlowDefinition]
    adapters: dict[str, dict[str, Any]]
    available: list[str] = field(default_factory=list)  #: all included flows, also those that are off
    sources: dict[str, Source] = field(default_factory=dict)  #: where each flow's values stand
    schedules: list[Schedule] = field(default_factory=list)
    timezone: str = "Asia/Shanghai"  #: of the schedules
    limits: Limits = field(default_factory=Limits)  #: of peers, and what comes first
    calendars: dict[str, Hours] = field(default_factory=dict)
    source: Source = field(default_factory=lambda: Source(None))  #: where the site file's own values stand

    def hours(self, schedule: Schedule) -> Hours | None:
        """Return the calendar that a schedule is held to."""
        return None if schedule.calendar is None else self.calendars[schedule.calendar]


def load_site(path: Path | str) -> Site:
    """Read flows.yaml and what it includes.

    ``include`` holds file names and globs, relative to flows.yaml or absolute; with ``package:`` in front they are
    relative to the definitions that are installed with visitflow, as in ``package:jiangsu/*.yaml``.

    Raises:
        InvalidFlow: with every problem found, one a line: file, line, column, field, what was expected.
    """
    path = Path(path)
    shown = _shown(path)
    source = read_yaml(path, shown)
    problems = _problems(SiteFile, site_schema(), source)
    if any(problem.path.split("[")[0].split(".")[0] in ("", "include", "flows") for problem in problems):
        raise invalid(problems)  # what belongs to the site cannot be told
    flows, complete = _read_flows(path.parent, source, problems)
    if complete:
        _known_and_once(source, flows, problems)
    definitions: dict[str, FlowDefinition] = {}
    overrides = source.data.get("overrides") or {}
    for name, flow in flows.items():
        faulty = _problems(FlowDefinition, flow_schema(), flow)
        if not faulty and isinstance(changes := overrides.get(name), dict) and not _touches(problems, name):
            override = Source(changes, dict(under(source.marks, ("overrides", name))))
            faulty = _override(flow, override, ("overrides", name)) or _caused(flow, override)
        problems += faulty
        if not faulty:
            definitions[name] = _model(flow)
    _schedules(source, problems)
    _limits(source, definitions, problems)
    years = _years(path.parent, source, problems)
    if problems:
        raise invalid(problems)
    checked = SiteFile.model_validate(source.data)
    zone = ZoneInfo(checked.timezone)
    calendars = {name: Hours.of(each, years[name], zone) for name, each in checked.calendars.items()}
    if problems := list(_never(checked.schedules, calendars, source, zone)):
        raise invalid(problems)
    return Site(
        path=shown,
        definitions=[definitions[name] for name in source.data["flows"]],
        adapters=source.data.get("adapters", {}),
        available=sorted(flows),
        sources=flows,
        schedules=checked.schedules,
        timezone=checked.timezone,
        limits=checked.limits,
        calendars=calendars,
        source=source,
    )


def load_flow(path: Path | str) -> tuple[FlowDefinition, Source]:
    """Read one flow file, without any site's overrides. Raises InvalidFlow."""
    return _loaded(read_yaml(Path(path), _shown(Path(path))))


def read_flow(text: str, shown: str = "flow") -> tuple[FlowDefinition, Source]:
    """Read a flow from text; ``shown`` is its name in messages. Raises InvalidFlow."""
    return _loaded(parse_yaml(text, shown))


def _loaded(source: Source) -> tuple[FlowDefinition, Source]:
    if problems := _problems(FlowDefinition, flow_schema(), source):
        raise invalid(problems)
    return _model(source), source


def _model(source: Source) -> FlowDefinition:
    return FlowDefinition.model_validate(source.data, by_alias=True, by_name=False)


# -- which files
def _read_flows(folder: Path, source: Source, problems: list[Problem]) -> tuple[dict[str, Source], bool]:
    """Return the included flows by name, and whether every file told its name."""
    flows: dict[str, Source] = {}
    complete = True
    read: set[Path] = set()
    for index, pattern in enumerate(source.data["include"]):
        files = _matching(folder, pattern)
        if not files:
            complete = False
            message = f"expected file names, but {pattern!r} matches no file"
            problems.append(Problem(source.mark(("include", index)), f"include[{index}]", message))
        for file in files:
            if (real := file.resolve()) in read:
                continue  # two patterns may well overlap
            read.add(real)
            try:
                found = read_yaml(file, _shown(file))
            except InvalidFlow as error:
                complete = False
                problems.extend(_again(error))
                continue
            name = found.data.get("flow") if isinstance(found.data, dict) else None
            if isinstance(name, str) and name in flows:
                other = flows[name].mark(("flow",))
                problems.append(Problem(found.mark(("flow",)), "flow", f"{name!r} is defined in {other} already"))
                continue
            if not isinstance(name, str):
                complete, name = False, f"\0{len(flows)}"
            flows[name] = found
    return flows, complete


def _matching(folder: Path, pattern: str) -> list[Path]:
    if pattern.startswith(PACKAGED):
        folder, pattern = Path(__file__).parent, pattern.removeprefix(PACKAGED)
    if not pattern:
        return []
    wanted = Path(pattern)
    if wanted.is_absolute():
        folder, wanted = Path(wanted.anchor), wanted.relative_to(wanted.anchor)
    try:
        return sorted(file for file in folder.glob(str(wanted)) if file.is_file())
    except (ValueError, NotImplementedError, IndexError, OSError):  # a pattern that no file system knows
        return []


def _known_and_once(source: Source, flows: Mapping[str, Source], problems: list[Problem]) -> None:
    named: list[tuple[Path_, str]] = [(("flows", index), name) for index, name in enumerate(source.data["flows"])]
    seen: set[str] = set()
    for path, name in named:
        if name in seen:
            problems.append(Problem(source.mark(path), path_text(path), f"{name!r} is named twice"))
        seen.add(name)
    overridden = source.data.get("overrides")
    named += [(("overrides", name), name) for name in (overridden if isinstance(overridden, dict) else ())]
    for path, name in named:
        if name not in flows:
            message = f"expected a flow, but no included file defines {name!r}{near(name, flows)}"
            problems.append(Problem(source.mark(path), path_text(path), message))


def _schedules(source: Source, problems: list[Problem]) -> None:
    """Hold each schedule to the flows that are on, and its name to the others' names."""
    if any(problem.path.startswith("schedules") for problem in problems):
        return
    flows: list[str] = source.data["flows"]
    seen: set[str] = set()
    for index, schedule in enumerate(source.data.get("schedules", ())):
        here: Path_ = ("schedules", index)
        if schedule["name"] in seen:
            path: Path_ = (*here, "name")
            problems.append(Problem(source.mark(path), path_text(path), f"{schedule['name']!r} is named twice"))
        seen.add(schedule["name"])
        name = (schedule.get("open") or {}).get("flow")
        if name is not None and name not in flows:
            path = (*here, "open", "flow")
            message = f"expected a flow that is on, got {name!r}{near(name, flows)}"
            problems.append(Problem(source.mark(path), path_text(path), message))
        calendars = source.data.get("calendars") or {}
        if (wanted := schedule.get("calendar")) is not None and wanted not in calendars:
            path = (*here, "calendar")
            message = f"expected a calendar of this site, got {wanted!r}{near(wanted, calendars)}"
            problems.append(Problem(source.mark(path), path_text(path), message))


def _years(folder: Path, source: Source, problems: list[Problem]) -> dict[str, list[Year]]:
    """Return the included years of each calendar; what is wrong in a file is told with that file's lines."""
    found: dict[str, list[Year]] = {}
    if any(problem.path.startswith("calendars") for problem in problems):
        return found
    for name, calendar in source.data.get("calendars", {}).items():
        found[name] = []
        for index, pattern in enumerate(calendar.get("include", ())):
            path: Path_ = ("calendars", name, "include", index)
            if not (files := _matching(folder, pattern)):
                message = f"expected file names, but {pattern!r} matches no file"
                problems.append(Problem(source.mark(path), path_text(path), message))
            for file in files:
                try:
                    read = read_yaml(file, _shown(file))
                except InvalidFlow as error:
                    problems.extend(_again(error))
                    continue
                if not (faulty := _problems(Year, year_schema(), read) or list(_other_years(read))):
                    found[name].append(Year.model_validate(read.data))
                problems += faulty
    return found


def _never(
    schedules: Iterable[Schedule], calendars: Mapping[str, Hours], source: Source, zone: ZoneInfo
) -> Iterator[Problem]:
    """Yield schedules that their calendar never lets run: daily at a quiet time, or a calendar that never opens."""
    for index, schedule in enumerate(schedules):
        hours = calendars.get(schedule.calendar or "")
        path: Path_ = ("schedules", index, "calendar")
        if hours is not None and next_run(schedule, hours, zone, ANCHOR.replace(tzinfo=zone)) is None:
            message = f"{schedule.calendar} is closed whenever this is due: it would never run (when_closed: move?)"
            yield Problem(source.mark(path), path_text(path), message)


def _other_years(read: Source) -> Iterator[Problem]:
    """Yield the days of a year's file that are not of that year: the copy of last year's file, half changed."""
    named: list[Path_] = [("workdays", index) for index in range(len(read.data.get("workdays", ())))]
    for name, spans in read.data.get("holidays", {}).items():
        named += [("holidays", name, index) for index in range(len(spans))]
    for path in named:
        span = read.data
        for part in path:
            span = span[part]
        if any(day.year != read.data["year"] for day in days_of(span)):
            yield Problem(read.mark(path), path_text(path), f"expected days of {read.data['year']}, got {span}")


def _limits(source: Source, definitions: Mapping[str, FlowDefinition], problems: list[Problem]) -> None:
    """Hold limits to the peers that are configured, and priorities to the triggers there are."""
    if any(problem.path.startswith("limits") for problem in problems):
        return
    limits = source.data.get("limits") or {}

    def known(path: Path_, noun: str, name: str, names: Iterable[str]) -> None:
        if name not in (names := list(names)):
            message = f"expected {noun}, got {name!r}{near(name, names)}"
            problems.append(Problem(source.mark(path), path_text(path), message))

    for peer in limits.get("peers") or {}:
        known(("limits", "peers", peer), "an adapter of this site", peer, source.data.get("adapters") or {})
    for flow, named in (limits.get("priorities") or {}).items():
        known(("limits", "priorities", flow), "a flow that is on", flow, source.data["flows"])
        if flow in definitions:
            triggers = [each.trigger for each in definitions[flow].transitions] + ["*"]
            for trigger in named:
                known(("limits", "priorities", flow, trigger), f"a trigger of {flow}", trigger, triggers)


def _touches(problems: Iterable[Problem], name: str) -> bool:
    return any(problem.path.startswith(path_text(("overrides", name))) for problem in problems)


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


# -- overrides
#: Mappings whose keys are declared by the flow: an override of one that is not there is a typo.
_DECLARED = {"states": "state", "policies": "retry policy", "adapters": "role", "settings": "setting"}
#: Lists whose items go by a name: an override is a mapping of that name to fields.
_NAMED = {"transitions": ("trigger", "trigger"), "timers": ("name", "timer")}


def _override(base: Source, override: Source, at: Path_) -> list[Problem]:
    """Lay a site's changes over a flow's raw data, and return what is wrong with them.

    Mappings merge, lists and scalars replace, ``transitions`` and ``timers`` go by trigger and by name. A trigger that
    several transitions share is changed in all of them.
    """
    problems: list[Problem] = []

    def refuse(path: Path_, message: str) -> None:
        problems.append(Problem(override.mark(path), path_text((*at, *path)), message))

    for name, value in override.data.items():
        if isinstance(value, dict) and name in _NAMED:
            identity, noun = _NAMED[name]
            items = base.data.get(name, [])
            for wanted, fields in value.items():
                indices = [index for index, item in enumerate(items) if item[identity] == wanted]
                if not indices:
                    known = dict.fromkeys(item[identity] for item in items)
                    refuse((name, wanted), f"the flow has no {noun} {wanted!r}{near(wanted, known)}")
                for key in _TELLING_APART if len(indices) > 1 else ():
                    if key in fields:
                        message = f"{len(indices)} transitions are called {wanted!r}, and this tells them apart"
                        refuse((name, wanted, key), message)
                for index in indices:
                    _merge(base, (name, index), fields, override, (name, wanted))
        elif isinstance(value, dict) and isinstance(known := base.data.get(name, {}), dict):
            for key in value if name in _DECLARED else ():
                if key not in known and (name, key) != ("policies", "default"):
                    refuse((name, key), f"the flow has no {_DECLARED[name]} {key!r}{near(key, known)}")
            _merge(base, (), {name: value}, override, ())
        else:
            _merge(base, (), {name: value}, override, ())
    return problems


def _caused(flow: Source, override: Source) -> list[Problem]:
    """Return what is wrong with a flow that was right before its override."""
    because = f"; the override at {override.mark(())} makes it so"
    return [
        Problem(problem.mark, problem.path, problem.message + because)
        for problem in _problems(FlowDefinition, flow_schema(), flow)
    ]


def _merge(base: Source, at: Path_, changes: Mapping[str, Any], override: Source, origin: Path_) -> None:
    target = base.data
    for part in at:
        target = target[part]
    for name, value in changes.items():
        here, there = (*at, name), (*origin, name)
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(base, here, value, override, there)
            continue
        target[name] = value
        for path in [path for path, _ in under(base.marks, here)]:
            del base.marks[(*here, *path)]
        for path, mark in under(override.marks, there):
            base.marks[(*here, *path)] = mark


# -- validation
def _problems(model: type[BaseModel], schema: dict[str, Any], source: Source) -> list[Problem]:
    """Return everything that is wrong with one file: against its schema, then what only the model can tell."""
    found = faults(schema, source.data)
    structural = [path for path, _ in found]
    found += [
        (path, message)
        for path, message in _beyond(model, source)
        if not any(_on_one_line(path, each) for each in structural)
    ]
    return list(dict.fromkeys(Problem(source.mark(path), path_text(path), message) for path, message in found))


def _on_one_line(path: Path_, other: Path_) -> bool:
    """Tell whether one of two paths leads through the other."""
    shared = min(len(path), len(other))
    return path[:shared] == other[:shared]


def _beyond(model: type[BaseModel], source: Source) -> Iterator[tuple[Path_, str]]:
    try:
        model.model_validate(source.data, by_alias=True, by_name=False)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            yield _path(source, each), each["msg"].removeprefix("Value error, ")


def _path(source: Source, error: ErrorDetails) -> Path_:
    """Return pydantic's location without the parts that name types, which no file knows."""
    path: Path_ = ()
    value = source.data
    for part in error["loc"]:
        index = isinstance(value, list) and isinstance(part, int) and part < len(value)
        if index or (isinstance(value, dict) and part in value):
            path, value = (*path, part), value[part]
    return path


def _again(error: InvalidFlow) -> list[Problem]:
    return [
        Problem(
            None if each["file"] is None else Mark(each["file"], each["line"], each["column"]),
            each["field"],
            each["message"],
        )
        for each in error.details["problems"]
    ]
