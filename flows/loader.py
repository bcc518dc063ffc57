"""From a site's flows.yaml and the files it includes to validated definitions, with errors that name file and line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from engine.definitions import FlowDefinition
from engine.errors import InvalidFlow
from flows.source import Mark, Path_, Problem, Source, invalid, path_text, read_yaml, under

_Model = TypeVar("_Model", bound=BaseModel)

#: ``package:jiangsu/*.yaml`` in ``include`` names files that are installed with visitflow.
PACKAGED = "package:"


class SiteFile(BaseModel):
    """What a site's flows.yaml may hold."""

    model_config = ConfigDict(extra="forbid")

    include: list[str]
    flows: list[str]
    adapters: dict[str, dict[str, Any]] = {}
    overrides: dict[str, dict[str, Any]] = {}
    schedules: list[dict[str, Any]] = []


@dataclass(slots=True)
class Site:
    """A site's configuration: the flows that are on, in order, and its adapters' settings."""

    path: str
    definitions: list[FlowDefinition]
    adapters: dict[str, dict[str, Any]]
    available: list[str] = field(default_factory=list)  #: all included flows, also those that are off
    sources: dict[str, Source] = field(default_factory=dict)  #: where each flow's values stand


def load_site(path: Path) -> Site:
    """Read flows.yaml and what it includes.

    Raises:
        InvalidFlow: with every problem found, one a line: file, line, column, field, what was expected.
    """
    shown = _shown(path)
    source = read_yaml(path, shown)
    site = _validated(SiteFile, source)
    problems: list[Problem] = []
    flows = _read_flows(path, source, site, problems)
    for index, name in enumerate(site.flows):
        if name not in flows:
            message = f"no included file defines {name!r}{_near(name, flows)}"
            problems.append(Problem(source.mark(("flows", index)), f"flows[{index}]", message))
    for name, changes in site.overrides.items():
        if name not in flows:
            message = f"no included file defines {name!r}{_near(name, flows)}"
            problems.append(Problem(source.mark(("overrides", name)), f"overrides.{name}", message))
        elif name in flows:
            _override(flows[name], changes, dict(under(source.marks, ("overrides", name))), problems)
    definitions: dict[str, FlowDefinition] = {}
    for name, flow_source in flows.items():
        try:
            definitions[name] = _validated(FlowDefinition, flow_source)
        except InvalidFlow as error:
            problems.extend(_again(error))
    if problems:
        raise invalid(problems)
    return Site(
        path=shown,
        definitions=[definitions[name] for name in dict.fromkeys(site.flows)],
        adapters=site.adapters,
        available=sorted(flows),
        sources=flows,
    )


def _read_flows(path: Path, source: Source, site: SiteFile, problems: list[Problem]) -> dict[str, Source]:
    flows: dict[str, Source] = {}
    for index, pattern in enumerate(site.include):
        mark = source.mark(("include", index))
        files = _matching(path.parent, pattern)
        if not files:
            problems.append(Problem(mark, f"include[{index}]", f"{pattern!r} matches no file"))
        for file in files:
            try:
                found = read_yaml(file, _shown(file))
            except InvalidFlow as error:
                problems.extend(_again(error))
                continue
            name = found.data.get("flow") if isinstance(found.data, dict) else None
            if not isinstance(name, str):
                problems.append(Problem(found.mark(()), "flow", "expected the flow's name, such as jiangsu.outpatient"))
            elif name in flows:
                other = flows[name].mark(("flow",))
                problems.append(Problem(found.mark(("flow",)), "flow", f"{name!r} is defined in {other} already"))
            else:
                flows[name] = found
    return flows


def _matching(folder: Path, pattern: str) -> list[Path]:
    if pattern.startswith(PACKAGED):
        folder, pattern = Path(__file__).parent, pattern.removeprefix(PACKAGED)
    try:
        return sorted(file for file in folder.glob(pattern) if file.is_file())
    except (ValueError, NotImplementedError):  # an absolute or empty pattern
        file = Path(pattern)
        return [file] if pattern and file.is_file() else []


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


# -- overrides
def _override(base: Source, changes: Mapping[str, Any], marks: dict[Path_, Mark], problems: list[Problem]) -> None:
    """Lay a site's changes over a flow's raw data: mappings merge, the rest replaces, transitions go by trigger."""
    if not isinstance(base.data, dict):
        return
    rest = dict(changes)
    for identity in ("flow", "version"):
        if identity in rest:
            problems.append(Problem(marks.get((identity,)), identity, "cannot be overridden"))
            del rest[identity]
    transitions = rest.pop("transitions", {})
    for name, known in (("states", base.data.get("states")), ("policies", base.data.get("policies"))):
        changed = rest.get(name)
        if name == "states" and isinstance(changed, dict) and isinstance(known, dict):
            _refuse_unknown(changed, known, (name,), marks, problems)
    _merge(base, (), rest, (), marks)
    if not isinstance(transitions, dict):
        message = "expected a mapping of trigger to fields"
        problems.append(Problem(marks.get(("transitions",)), "transitions", message))
        return
    existing = base.data.get("transitions")
    by_trigger: dict[str, list[int]] = {}
    for index, each in enumerate(existing if isinstance(existing, list) else []):
        if isinstance(each, dict):
            by_trigger.setdefault(str(each.get("trigger")), []).append(index)
    _refuse_unknown(transitions, by_trigger, ("transitions",), marks, problems)
    for trigger, fields in transitions.items():
        for index in by_trigger.get(trigger, ()):
            if isinstance(fields, dict):
                _merge(base, ("transitions", index), fields, ("transitions", trigger), marks)


def _refuse_unknown(
    changed: Mapping[str, Any],
    known: Mapping[str, Any],
    path: Path_,
    marks: Mapping[Path_, Mark],
    problems: list[Problem],
) -> None:
    for name in changed:
        if name not in known:
            where = (*path, name)
            message = f"the flow has no {path[0]} {name!r}{_near(name, known)}"
            problems.append(Problem(marks.get(where), path_text(where), message))


def _merge(base: Source, at: Path_, changes: Mapping[str, Any], origin: Path_, marks: Mapping[Path_, Mark]) -> None:
    target = base.data
    for part in at:
        target = target[part]
    for name, value in changes.items():
        here, there = (*at, name), (*origin, name)
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(base, here, value, there, marks)
            continue
        target[name] = value
        for path, mark in under(marks, there):
            base.marks[(*here, *path)] = mark


# -- validation
def _validated(model: type[_Model], source: Source) -> _Model:
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        raise invalid([_problem(model, source, each) for each in error.errors(include_url=False)]) from None


def _problem(model: type[BaseModel], source: Source, error: ErrorDetails) -> Problem:
    path = _known_path(source, error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    kind = error["type"]
    if kind == "extra_forbidden":
        name = str(error["loc"][-1])
        message = f"unknown key {name!r}{_near(name, _keys_at(model, path[:-1]))}"
    elif kind == "missing":
        message = f"{error['loc'][-1]!r} is missing"
    elif kind == "string_pattern_mismatch":
        message = f"expected a name ({error['ctx']['pattern']})"
    elif kind in ("model_type", "dict_type"):
        message = "expected a mapping"
    elif kind in ("tuple_type", "list_type"):
        message = "expected a list"
    elif kind == "bool_parsing":
        message = "expected true or false"
    return Problem(source.mark(path), path_text(path), message)


def _known_path(source: Source, loc: Iterable[str | int]) -> Path_:
    """Return pydantic's location without the parts that name types, which no file knows."""
    path: Path_ = ()
    value = source.data
    for part in loc:
        if isinstance(value, dict) and isinstance(part, str) and (part in value or not _names_a_type(part)):
            path, value = (*path, part), value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            path, value = (*path, part), value[part]
    return path


def _names_a_type(part: str) -> bool:
    return "[" in part or part in ("str", "dict", "constrained-str")


def _keys_at(model: type[BaseModel], path: Path_) -> list[str]:
    """Return the keys that ``model`` knows at ``path``; empty where they are free."""
    current: Any = model
    for part in path:
        if isinstance(part, int):
            continue
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            return []
        field_ = current.model_fields.get(part)
        current = None if field_ is None else _inner_model(field_.annotation)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [info.alias or name for name, info in current.model_fields.items()]
    return []


def _inner_model(annotation: Any) -> Any:
    """Return the model inside ``tuple[Model, ...]``, ``dict[str, Model]`` or ``Model | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        if (found := _inner_model(inner)) is not None:
            return found
    return None


def _near(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def _again(error: InvalidFlow) -> list[Problem]:
    return [
        Problem(
            None if each["file"] is None else Mark(each["file"], each["line"], each["column"]),
            each["field"],
            each["message"],
        )
        for each in error.details["problems"]
    ]
