"""Answers of the centre of Inner Mongolia as tables: members by their names, codes with their meanings beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from rich.table import Table
from rich.text import Text

from adapters.neimenggu.codes import code_tables
from adapters.neimenggu.contracts import Member, Shape, contracts
from adapters.neimenggu.regions import regions
from engine.tables import table
from service.cli.console import language, out, say

#: A region's code, wherever it stands.
_REGION = "aab301"


@cache
def _columns() -> Mapping[str, Sequence[str]]:
    found: Mapping[str, Sequence[str]] = table(__file__, "neimenggu.yaml")["columns"]
    return found


def print_answer(operation: str, reply: Mapping[str, Any], full: bool = False) -> None:
    """Print a reply: single members first, then each list; ``full`` shows all members of each row."""
    _print_object(contracts()[operation].reply, reply, full)


def _print_object(shape: Shape, found: Mapping[str, Any], full: bool) -> None:
    members = {member.name: member for member in shape.members}
    single = [name for name in (*members, *found) if name in found and not _is_rows(found[name])]
    plain = [name for name in dict.fromkeys(single) if not isinstance(found[name], Mapping)]
    if plain:
        _print_pairs([(members.get(name), name, found[name]) for name in plain])
    for name in dict.fromkeys(single):
        inner = members.get(name)
        if isinstance(found[name], Mapping) and inner is not None and inner.shape is not None:
            _print_object(inner.shape, found[name], full)
    for member in shape.members:
        if member.kind == "list" and member.shape is not None:
            _print_rows(member, member.shape, found.get(member.name, []), full)


def _is_rows(value: object) -> bool:
    return isinstance(value, list)


def _print_rows(member: Member, shape: Shape, rows: Sequence[Mapping[str, Any]], full: bool) -> None:
    out.print(Text(f"{_words(member)}: {len(rows)}", style="bold"))
    if not rows:
        return
    if full:
        for number, row in enumerate(rows, 1):
            out.print(Text(f"# {number}", style="dim"))
            _print_object(shape, row, full)
        return
    members = {each.name: each for each in shape.members}
    names = [name for name in _columns()[shape.name] if any(name in row for row in rows)]
    grid = Table(*(_words(members[name]) for name in names), box=None, pad_edge=False)
    for row in rows:
        grid.add_row(*(Text(_shown(members.get(name), name, row.get(name))) for name in names))
    out.print(grid)


def _print_pairs(pairs: Sequence[tuple[Member | None, str, object]]) -> None:
    grid = Table(say("field"), "", "", box=None, pad_edge=False, show_header=False)
    for member, name, value in pairs:
        grid.add_row(_words(member) if member else name, Text(name, style="dim"), Text(_shown(member, name, value)))
    out.print(grid)


def _words(member: Member) -> str:
    return member.en if language() == "en" else member.zh


def _shown(member: Member | None, name: str, value: object) -> str:
    """Return a value as it is read: amounts plainly, codes with their meaning."""
    if value is None:
        return ""
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    return " ".join((text, *_meaning(member, name, text)))


def _meaning(member: Member | None, name: str, code: str) -> Iterator[str]:
    if member is not None and member.table:
        word = code_tables()[member.table].word(code, english=language() == "en")
        if word != code:
            yield word
    elif name == _REGION and code in regions():
        yield regions()[code]
