"""``python -m tests.adapters.transactions_page``: write the table of transactions into docs/jiangsu.md."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.jiangsu.errors import error_table
from adapters.jiangsu.transactions import CLASSES, TRANSACTIONS, Transaction
from tests.jiangsu import ROOT
from tests.page import renew

PAGE = ROOT / "docs" / "jiangsu.md"
PART = "transactions"
_UNDO = {"none": "–", "human": "by people"}


def lines() -> Iterator[str]:
    """Return the table as Markdown, one class after the other."""
    for kind, words in CLASSES.items():
        yield f"### {words['zh']} {words['en']}"
        yield ""
        yield "| no. | name | also called | effect | undo | a lost answer is settled by | refusals | source |"
        yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
        yield from (_row(row) for row in TRANSACTIONS.values() if row.kind == kind)
        yield ""


def _row(row: Transaction) -> str:
    refusals = [code for code in error_table().business if len(code) == 7 and code.startswith(row.number)]
    cells = (
        row.number,
        f"{row.zh} {row.en} (`{row.operation}`)",
        ", ".join(row.names),
        row.effect.value,
        _UNDO.get(row.undo, row.undo),
        " → ".join(row.doubt),
        ", ".join(sorted(refusals)),
        row.source,
    )
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    renew(PAGE, PART, list(lines()))
