"""Legal actions as forms: what each sends, what it warns of, what has to be filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from engine.actions import Action, ActionKind, by_hand_model
from engine.commands import Report
from engine.errors import BadInput
from engine.events import Verdict
from engine.facts import loads
from engine.machine import Flow
from service.acting import Deed
from service.console.rendering import say, titled
from service.console.story import state_title, step_title
from service.four_eyes import needs_second

#: Actions that are for the exception, not for the day: shown below the others.
RARE = (ActionKind.CORRECT, ActionKind.MIGRATE)
_TEXT, _JSON = "text.", "json."
_STRUCTURED = ("array", "object")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form; ``name`` says how it is read."""

    name: str
    label: str
    required: bool
    structured: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that may be done now."""

    kind: str
    target: str
    title: str
    help: str
    sends: tuple[str, ...]
    sends_next: bool  #: the engine decides afterwards what is sent
    warnings: tuple[str, ...]
    fields: tuple[Field, ...]
    second: bool
    rare: bool
    changes: bool = False

    @property
    def anchor(self) -> str:
        """Return what names the form on its page."""
        return f"do-{self.kind}-{self.target}"


def offers(flow: Flow, report: Report, language: str, *, four_eyes: bool, may: set[ActionKind]) -> list[Offer]:
    """Return what may be done now by who may do ``may``, a trigger once however many ways it has."""
    found: dict[tuple[ActionKind, str], Offer] = {}
    for action in report.actions:
        if action.kind in may and (action.kind, action.target) not in found:
            found[action.kind, action.target] = _offer(flow, report, action, language, four_eyes=four_eyes)
    order = [ActionKind.SETTLE, ActionKind.RESUME, ActionKind.TRIGGER, ActionKind.REVERSE, ActionKind.CANCEL, *RARE]
    return sorted(found.values(), key=lambda each: order.index(ActionKind(each.kind)))


def _offer(flow: Flow, report: Report, action: Action, language: str, *, four_eyes: bool) -> Offer:
    kind, target = action.kind, action.target
    model = _model(flow, report, action)
    warnings = tuple(
        text for each in action.detail.get("warnings", ()) if (text := each["en" if language == "en" else "zh"])
    )
    helped = f"help_settle_{target}" if kind is ActionKind.SETTLE else f"help_{kind.value}"
    return Offer(
        kind=kind.value,
        target=target,
        title=_title(flow, report, action, language),
        help=say(language, helped) if helped in _HELPED else "",
        sends=action.sends or _again(report, action),
        sends_next=kind in (ActionKind.RESUME, ActionKind.SETTLE),
        warnings=warnings,
        fields=() if model is None else _fields(model),
        second=four_eyes and needs_second(report, kind, target),
        rare=kind in RARE,
        changes=kind is ActionKind.CORRECT,
    )


def _again(report: Report, action: Action) -> tuple[str, ...]:
    """Return what the engine may send once more, once a person says that it may."""
    call = report.visit.call
    again = action.kind is ActionKind.SETTLE and action.target == Verdict.NOT_APPLIED.value
    return (call.operation,) if again and call is not None else ()


_HELPED = frozenset(("help_settle_applied", "help_settle_not_applied", "help_resume", "help_correct"))


def _title(flow: Flow, report: Report, action: Action, language: str) -> str:
    edges = flow.edges(action.target, report.visit.state) if action.kind is ActionKind.TRIGGER else []
    if edges:  # of the ways from here, which may be called otherwise elsewhere
        return say(language, "do_trigger", target=titled(edges[0].definition.title, language, action.target))
    return deed_title(flow, action.kind, action.target, language)


def deed_title(flow: Flow | None, kind: ActionKind, target: str, language: str) -> str:
    """Return what a deed is called on a button; its target by its code where no flow is known."""
    match kind:
        case ActionKind.TRIGGER:
            return say(language, "do_trigger", target=target if flow is None else step_title(flow, target, language))
        case ActionKind.SETTLE:
            return say(language, f"do_settle_{target}")
        case ActionKind.REVERSE:
            return say(language, "do_reverse", target=target if flow is None else state_title(flow, target, language))
        case _:
            return say(language, f"do_{kind.value}")


def _model(flow: Flow, report: Report, action: Action) -> type[BaseModel] | None:
    if action.kind is ActionKind.TRIGGER:
        edges = flow.edges(action.target, report.visit.state)
        return next((edge.input for edge in edges if edge.input is not None), None)
    if action.kind is ActionKind.SETTLE and action.target == Verdict.APPLIED.value:
        found: type[BaseModel] | None = by_hand_model(flow, report.visit)
        return found
    return None


def _fields(model: type[BaseModel]) -> tuple[Field, ...]:
    """Return the fields of a model: lists and mappings as JSON, all else as text."""
    found = []
    shapes: dict[str, Any] = model.model_json_schema(mode="validation").get("properties", {})
    for name, info in model.model_fields.items():
        shape = shapes.get(info.alias or name, {})
        kinds = {each.get("type", "object") for each in shape.get("anyOf", [shape]) if each.get("type") != "null"}
        structured = bool(kinds) and all(kind in _STRUCTURED for kind in kinds)
        prefix = _JSON if structured else _TEXT
        found.append(Field(f"{prefix}{name}", info.description or name, info.is_required(), structured))
    return tuple(found)


def deed_of(form: dict[str, str]) -> Deed:
    """Return the deed that a form asks for. Raises BadInput."""
    try:
        kind = ActionKind(form.get("kind", ""))
    except ValueError:
        raise BadInput("no such action", field="kind") from None
    target = form.get("target", "")
    if kind is ActionKind.SETTLE and target not in (Verdict.APPLIED, Verdict.NOT_APPLIED):
        raise BadInput("expected applied or not_applied", field="target")
    data: dict[str, Any] = {}
    for name, value in form.items():
        if name.startswith(_TEXT) and value.strip():
            data[name.removeprefix(_TEXT)] = value.strip()
        elif name.startswith(_JSON) and value.strip():
            data[name.removeprefix(_JSON)] = _json(value, name.removeprefix(_JSON))
    if kind is ActionKind.CORRECT:
        changes = _json(form.get("changes", ""), "changes")
        if not isinstance(changes, dict):
            raise BadInput("expected a JSON object of fields", field="changes")
        data = changes
    return Deed(kind, "" if kind in (*RARE, ActionKind.RESUME, ActionKind.CANCEL) else target, data)


def _json(text: str, field: str) -> Any:
    try:
        return loads(text.encode())
    except (ValueError, RecursionError):
        raise BadInput("expected JSON", field=field) from None
