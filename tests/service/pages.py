"""Writes the generated parts of docs/api.md and docs/security.md: ``python -m tests.service.pages``."""

from __future__ import annotations

import re
from pathlib import Path

from service.access.matrix import matrix
from service.api.problems import table

DOCS = Path(__file__).parents[2] / "docs"
_AGAIN = {"later": "later", "once_changed": "changed", "never": "no"}


def errors() -> str:
    """The table of errors."""
    rows = [f"| `{row.code}` | {row.status} | {_AGAIN[row.again]} | {row.zh} | {row.en} |" for row in table().values()]
    return "\n".join(["| code | status | again | 含义 | meaning |", "| --- | --- | --- | --- | --- |", *rows])


def permissions() -> str:
    """The table of roles and permissions, with their routes."""
    found = matrix()
    head = f"| permission | {' | '.join(found.roles)} | routes |"
    lines = [head, f"| --- |{' --- |' * len(found.roles)} --- |"]
    for name, roles in found.permissions.items():
        marks = " | ".join("✓" if role in roles else "" for role in found.roles)
        routes = ", ".join(
            f"`{route.replace('/api/v1', '')}`" for route, needed in found.routes.items() if needed == name
        )
        lines.append(f"| `{name}` | {marks} | {routes} |")
    return "\n".join(lines)


PARTS = {"api.md": ("errors", errors), "security.md": ("permissions", permissions)}


def renewed(page: str) -> str:
    """Return a page with its generated part made anew."""
    name, make = PARTS[page]
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.sub(
        rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)", lambda m: f"{m[1]}{make()}\n{m[2]}", text, flags=re.S
    )


if __name__ == "__main__":
    for each in PARTS:
        (DOCS / each).write_text(renewed(each), encoding="utf-8")
