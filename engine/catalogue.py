"""Where names in a flow become code: steps, conditions, data models and adapters, by entry point or dotted name."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from engine.adapter import Adapter
from engine.steps import SettlingStep, Step, View

Condition = Callable[[View], bool]


class UnknownName(LookupError):
    """A name in a flow stands for nothing that is installed."""


@dataclass(slots=True)
class Catalogue:
    """All steps, conditions and adapters that flows may name.

    ``modules`` maps the first word of a short name to a module: with ``{"jiangsu": steps.jiangsu}``,
    ``jiangsu.settle`` is what that module calls ``settle`` in its table ``STEPS``, ``CONDITIONS`` or ``MODELS``.
    Anything else is imported by its dotted name.
    """

    modules: MutableMapping[str, Any] = field(default_factory=dict)
    adapters: MutableMapping[str, type[Adapter]] = field(default_factory=dict)

    def step(self, name: str) -> Step:
        """Return the step ``name``. Raises UnknownName."""
        found = self._find(name, "STEPS")
        if not (hasattr(found, "request") and hasattr(found, "fold")):
            raise UnknownName(f"{name} is not a step (no request and fold)")
        step: Step = _instance(found)
        return step

    def settling_step(self, name: str) -> SettlingStep:
        """Return the probe or reversal ``name``. Raises UnknownName."""
        found = self._find(name, "STEPS")
        if not (hasattr(found, "request") and hasattr(found, "judge")):
            raise UnknownName(f"{name} cannot settle a doubt (no request and judge)")
        step: SettlingStep = _instance(found)
        return step

    def condition(self, name: str) -> Condition:
        """Return the predicate ``name``. Raises UnknownName."""
        found = self._find(name, "CONDITIONS")
        if not callable(found) or inspect.isclass(found):
            raise UnknownName(f"{name} is not a condition")
        condition: Condition = found
        return condition

    def model(self, name: str) -> type[BaseModel]:
        """Return the pydantic model ``name``. Raises UnknownName."""
        found = self._find(name, "MODELS")
        if not (inspect.isclass(found) and issubclass(found, BaseModel)):
            raise UnknownName(f"{name} is not a pydantic model")
        return found

    def adapter(self, name: str) -> type[Adapter]:
        """Return the adapter class ``name``. Raises UnknownName."""
        try:
            return self.adapters[name]
        except KeyError:
            raise UnknownName(
                f"no adapter is called {name}; known: {', '.join(sorted(self.adapters)) or 'none'}"
            ) from None

    def _find(self, name: str, table: str) -> Any:
        head, _, rest = name.partition(".")
        if rest and (module := self.modules.get(head)) is not None:
            offered: Mapping[str, Any] = getattr(module, table, {})
            if rest in offered:
                return offered[rest]
            raise UnknownName(f"{name} is unknown; {head} has: {', '.join(sorted(offered)) or 'none'}")
        path, _, attribute = name.partition(":")
        if not attribute:
            path, _, attribute = name.rpartition(".")
        if not path:
            raise UnknownName(f"{name} is unknown; known systems: {', '.join(sorted(self.modules)) or 'none'}")
        try:
            return getattr(importlib.import_module(path), attribute)
        except ImportError as error:
            known = ", ".join(sorted(self.modules)) or "none"
            raise UnknownName(f"{name}: {head} is no known system ({known}), and {error}") from error
        except AttributeError:
            raise UnknownName(f"{path} has no {attribute}") from None


def _instance(found: Any) -> Any:
    return found() if inspect.isclass(found) else found
