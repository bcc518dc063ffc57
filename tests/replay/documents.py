"""JSON documents that change little from one to the next: what changed, laid over, and compared leaf by leaf.

A path is the names on the way to a value, with ``/`` between them; in lists the number of the element.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

#: How the absence of a value is told.
ABSENT = "(nothing)"


@dataclass(frozen=True, slots=True)
class Change:
    """What turns one document into the next: values by path, and paths that are gone."""

    values: dict[str, Any]
    gone: list[str]


def change(old: Any, new: Any) -> Change:
    """Return what turns ``old`` into ``new``, briefly; both are JSON objects without ``/`` in their names."""
    found = Change({}, [])
    for name in old:
        if name not in new:
            found.gone.append(_join("", name))
    for name, value in new.items():
        if name in old:
            part = _change(old[name], value, name)
            found.values.update(part.values)
            found.gone.extend(part.gone)
        else:
            found.values[_join("", name)] = value
    return found


def _change(old: Any, new: Any, path: str) -> Change:
    """Return the change of one value: piece by piece or, where that is shorter, as a whole."""
    before, after = _inside(old), _inside(new)
    whole = Change({path: new}, [])
    if type(old) is not type(new):
        return whole
    if before is None or after is None:
        return Change({}, []) if old == new else whole
    pieces = Change({}, [_join(path, name) for name in before if name not in after])
    for name, value in after.items():
        if name in before:
            part = _change(before[name], value, _join(path, name))
            pieces.values.update(part.values)
            pieces.gone.extend(part.gone)
        else:
            pieces.values[_join(path, name)] = value
    return pieces if len(_text(pieces)) <= len(_text(whole)) else whole


def _text(what: Change) -> str:
    return json.dumps([what.values, what.gone] if what.gone else [what.values])


def changed(old: Any, what: Change) -> Any:
    """Return ``old`` with ``what`` laid over it; ``old`` stays as it is. Raises LookupError when it does not fit."""
    new = deepcopy(old)
    for path in sorted(what.gone, key=natural, reverse=True):
        place, name = _place(new, path)
        del place[name]
    for path in sorted(what.values, key=natural):
        value = what.values[path]
        place, name = _place(new, path)
        if isinstance(place, list) and name == len(place):
            place.append(deepcopy(value))
        else:
            place[name] = deepcopy(value)
    return new


def differences(expected: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Return every leaf that differs: its path, what was expected, what is there now (:data:`ABSENT`: nothing)."""
    before, after = _inside(expected), _inside(now)
    if before is None or after is None or type(expected) is not type(now):
        if expected != now or type(expected) is not type(now):
            yield path, expected, now
        return
    for name in dict.fromkeys([*before, *after]):
        yield from differences(before.get(name, ABSENT), after.get(name, ABSENT), _join(path, name))


def natural(path: str) -> list[tuple[int, str]]:
    """Return what paths are sorted by: names as words, numbers of elements as numbers."""
    return [(int(name), "") if name.isdecimal() else (-1, name) for name in path.split("/")]


def _inside(value: Any) -> dict[str, Any] | None:
    """Return the named parts of an object or a list; None: it is a leaf."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    return None


def _join(path: str, name: str) -> str:
    assert "/" not in name, f"a name with / in it: {name}"
    return f"{path}/{name}" if path else name


def _place(document: Any, path: str) -> tuple[Any, Any]:
    *way, last = path.split("/")
    for name in way:
        document = document[int(name) if isinstance(document, list) else name]
    return document, int(last) if isinstance(document, list) else last
