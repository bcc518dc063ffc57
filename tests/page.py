"""Pages that runs write: the part between two marks is renewed, the rest is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def renew(page: Path, part: str, lines: Sequence[str]) -> None:
    """Replace what stands between the marks ``part: begin`` and ``part: end``. Raises ValueError without them."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    text = page.read_text(encoding="utf-8")
    before, begun, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        raise ValueError(f"{page.name} has no part {part}")
    page.write_text("\n".join([before + begin, *lines, end + after]), encoding="utf-8")
