"""``python -m tests.adapters.platform_page``: write interfaces and codes of 003 into docs/platform.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from adapters.platform.contracts import CHAPTERS, INTERFACES, RETURN_CODES, TABLES, Direction, Field, Interface, Meaning
from tests.adapters.platform.examples import Example, replies, requests
from tests.jiangsu import ROOT
from tests.page import renew

PAGE = ROOT / "docs" / "platform.md"

#: What a column shows of an interface. A later part (flow, simulator, test) is one entry more.
COLUMNS: Mapping[str, Callable[[Interface], str]] = {
    "no.": lambda row: row.number,
    "interface": lambda row: f"{row.zh} {row.en}",
    "kind": lambda row: row.kind.value,
    "name": lambda row: ", ".join(f"`{name}`" for name in row.names or filter(None, [row.path])) or "by configuration",
    "key": lambda row: ", ".join(row.key),
    "undo": lambda row: ", ".join(row.undo),
    "evidence": lambda row: ", ".join(row.evidence),
    "asks": lambda row: _count([row.request]),
    "answers": lambda row: _count(_answers(row)),
    "marks": lambda row: " ".join(_marks(row)),
}


def _answers(row: Interface) -> list[Field]:
    found: list[Field] = []
    for reply in row.replies.values():
        found += reply.beside.values()
        found += [reply.data] if reply.data else []
    return found


def _count(roots: list[Field]) -> str:
    """Return how many members there are, and how many of them are required."""
    each = [field for root in roots for field in (*([root] if root.name not in ("", "data") else []), *root.walk())]
    if not each:
        return "data" if any(root.name == "data" for root in roots) else "–"
    return f"{len(each)} ({sum(field.required for field in each)})"


def _marks(row: Interface) -> Iterator[str]:
    members = [*row.request.walk(), *(each for root in _answers(row) for each in (root, *root.walk()))]
    if row.deprecated:
        yield "†"
    if row.needs_hospital:
        yield "H"
    if any(each.strip() != member.name for member in members for each in member.also):
        yield "S"
    if any(member.from_example and not member.compound for member in members):
        yield "E"
    if any(example.invalid for example in _examples(row.number)):
        yield "J"
    if any(example.problems for example in _examples(row.number)):
        yield "X"


@cache
def _all_examples() -> Mapping[str, list[Example]]:
    found: dict[str, list[Example]] = {number: [] for number in INTERFACES}
    for number, example in requests():
        found[number].append(example)
    for number, _, example in replies():
        found[number].append(example)
    return found


def _examples(number: str) -> list[Example]:
    return _all_examples()[number]


def interfaces() -> Iterator[str]:
    """Return the interfaces as Markdown, chapter by chapter."""
    for chapter in CHAPTERS.values():
        yield f"### {chapter.number} {chapter.zh} {chapter.en}"
        yield ""
        for side in Direction:
            rows = [row for row in chapter.interfaces if row.direction is side]
            if not rows:
                continue
            yield "Served by the hospital:" if side is Direction.HOSPITAL else "Served by the platform:"
            yield ""
            yield "| " + " | ".join(COLUMNS) + " |"
            yield "| " + " | ".join("---" for _ in COLUMNS) + " |"
            yield from ("| " + " | ".join(show(row) for show in COLUMNS.values()) + " |" for row in rows)
            yield ""
        for row in chapter.interfaces:
            yield from (f"* {row.number}: {note}" for note in row.notes)
        if any(row.notes for row in chapter.interfaces):
            yield ""


def examples() -> Iterator[str]:
    """Return what is wrong with the document's examples."""
    yield "| no. | part | no JSON because of | contradicts the table |"
    yield "| --- | --- | --- | --- |"
    parts = [(number, "request", example) for number, example in requests()]
    parts += [(number, f"reply {name}".strip(), example) for number, name, example in replies()]
    order = list(INTERFACES)
    for number, part, example in sorted(parts, key=lambda each: order.index(each[0])):
        if example.invalid or example.quirks:
            yield f"| {number} | {part} | {'; '.join(example.invalid)} | {' '.join(example.quirks)} |"


def codes() -> Iterator[str]:
    """Return the return codes and the code tables as Markdown."""
    yield "| code | meaning | of a query | of a write |"
    yield "| --- | --- | --- | --- |"
    for row in RETURN_CODES.values():
        write = row.write.value if row.refund is row.write else f"{row.write.value}; of a refund {row.refund.value}"
        yield f"| {row.code} | {row.zh} | {row.query.value} | {write} |"
    yield ""
    yield f"({', '.join(each.value for each in Meaning)}: see `codes.yaml`.)"
    yield ""
    yield "| table | holds | printed in | values |"
    yield "| --- | --- | --- | --- |"
    for name, table in TABLES.items():
        values = ", ".join(code if code == zh else f"{code} {zh}" for code, zh in table.values.items())
        yield f"| {name} | {table.zh} | {table.source} | {values}{', and others' if table.open else ''} |"


PARTS: Mapping[str, Callable[[], Iterator[str]]] = {"interfaces": interfaces, "examples": examples, "codes": codes}


if __name__ == "__main__":
    for part, lines in PARTS.items():
        renew(PAGE, part, list(lines()))
