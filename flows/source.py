"""Reading YAML so that every value remembers its file, line and column.

YAML 1.2: ``on``, ``off``, ``yes`` and ``no`` are words, not booleans. Duplicate keys are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarfloat import ScalarFloat
from ruamel.yaml.scalarint import ScalarInt
from ruamel.yaml.scalarstring import ScalarString

from engine.errors import InvalidFlow

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Return ``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(slots=True)
class Source:
    """Plain data, and where each of its values stands."""

    data: Any
    marks: dict[Path_, Mark] = field(default_factory=dict)

    def mark(self, path: Path_) -> Mark | None:
        """Return the place of ``path``, or of the nearest thing around it."""
        for end in range(len(path), -1, -1):
            if (found := self.marks.get(path[:end])) is not None:
                return found
        return None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file, at a place."""

    mark: Mark | None
    path: str
    message: str

    def __str__(self) -> str:
        """Return one line for a person."""
        where = f"{self.mark}: " if self.mark is not None else ""
        return f"{where}{self.path + ': ' if self.path else ''}{self.message}"


def invalid(problems: list[Problem]) -> InvalidFlow:
    """Return the error for what is wrong; its message holds every problem, one a line."""
    first = problems[0]
    return InvalidFlow(
        "\n".join(str(problem) for problem in problems),
        field=first.path or None,
        problems=[
            {
                "file": problem.mark.file if problem.mark else None,
                "line": problem.mark.line if problem.mark else None,
                "column": problem.mark.column if problem.mark else None,
                "field": problem.path,
                "message": problem.message,
            }
            for problem in problems
        ],
    )


def path_text(path: Path_) -> str:
    """Return ``transitions[3].undo.step`` for a path."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


def read_yaml(path: Path, shown: str) -> Source:
    """Read one file; ``shown`` is its name in messages.

    Raises:
        InvalidFlow: it cannot be read, is not YAML, or holds something that JSON could not.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise invalid([Problem(Mark(shown, 1, 1), "", "no such file")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise invalid([Problem(Mark(shown, 1, 1), "", f"cannot be read: {type(error).__name__}")]) from None
    return parse_yaml(text, shown)


def parse_yaml(text: str, shown: str) -> Source:
    """Read YAML text. Raises InvalidFlow."""
    try:
        tree = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Mark(shown, 1, 1) if mark is None else Mark(shown, mark.line + 1, mark.column + 1)
        message = (error.problem or error.context or "not YAML").split("\n")[0]
        raise invalid([Problem(place, "", f"not valid YAML: {message}")]) from None
    except (YAMLError, ValueError, RecursionError, AttributeError, KeyError, TypeError, IndexError) as error:
        # ruamel raises bare Python errors for some malformed documents
        raise invalid([Problem(Mark(shown, 1, 1), "", f"not valid YAML: {type(error).__name__}")]) from None
    source = Source(None)
    problems: list[Problem] = []
    source.data = _plain(tree, (), Mark(shown, 1, 1), source.marks, problems)
    if problems:
        raise invalid(problems)
    return source


def _plain(value: Any, path: Path_, mark: Mark, marks: dict[Path_, Mark], problems: list[Problem]) -> Any:
    marks[path] = mark
    if len(path) > 50:
        problems.append(Problem(mark, path_text(path[:3]), "nested too deeply"))
        return None
    if isinstance(value, CommentedMap):
        found: dict[str, Any] = {}
        for key, item in value.items():
            place = _key_mark(value, key, mark)
            if not isinstance(key, str):
                problems.append(Problem(place, path_text(path), f"expected a word as key, got {key!r}"))
                continue
            found[str(key)] = _plain(item, (*path, str(key)), place, marks, problems)
        return found
    if isinstance(value, CommentedSeq):
        return [
            _plain(item, (*path, index), _item_mark(value, index, mark), marks, problems)
            for index, item in enumerate(value)
        ]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, ScalarString | str):
        return str(value)
    if isinstance(value, ScalarInt | int):
        return int(value)
    if isinstance(value, ScalarFloat | float):
        return float(value)
    if type(value).__name__ == "ScalarBoolean":
        return bool(value)
    message = f"expected text, a number, true/false, a list or a mapping, got {type(value).__name__}"
    problems.append(Problem(mark, path_text(path), message))
    return None


def _key_mark(value: CommentedMap, key: Any, around: Mark) -> Mark:
    try:
        line, column = value.lc.key(key)
    except (KeyError, AttributeError, TypeError):
        return around
    return Mark(around.file, line + 1, column + 1)


def _item_mark(value: CommentedSeq, index: int, around: Mark) -> Mark:
    try:
        line, column = value.lc.item(index)
    except (KeyError, AttributeError, TypeError):
        return around
    return Mark(around.file, line + 1, column + 1)


def under(marks: Mapping[Path_, Mark], prefix: Path_) -> Iterator[tuple[Path_, Mark]]:
    """Return the marks below ``prefix``, with paths relative to it."""
    size = len(prefix)
    for path, mark in marks.items():
        if path[:size] == prefix:
            yield path[size:], mark
