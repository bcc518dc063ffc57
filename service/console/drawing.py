"""A flow as a picture: states one under the other as their author wrote them, what skips or goes back as arcs beside.

Nothing is laid out by chance and nothing overlaps, so that the same flow always looks the same; the template draws it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.machine import Flow
from engine.visit import Visit
from flows.graph import Arrow, extract

WIDTH, HEIGHT, GAP = 176, 34, 22
LANE, MARGIN, ROUND = 16, 22, 8
_LONGEST = 24


@dataclass(frozen=True, slots=True)
class Box:
    """A state. ``looks`` are classes: here, been, final."""

    name: str
    title: str
    x: int
    y: int
    looks: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A transition: ``path`` in SVG's words, ``title`` for who points at it, ``looks``: undo, taken, moving."""

    path: str
    title: str
    looks: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What the template draws."""

    title: str
    width: int
    height: int
    boxes: list[Box]
    lines: list[Line]


@dataclass(slots=True)
class _Way:
    """All arrows from one state to another, forward or back, in one line."""

    source: int
    dest: int
    undo: bool
    labels: list[str] = field(default_factory=list)
    lane: int = 0

    @property
    def span(self) -> tuple[int, int]:
        return min(self.source, self.dest), max(self.source, self.dest)


def picture(flow: Flow, language: str, visit: Visit | None = None, counts: dict[str, int] | None = None) -> Picture:
    """Return the picture of a flow; with ``visit`` its path and where it stands, with ``counts`` how many are where."""
    drawing = extract(flow, language)
    place = {node.name: index for index, node in enumerate(drawing.nodes)}
    ways = _ways(drawing.arrows, place)
    straight = [way for way in ways if not way.undo and way.dest == way.source + 1]
    right = [way for way in ways if not way.undo and way.dest > way.source + 1]
    left = [way for way in ways if way.undo or way.dest < way.source]
    lanes_left, lanes_right = _lanes(left), _lanes(right)
    begin = MARGIN + lanes_left * LANE
    end = begin + WIDTH
    taken = set() if visit is None else {(place.get(leg.source), place.get(leg.dest)) for leg in visit.trail}
    run = None if visit is None or visit.run is None else (place.get(visit.run.source), place.get(visit.run.dest))
    lines = [
        Line(_path(way, begin, end, straight, left), " · ".join(way.labels), _looks(way, taken, run))
        for way in (*left, *right, *straight)
    ]
    been = set() if visit is None else {name for leg in visit.trail for name in (leg.source, leg.dest)}
    here = "" if visit is None else visit.state
    boxes = [
        Box(
            node.name,
            node.title if len(node.title) <= _LONGEST else f"{node.title[: _LONGEST - 1]}…",
            begin,
            _top(place[node.name]),
            " ".join(
                name
                for name, holds in (
                    ("here", node.name == here),
                    ("been", node.name in been),
                    ("end", node.final or node.initial),
                )
                if holds
            ),
            (counts or {}).get(node.name, 0),
        )
        for node in drawing.nodes
    ]
    height = _top(len(drawing.nodes) - 1) + HEIGHT + 12
    return Picture(drawing.title, end + lanes_right * LANE + MARGIN, height, boxes, lines)


def _ways(arrows: Iterable[Arrow], place: dict[str, int]) -> list[_Way]:
    found: dict[tuple[str, str, bool], _Way] = {}
    for arrow in arrows:
        if arrow.source == arrow.dest:
            continue
        key = (arrow.source, arrow.dest, arrow.undo)
        way = found.setdefault(key, _Way(place[arrow.source], place[arrow.dest], arrow.undo))
        if arrow.label not in way.labels:
            way.labels.append(arrow.label)
    return list(found.values())


def _lanes(ways: list[_Way]) -> int:
    """Give each way a lane in which nothing else runs beside it, short ones nearest; return how many lanes."""
    taken: list[list[tuple[int, int]]] = []
    for way in sorted(ways, key=lambda each: (each.span[1] - each.span[0], each.span, each.undo)):
        low, high = way.span
        free = (number for number, spans in enumerate(taken) if all(high <= a or low >= b for a, b in spans))
        way.lane = next(free, len(taken))
        if way.lane == len(taken):
            taken.append([])
        taken[way.lane].append((low, high))
    return len(taken)


def _path(way: _Way, begin: int, end: int, straight: list[_Way], left: list[_Way]) -> str:
    if way in straight:
        middle = (begin + end) // 2
        return f"M{middle},{_top(way.source) + HEIGHT} V{_top(way.dest) - 2}"
    at_left = way in left
    side, towards = (begin, -1) if at_left else (end, 1)
    lane = side + towards * (10 + way.lane * LANE)
    down = way.dest > way.source
    # leave low and arrive high when going down, the other way round when going up
    out = _top(way.source) + (HEIGHT - 9 if down else 9)
    into = _top(way.dest) + (9 if down else HEIGHT - 9)
    turn = ROUND if down else -ROUND
    sharp = lane - towards * ROUND
    return (
        f"M{side},{out} H{sharp} Q{lane},{out} {lane},{out + turn} V{into - turn}"
        f" Q{lane},{into} {sharp},{into} H{side + towards * 2}"
    )


def _looks(way: _Way, taken: set[tuple[int | None, int | None]], run: tuple[int | None, int | None] | None) -> str:
    looks = ["undo"] if way.undo else []
    if not way.undo and (way.source, way.dest) in taken:
        looks.append("taken")
    if (way.source, way.dest) == run:
        looks.append("moving")
    return " ".join(looks)


def _top(index: int) -> int:
    return 8 + index * (HEIGHT + GAP)
