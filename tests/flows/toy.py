"""A catalogue of nothing but names, a sound flow that speaks them, and ways to write and spoil files."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from engine.adapter import Operation
from engine.catalogue import Catalogue
from engine.errors import InvalidFlow
from engine.outcomes import Effect
from engine.steps import BaseProbe, BaseStep
from flows import load_site, read_flow


class Facts(BaseModel):
    name: str = ""


class Needed(BaseModel):
    invoice: str


class Desk:
    """An adapter with one operation of each effect."""

    name = "desk"
    operations: ClassVar[Mapping[str, Operation]] = {
        name: Operation(name, effect)
        for name, effect in {
            "look": Effect.READ,
            "put": Effect.KEYED,
            "pay": Effect.ONCE,
            "unpay": Effect.ONCE,
        }.items()
    }

    def message_id(self, now: int, number: int) -> str:
        return str(number)

    async def call(self, call: Any) -> Any: ...

    async def close(self) -> None: ...


def step(name: str, operation: str, role: str = "desk") -> type:
    return type(name, (BaseStep,), {"name": name, "role": role, "operation": operation, "request": lambda *_: {}})


def probe(name: str, operation: str, role: str = "desk") -> type:
    return type(name, (BaseProbe,), {"name": name, "role": role, "operation": operation, "request": lambda *_: {}})


STEPS = {
    "look": step("look", "look"),
    "put": step("put", "put"),
    "pay": step("pay", "pay"),
    "unpay": step("unpay", "unpay"),
    "find": probe("find", "look"),
    "reverse": probe("reverse", "put"),
    "harm": probe("harm", "pay"),
    "astray": step("astray", "look", role="nobody"),
    "lost": step("lost", "no_such_operation"),
}

CATALOGUE = Catalogue(
    modules={
        "toy": SimpleNamespace(
            STEPS=STEPS,
            CONDITIONS={"rich": lambda view: True, "old": lambda view: True},
            MODELS={"Facts": Facts, "Needed": Needed},
        )
    },
    adapters={"desk": Desk},  # type: ignore[dict-item]
)

#: A flow without any finding. Line numbers matter to the tests of messages.
FLOW = """\
flow: toy.visit
version: 1
title: {zh: 玩具, en: toy}
adapters: {desk: desk}
data: toy.Facts
opening: toy.Facts
initial: opened
final: [done]
cancelled: cancelled
settings: {hospital: "0123", keep: true}
policies:
  patient: {first: 2s}
states:
  opened: {title: {zh: 开, en: opened}}
  seen: {title: {zh: 见, en: seen}}
  paid: {title: {zh: 付, en: paid}, wait: 2h}
  done: {title: {zh: 完, en: done}}
  cancelled: {title: {zh: 撤, en: cancelled}}
transitions:
  - trigger: look
    from: opened
    to: seen
    step: toy.look
    auto: true
    retry: patient
  - trigger: pay
    title: {zh: 付款, en: pay}
    from: [seen]
    to: paid
    step: toy.pay
    deadline: 1h30m
    doubt: [probe: toy.find, ask]
    undo:
      trigger: unpay
      step: toy.unpay
      doubt: [probe: toy.find, ask]
  - trigger: leave
    from: paid
    to: done
timers:
  - {name: evening, in: paid, trigger: leave, at: "23:30"}
"""


def changed(*changes: tuple[str, str], text: str = FLOW) -> str:
    """Return the flow with pieces of its text replaced, each of which must be there once."""
    for old, new in changes:
        assert text.count(old) == 1, (text.count(old), old)
        text = text.replace(old, new)
    return text


def complaints(text: str, shown: str = "flows/x.yaml") -> list[str]:
    """Return the lines of the error that reading ``text`` as a flow raises."""
    with pytest.raises(InvalidFlow) as caught:
        read_flow(text, shown)
    return caught.value.message.split("\n")


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def site_complaints(path: Path) -> list[str]:
    """Return the lines of the error that loading a site raises."""
    with pytest.raises(InvalidFlow) as caught:
        load_site(path)
    return caught.value.message.split("\n")
