"""Reading YAML so that every value remembers its file, line and column.

YAML 1.2's core schema, whatever a ``%YAML`` directive says: ``on``, ``off``, ``yes`` and ``no`` are words, not
booleans; dates and times are text. Duplicate keys and tags are refused, and so is a number that would lose its leading
zeros.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from engine import tables
from engine.errors import InvalidFlow

Path_ = tuple[str | int, ...]

#: A flow is a page or two; what is larger, or grows larger by its aliases, is a mistake or an attack.
MAX_CHARACTERS = 1_000_000
MAX_VALUES = 50_000
MAX_DEPTH = 40


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
    """Return the error for what is wrong; its message holds every problem, one a line, each file's in its order."""
    files: dict[str, int] = {}
    for problem in problems:
        if problem.mark is not None:
            files.setdefault(problem.mark.file, len(files))
    problems = sorted(problems, key=lambda each: _order(each.mark, files))
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


def _order(mark: Mark | None, files: Mapping[str, int]) -> tuple[int, int, int]:
    return (-1, 0, 0) if mark is None else (files[mark.file], mark.line, mark.column)


def path_text(path: Path_) -> str:
    """Return ``transitions[3].undo.step`` for a path; a key with a dot stands in brackets, too."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) or "." in part else f"{'.' if text else ''}{part}"
    return text


def read_yaml(path: Path, shown: str) -> Source:
    """Read one file; ``shown`` is its name in messages.

    Raises:
        InvalidFlow: it cannot be read, is not YAML, or holds something that JSON could not.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise invalid([Problem(Mark(shown, 1, 1), "", "no such file")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise invalid([Problem(Mark(shown, 1, 1), "", f"cannot be read: {type(error).__name__}")]) from None
    return parse_yaml(text, shown)


def parse_yaml(text: str, shown: str) -> Source:
    """Read YAML text. Raises InvalidFlow."""
    start = Mark(shown, 1, 1)
    if len(text) > MAX_CHARACTERS:
        raise invalid([Problem(start, "", f"too long: at most {MAX_CHARACTERS} characters")])
    tree = _Tree(shown)
    try:
        root = tree.read(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = start if mark is None else _within(text, Mark(shown, mark.line + 1, mark.column + 1))
        message = (error.problem or error.context or "not YAML").split("\n")[0]
        raise invalid([*tree.problems, Problem(place, "", f"not valid YAML: {message}")]) from None
    except YAMLError as error:  # a character that may not be in YAML at all
        before = text[: getattr(error, "position", 0) or 0]
        place = Mark(shown, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        message = str(error).split("\n", maxsplit=1)[0]
        raise invalid([*tree.problems, Problem(place, "", f"not valid YAML: {message}")]) from None
    except (ValueError, RecursionError, LookupError, AttributeError, TypeError, AssertionError) as error:
        # PyYAML lets bare Python errors out for some malformed documents
        raise invalid([*tree.problems, Problem(start, "", f"not valid YAML: {type(error).__name__}")]) from None
    if tree.problems:
        raise invalid(tree.problems)
    source = Source(None)
    if root is not None:
        try:
            source.data = _flatten(root, (), root.mark, source.marks)
        except _TooLarge:
            message = f"too large: more than {MAX_VALUES} values once its aliases are written out"
            raise invalid([Problem(start, "", message)]) from None
    source.marks[()] = start
    return source


def _within(text: str, mark: Mark) -> Mark:
    """Return the place, or the end of the text: libyaml counts a line after the last one."""
    lines = text.split("\n")
    return mark if mark.line <= len(lines) else Mark(mark.file, len(lines), len(lines[-1]) + 1)


@dataclass(slots=True)
class _Node:
    """A value where it was written. Aliases share it. Keys carry the place that messages point at."""

    mark: Mark
    value: Any  #: a scalar, a list of nodes, or a dict of name → (place of the key, node)


class _TooLarge(Exception):
    """Aliases of aliases: the document would not end."""


def _flatten(node: _Node, path: Path_, mark: Mark, marks: dict[Path_, Mark]) -> Any:
    if len(marks) >= MAX_VALUES or len(path) > 2 * MAX_DEPTH:
        raise _TooLarge
    marks[path] = mark
    if isinstance(node.value, dict):
        return {key: _flatten(item, (*path, key), place, marks) for key, (place, item) in node.value.items()}
    if isinstance(node.value, list):
        return [_flatten(item, (*path, index), item.mark, marks) for index, item in enumerate(node.value)]
    return node.value


@dataclass(slots=True)
class _Open:
    """A collection that is being read. A mapping's ``key`` is set while its value is awaited."""

    node: _Node
    anchor: str | None
    path: Path_
    key: str | None = None
    key_mark: Mark | None = None


class _Tree:
    """Builds nodes from the parser's events, without recursion, and goes on after what can be gone on after."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.problems: list[Problem] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, _Node] = {}
        self._root: _Node | None = None

    def read(self, text: str) -> _Node | None:
        for event in tables.events(text):
            if isinstance(event, NodeEvent):
                self._start(event)
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                done = self._open.pop()
                self._finish(done.node, done.anchor)
        return self._root

    def _start(self, event: Any) -> None:
        mark = Mark(self.shown, event.start_mark.line + 1, event.start_mark.column + 1)
        if not self._open and self._root is not None:
            raise MarkedYAMLError(problem="expected one document in a file", problem_mark=event.start_mark)
        if self._awaits_key() and not isinstance(event, ScalarEvent):
            raise MarkedYAMLError(problem="expected a word as key", problem_mark=event.start_mark)
        if isinstance(event, AliasEvent):
            known = self._anchors.get(event.anchor or "")
            if known is None:
                self._complain(mark, f"there is no anchor &{event.anchor} before this alias")
            self._finish(known or _Node(mark, None), None)
            return
        tag = event.tag
        if tag is not None and tag not in ("!", "tag:yaml.org,2002:str"):
            self._complain(mark, f"tags are not read: {_short(str(tag))}")
        if isinstance(event, ScalarEvent) and self._awaits_key():
            self._take_key(self._text(event.value, mark), mark)
            return
        if isinstance(event, ScalarEvent):
            read = self._scalar if not event.style and tag is None else self._text
            self._finish(_Node(mark, read(event.value, mark)), event.anchor)
            return
        if len(self._open) >= MAX_DEPTH:
            raise MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)
        kind: Any = {} if isinstance(event, MappingStartEvent) else []
        self._open.append(_Open(_Node(mark, kind), event.anchor, self._here()))

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].node.value, dict) and self._open[-1].key is None

    def _here(self) -> Path_:
        """Return the path of the value that comes next."""
        if not self._open:
            return ()
        around = self._open[-1]
        if isinstance(around.node.value, list):
            return (*around.path, len(around.node.value))
        return around.path if around.key is None else (*around.path, around.key)

    def _take_key(self, key: str, mark: Mark) -> None:
        around = self._open[-1]
        if (earlier := around.node.value.get(key)) is not None:
            self._complain(mark, f"duplicate key {_short(key)!r}; it stands in line {earlier[0].line} already")
        around.key, around.key_mark = key, mark

    def _finish(self, node: _Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self._root = node
            return
        around = self._open[-1]
        if isinstance(around.node.value, list):
            around.node.value.append(node)
        elif around.key is not None:
            around.node.value[around.key] = (around.key_mark or node.mark, node)
            around.key = around.key_mark = None

    def _complain(self, mark: Mark, message: str) -> None:
        self.problems.append(Problem(mark, path_text(self._here()), message))

    def _text(self, text: str, mark: Mark) -> str:
        try:
            text.encode()
        except UnicodeEncodeError:
            self._complain(mark, "holds half of a character (a lone surrogate)")
        return text

    def _scalar(self, text: str, mark: Mark) -> Any:
        """Return what a plain scalar means under YAML 1.2's core schema."""
        try:
            value = tables.scalar(text)
        except ValueError:  # more digits than Python reads
            value = 0
        if isinstance(value, str):
            return self._text(text, mark)
        if isinstance(value, int | float) and not isinstance(value, bool):
            if _LEADING_ZERO.match(text):
                self._complain(mark, "put quotes around it: as a number it loses its leading zeros")
            if len(text) > 18:
                self._complain(mark, "put quotes around it: it is too long for a number")
                return 0
        return value


_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def under(marks: Mapping[Path_, Mark], prefix: Path_) -> Iterator[tuple[Path_, Mark]]:
    """Return the marks below ``prefix``, with paths relative to it."""
    size = len(prefix)
    for path, mark in marks.items():
        if path[:size] == prefix:
            yield path[size:], mark
