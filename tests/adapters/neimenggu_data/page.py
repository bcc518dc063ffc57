"""``python -m tests.adapters.neimenggu_data.page``: write what the data files say into docs/neimenggu.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from adapters.neimenggu.codes import code_tables
from adapters.neimenggu.contracts import Member, Rule, Shape, contracts
from adapters.neimenggu.errors import Kind, Row, error_groups
from adapters.neimenggu.interfaces import INTERFACES, Interface
from adapters.neimenggu.regions import prefecture_of, regions
from tests.jiangsu import ROOT
from tests.page import renew

PAGE = ROOT / "docs" / "neimenggu.md"
_UNDO = {"none": "–", "human": "by people"}
_RULES = {
    "not_zero": "not zero",
    "same_sign": "of one sign",
    "limited": "only",
    "known_order": "999, or an order beside it or uploaded earlier",
    "some_of": "at least one of them",
}


def _table(*heads: str) -> Iterator[str]:
    yield _cells(*heads)
    yield _cells(*("---" for _ in heads))


def _cells(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _interfaces() -> Iterator[str]:
    yield from _table("no.", "name", "operation", "method", "effect", "undo", "a lost answer is settled by")
    for row in INTERFACES.values():
        undo = _UNDO.get(row.undo, f"`{row.undo}`")
        name = f"{row.zh} {row.en}"
        yield _cells(row.number, name, f"`{row.operation}`", row.method, row.effect.value, undo, " → ".join(row.doubt))


def _contracts() -> Iterator[str]:
    shown: set[str] = set()
    for row in INTERFACES.values():
        yield f"### {row.number} {row.zh} {row.en}"
        yield ""
        yield f"`{row.operation}` · {row.method} · `{row.path}`{' · form' if row.carrier == 'form' else ''}"
        yield ""
        yield from _contract(row, shown)


def _contract(row: Interface, shown: set[str]) -> Iterator[str]:
    contract = contracts()[row.operation]
    for title, shape in (("Request", contract.request), ("Reply", contract.reply)):
        if not shape.members:
            yield f"{title}: nothing beside code and text."
            yield ""
            continue
        yield from _shape(f"{title}:", shape)
        yield from _groups(shape, shown)


def _groups(shape: Shape, shown: set[str]) -> Iterator[str]:
    for inner in (member.shape for member in shape.members if member.shape):
        if inner.name not in shown:
            shown.add(inner.name)
            yield from _shape(f"`{inner.name}` {inner.zh} {inner.en}:", inner)
            yield from _groups(inner, shown)


def _shape(title: str, shape: Shape) -> Iterator[str]:
    yield title
    yield ""
    yield from _table("member", "type", "needed", "meaning", "assumption")
    yield from (_member(member) for member in shape.members)
    yield ""
    for rule in shape.rules:
        yield f"- {_rule(rule)}"
    if shape.rules:
        yield ""


def _member(member: Member) -> str:
    need = "always" if member.always else f"{member.need.zh} {member.need.en}" if member.need else ""
    if member.empty:
        need += f"; must stay away: {member.empty.zh} {member.empty.en}"
    kind = f"{member.type} in `{member.within}`" if member.within else member.type
    return _cells(f"`{member.name}`", kind, need, f"{member.zh} {member.en}", member.doubt)


def _rule(rule: Rule) -> str:
    names = ", ".join(f"`{name}`" for name in rule.members)
    values = f" {' or '.join(sorted(rule.values))}" if rule.values else ""
    when = f" ({rule.when.zh} {rule.when.en})" if rule.when else ""
    switch = f" (switch {rule.switch})" if rule.switch else ""
    return f"{names}: {_RULES[rule.rule]}{values}{when}{switch}"


def _codes() -> Iterator[str]:
    yield from _table("table", "name", "codes", "source")
    for table in code_tables().values():
        codes = " · ".join(f"{each.code} {each.zh} {each.en}" for each in table.codes.values())
        yield _cells(table.name, f"{table.zh} {table.en}", codes, table.source)


def _errors() -> Iterator[str]:
    for group in error_groups():
        yield f"### ({group.number}) {group.zh} {group.en}"
        yield ""
        yield from _table("code", "class", "text", "in English")
        yield from (_cells(row.code, _class(row), row.meaning.zh, row.meaning.en) for row in group.rows)
        yield ""


def _class(row: Row) -> str:
    refused = row.meaning.kind is Kind.REFUSED
    return row.meaning.category.value if refused else row.meaning.kind.value


def _regions() -> Iterator[str]:
    within: dict[str, list[str]] = {}
    for code, zh in regions().items():
        within.setdefault(prefecture_of(code) or code, []).append(f"{code} {zh}")
    yield from (f"- {' · '.join(names)}" for names in within.values())


#: What writes the parts of the page, by mark.
PARTS: Mapping[str, Callable[[], Iterator[str]]] = {
    "interfaces": _interfaces,
    "contracts": _contracts,
    "codes": _codes,
    "errors": _errors,
    "regions": _regions,
}


if __name__ == "__main__":
    for part, lines in PARTS.items():
        renew(PAGE, part, list(lines()))
