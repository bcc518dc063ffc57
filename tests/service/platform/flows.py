"""Small flows for every call of ``business.yaml``: one step a call, the answer or the refusal kept, nothing more.

The shipped flows are proven elsewhere. These hold the seam: ``requests`` in, ``answers`` and ``refusals`` out.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import BaseModel, ConfigDict

from adapters.hospital import HospitalPort
from adapters.platform.calling import HOSPITAL_METHODS
from adapters.platform.contracts import build_request
from engine import tables
from engine.catalogue import Catalogue
from engine.definitions import FlowDefinition
from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Progress, View
from service.platform.table import table
from tests.jiangsu import ROOT

Body = dict[str, Any]


class Requests(BaseModel):
    model_config = ConfigDict(extra="forbid")
    requests: dict[str, Body]


class Data(Requests):
    answers: dict[str, Body] = {}
    refusals: dict[str, Body] = {}


def word(number: str) -> str:
    return "n" + number.replace(".", "_")


def _step(number: str) -> type[BaseStep]:
    class Hand(BaseStep):
        name, role, operation = f"toy.{word(number)}", "his", number

        def request(self, view: View) -> Mapping[str, Any]:
            return view.data["requests"][number]

        def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
            kept = {name: each for name, each in reply.items() if each is not None}
            return Progress({"answers": {number: None}} | {"answers": {number: kept}, "refusals": {number: None}})

        def refused(self, view: View, refusal: Refused) -> Progress | None:
            if refusal.category in (Category.LATER, Category.CREDENTIALS):
                return None
            told = {"code": refusal.code, "msg": refusal.message}
            return Progress({"refusals": {number: told}, "answers": {number: None}})

    return Hand


def _asks(number: str) -> Any:
    def asked(view: View) -> bool:
        return number in view.data.get("requests", {})

    return asked


def refused_only(view: View) -> bool:
    """Whether nothing was taken: the order may be closed."""
    return not any(view.data.get("answers", {}).values())


@cache
def catalogue() -> Catalogue:
    numbers = list(table().interfaces)
    module = SimpleNamespace(
        STEPS={word(number): _step(number) for number in numbers},
        CONDITIONS={f"asks_{word(number)}": _asks(number) for number in numbers} | {"refused_only": refused_only},
        MODELS={"Requests": Requests, "Data": Data},
    )
    return Catalogue({"toy": module}, {"hospital": HospitalPort})


PAID = {"first": "20ms", "factor": 1, "cap": "50ms", "total": "1h"}


def _flow(name: str) -> FlowDefinition:
    rows = {number: row for number, row in table().interfaces.items() if row.flow == name}
    harm = {"doubt": ["ask"], "undo": {"impossible": "a toy"}, "retry": "paid"}
    transitions: list[Body] = [
        {"trigger": word(number), "from": "opened", "to": "answered", "step": f"toy.{word(number)}", "auto": True}
        | {"when": [f"toy.asks_{word(number)}"]}
        | harm
        for number, row in rows.items()
        if row.act != "trigger"
    ]
    transitions += [
        {"trigger": row.trigger, "from": "answered", "to": "answered", "step": f"toy.{word(number)}"}
        | {"input": "toy.Requests"}
        | harm
        for number, row in rows.items()
        if row.trigger
    ]
    if not any(row.act == "trigger" and row.order for row in rows.values()):  # those live on after a refused payment
        transitions.append(
            {"trigger": "fail", "from": "answered", "to": "closed", "auto": True, "when": ["toy.refused_only"]}
            | {"undo": {"impossible": "a toy"}}
        )
    transitions.append({"trigger": "end", "from": "answered", "to": "over"})
    return FlowDefinition.model_validate(
        {
            "flow": name,
            "version": 1,
            "adapters": {"his": "hospital"},
            "opening": "toy.Requests",
            "data": "toy.Data",
            "initial": "opened",
            "final": ["over", "closed"],
            "cancelled": "cancelled",
            "policies": {"paid": PAID},
            "settling": {"first_look": "10ms", "late_look": "20ms"},
            "states": dict.fromkeys(("opened", "answered", "over", "closed", "cancelled")),
            "transitions": transitions,
        }
    )


@cache
def definitions() -> tuple[FlowDefinition, ...]:
    """A flow for every name in the table, and the shipped one of references."""
    raw = tables.load((Path(ROOT) / "flows/platform/reference.yaml").read_text(encoding="utf-8"))
    names = dict.fromkeys(row.flow for row in table().interfaces.values())
    return (*map(_flow, names), FlowDefinition.model_validate(raw))


def wire(operation: str, values: Any) -> Any:
    """A request as the platform writes it."""
    return build_request(HOSPITAL_METHODS[operation].interface, values)
