"""What there is, counted."""

from __future__ import annotations

from pathlib import Path

from tests.replay.files import RECORDED, definitions, recordings


def figures(root: Path = RECORDED) -> list[str]:
    """Return a table of the recordings: one line a flow, for a page."""
    kept = list(recordings(root))
    lines = ["| flow | versions | stories | events | kinds of events | moves of the plan |", "| --- | " + "--- | " * 5]
    lines[1] = lines[1].rstrip()
    for flow in [*dict.fromkeys(each.flow for each in kept), ""]:
        mine = [each for each in kept if flow in ("", each.flow)]
        events = [line for each in mine for line in each.lines]
        kinds = {line.event.kind for line in events}
        moves = {line.says["plan"]["move"] for line in events if line.says["plan"]}
        versions = sum(flow in ("", name) for name, _ in definitions(root))
        lines.append(f"| {flow or 'all'} | {versions} | {len(mine)} | {len(events)} | {len(kinds)} | {len(moves)} |")
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    durable = sum(line.durable for each in kept for line in each.lines)
    return [
        *lines,
        "",
        f"Continued from {durable} points at which a process may have died; {size / 1000:.0f} kB in all.",
    ]
