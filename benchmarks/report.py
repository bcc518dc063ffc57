"""The page's measured part, and the figures as JSON beside it, so that one part can be measured again alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.figures import Figure, Part

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
_MET = {True: "yes", False: "**no**", None: ""}


def text(parts: Iterable[Part]) -> str:
    """Return the page's part in Markdown."""
    parts = list(parts)
    aimed = [(part, figure) for part in parts for figure in part.figures if figure.target is not None]
    lines = ["| target | wanted | measured | met |", "| --- | --- | --- | --- |"]
    for part, figure in aimed:
        lines.append(
            f"| {part.title}: {figure.what} | {figure.target} | {figure.shown(figure.median)} | {_MET[figure.met]} |"
        )
    for part in parts:
        lines += ["", f"### {part.title[0].upper()}{part.title[1:]}", "", *_body(part)]
    return "\n".join(lines)


def _body(part: Part) -> list[str]:
    lines = []
    if part.figures:
        lines += ["| what | median | runs | target | met |", "| --- | --- | --- | --- | --- |"]
        lines += [_row(figure) for figure in part.figures]
    if part.table:
        lines += ["", *_table(part.table)] if lines else _table(part.table)
    if part.limits:
        lines += ["", f"What limits it:{part.limits}"]
    lines += [""] * bool(part.notes) + [f"* {note}" for note in part.notes]
    return [*lines, "", f"({part.measured})"]


def _row(figure: Figure) -> str:
    runs = ", ".join(figure.shown(run) for run in figure.runs)
    return f"| {figure.what} | {figure.shown(figure.median)} | {runs} | {figure.target or ''} | {_MET[figure.met]} |"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    heading, *rest = rows
    return [_cells(heading), _cells(["---"] * len(heading)), *(_cells(row) for row in rest)]


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def kept(results: Path) -> dict[str, Part]:
    """Return the parts that were measured before."""
    if not results.exists():
        return {}
    return {name: Part.from_json(value) for name, value in json.loads(results.read_text(encoding="utf-8")).items()}


def keep(results: Path, parts: dict[str, Part]) -> None:
    """Write all parts as JSON."""
    results.write_text(as_json(parts) + "\n", encoding="utf-8")


def as_json(parts: dict[str, Part]) -> str:
    """Return all parts as JSON text."""
    return json.dumps({name: part.as_json() for name, part in parts.items()}, ensure_ascii=False, indent=1)


def renew(page: Path, parts: Iterable[Part]) -> None:
    """Put the parts between the page's marks."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{text(parts)}\n{END}{after}", encoding="utf-8")
