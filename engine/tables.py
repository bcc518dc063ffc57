"""Tables that stand beside the code as YAML: codes, contracts, words, who may what (ADR 38).

One reading for all of them, and the same that flows and sites have (``flows/source.py``): YAML 1.2's core schema,
where ``on``, ``off``, ``yes`` and ``no`` are words and dates and times are text. A key that stands twice is refused.
libyaml reads where it is there; without it the same classes in Python do, fifteen times slower.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.constructor import ConstructorError

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]{1,18}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def scalar(text: str) -> str | int | float | bool | None:
    """Return what a plain scalar means under YAML 1.2's core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return int(text, 0) if _BASED.fullmatch(text) else text


def events(text: str) -> Iterator[yaml.Event]:
    """Return the parser's events, with their places. Raises yaml.YAMLError."""
    return yaml.parse(text, Loader=_LOADER)


def load(text: str) -> Any:
    """Return what one document holds. Raises yaml.YAMLError, with the place, also for a key that stands twice."""
    return yaml.load(text, Loader=_Tables)  # noqa: S506 - a safe loader


def table(module: str, name: str) -> Any:
    """Return the table ``name`` that stands beside, or in a folder beside, the file ``module`` (its ``__file__``)."""
    return load((Path(module).parent / name).read_text(encoding="utf-8"))


class _Tables(_LOADER):  # type: ignore[misc]  # either of the two
    """The safe loader with the scalars of YAML 1.2; ``<<`` takes over the members of another row."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # every scalar comes to _scalar below

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping; what ``<<`` brings yields to what it says itself. Raises ConstructorError."""
        brought: dict[Any, Any] = {}
        own: dict[Any, Any] = {}
        for name, value in node.value:
            if name.value == "<<" and not name.style:
                brought |= self.construct_object(value, deep=True)
                continue
            key = self.construct_object(name, deep=True)
            if key in own:
                raise ConstructorError(None, None, f"duplicate key {key!r}", name.start_mark)
            own[key] = self.construct_object(value, deep=deep)
        return brought | own


def _scalar(_loader: Any, node: yaml.ScalarNode) -> Any:
    return node.value if node.style else scalar(node.value)


_Tables.add_constructor("tag:yaml.org,2002:str", _scalar)
