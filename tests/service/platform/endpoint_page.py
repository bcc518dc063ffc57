"""``python -m tests.service.platform.endpoint_page``: write what drives which visit into docs/platform-endpoint.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from adapters.platform.calling import HOSPITAL_METHODS
from adapters.platform.contracts import INTERFACES
from service.platform.table import Row, table
from tests.jiangsu import ROOT
from tests.page import renew

PAGE = ROOT / "docs" / "platform-endpoint.md"


def _found(row: Row) -> str:
    ways = [f"`{row.key}`"] if row.key else []
    ways += [f"{member} of {source.split()[0]}" if " " in source else member for member, source in row.about.items()]
    return ", ".join(ways)


def business() -> Iterator[str]:
    """Return the table as Markdown."""
    yield "| no. | interface | flow | visit | trigger | found by | payment | repeat | unknown |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for number, row in table().interfaces.items():
        words = (number, INTERFACES[number].zh, f"`{row.flow}`", row.act, row.trigger, _found(row), row.order)
        yield "| " + " | ".join((*words, row.repeat, row.unknown)) + " |"


def names() -> Iterator[str]:
    """Return the methods whose names are ours."""
    yield "| no. | interface | name |"
    yield "| --- | --- | --- |"
    for each in HOSPITAL_METHODS.values():
        if not each.interface.names:
            yield f"| {each.interface.number} | {each.interface.zh} | `{each.name}` |"


PARTS: Mapping[str, Callable[[], Iterator[str]]] = {"business": business, "names": names}


if __name__ == "__main__":
    for part, lines in PARTS.items():
        renew(PAGE, part, list(lines()))
