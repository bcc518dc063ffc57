"""``python -m tests.adapters.his_page``: write the tables of interfaces, fields and codes into docs/his.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from adapters.his.tables import ERRORS, INTERFACES, Field, Interface, Type
from simulators.his.switches import BOARD
from tests.jiangsu import ROOT
from tests.page import renew

PAGE = ROOT / "docs" / "his.md"


def interfaces() -> Iterator[str]:
    """Return the table of interfaces, and below it the fields of each."""
    yield "| interface | operation | path | effect | undo | a lost answer is settled by | source |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for row in INTERFACES.values():
        name = f"{row.zh} {row.en} (`{row.method}`)"
        operation = "–" if row.operation == "log_in" else f"`{row.operation}`"
        undo = {"none": "–", "human": "by people"}.get(row.undo, row.undo)
        cells = (name, operation, f"`{row.path}`", row.effect.value, undo, " → ".join(row.doubt), row.source)
        yield "| " + " | ".join(cells) + " |"
    for row in INTERFACES.values():
        yield from _fields(row)


def _fields(row: Interface) -> Iterator[str]:
    for title, fields in (("request", row.request), ("reply: members of `response`", row.reply)):
        if not fields:
            continue
        yield ""
        yield f"`{row.method}`, {title}:"
        yield ""
        yield "| field | type | required | meaning |"
        yield "| --- | --- | --- | --- |"
        yield from _rows(fields)


def _rows(fields: Sequence[Field], above: str = "") -> Iterator[str]:
    for each in fields:
        also = f" (also `{'`, `'.join(each.also)}`)" if each.also else ""
        required = "yes" if each.required else ""
        yield f"| `{above}{each.name}`{also} | {each.type.value} | {required} | {each.zh} {each.en} |"
        if each.type is Type.LIST:
            yield from _rows(each.of, f"{above}{each.name}[].")


def codes() -> Iterator[str]:
    """Return the table of codes."""
    yield "| code | 004 says | class | category | at log-in | why |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for code, row in ERRORS.items():
        category = row.category.value if row.kind.value == "refused" else ""
        cells = (code, f"{row.zh} {row.en}", row.kind.value, category, row.log_in.value, row.why)
        yield "| " + " | ".join(cells) + " |"


def switches() -> Iterator[str]:
    """Return the simulator's switches as its help shows them."""
    yield "```"
    yield from (line.strip() for line in BOARD.help.splitlines())
    yield "```"


PARTS = {"interfaces": interfaces, "codes": codes, "switches": switches}

if __name__ == "__main__":
    for part, lines in PARTS.items():
        renew(PAGE, part, list(lines()))
