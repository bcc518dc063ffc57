"""Diagrams: extract from the compiled machine → a small model → one renderer a format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engine.machine import Flow


@dataclass(frozen=True, slots=True)
class Node:
    """A state."""

    name: str
    title: str
    initial: bool
    final: bool


@dataclass(frozen=True, slots=True)
class Arrow:
    """A transition or an undo edge."""

    source: str
    dest: str
    label: str
    undo: bool
    auto: bool
    call: bool = True  #: False: an undo for which nothing needs to be called


@dataclass(frozen=True, slots=True)
class Drawing:
    """What every renderer draws."""

    title: str
    nodes: list[Node]
    arrows: list[Arrow]


def extract(flow: Flow, language: str = "zh") -> Drawing:
    """Return what is to be drawn: the machine's states and transitions, with titles from the definition."""

    def words(text: object, fallback: str) -> str:
        return " ".join(str(getattr(text, language, "")).split()) or fallback

    definition = flow.definition
    nodes = [
        Node(name, words(definition.states[name].title, name), name == definition.initial, name in flow.final)
        for name in flow.machine.states
    ]
    arrows = []
    for edge in flow.all_edges():
        label = words(edge.definition.title, edge.trigger)
        arrows.append(Arrow(edge.source, edge.dest, label, undo=False, auto=edge.definition.auto))
        undo = edge.definition.undo
        if undo is not None and undo.impossible is None:
            back, call = undo.to or edge.source, undo.step is not None
            arrows.append(Arrow(edge.dest, back, edge.back.trigger, undo=True, auto=False, call=call))
    return Drawing(f"{words(definition.title, flow.name)} v{definition.version}", nodes, arrows)


def draw(flow: Flow, form: str = "mermaid", language: str = "zh") -> str:
    """Return a diagram as text; ``form`` is one of FORMATS. Raises KeyError."""
    return FORMATS[form](extract(flow, language))


def _mermaid(drawing: Drawing) -> str:
    # s_: a state may be called end, which Mermaid keeps for itself
    lines = ["---", f'title: "{_quoted(drawing.title)}"', "---", "flowchart TD"]
    for node in drawing.nodes:
        shape = ("([", "])") if node.initial or node.final else ("[", "]")
        lines.append(f'    s_{node.name}{shape[0]}"{_quoted(node.title)}"{shape[1]}')
    for arrow in drawing.arrows:
        line = "-.->" if arrow.undo else "-->" if arrow.auto else "==>"
        lines.append(f'    s_{arrow.source} {line}|"{_quoted(arrow.label)}"| s_{arrow.dest}')
    return "\n".join(lines) + "\n"


def _dot(drawing: Drawing) -> str:
    lines = [f'digraph "{_quoted(drawing.title)}" {{', "    rankdir=TB;", "    node [shape=box, style=rounded];"]
    for node in drawing.nodes:
        more = ", peripheries=2" if node.final else ""
        lines.append(f'    "{node.name}" [label="{_quoted(node.title)}"{more}];')
    for arrow in drawing.arrows:
        style = "dashed" if arrow.undo else "solid" if arrow.auto else "bold"
        lines.append(f'    "{arrow.source}" -> "{arrow.dest}" [label="{_quoted(arrow.label)}", style={style}];')
    return "\n".join([*lines, "}"]) + "\n"


def _text(drawing: Drawing) -> str:
    lines = [drawing.title]
    for node in drawing.nodes:
        sign = "▶" if node.initial else "■" if node.final else " "
        lines.append(f"{sign} {node.name} {node.title if node.title != node.name else ''}".rstrip())
        lines.extend(_text_arrows(arrow for arrow in drawing.arrows if arrow.source == node.name))
    return "\n".join(lines) + "\n"


def _text_arrows(arrows: Iterable[Arrow]) -> list[str]:
    signs = {(True, False): "⤺", (False, True): "→", (False, False): "⇒"}
    return [f"    {signs[arrow.undo, arrow.auto]} {arrow.dest}: {arrow.label}" for arrow in arrows]


def _quoted(text: str) -> str:
    """Return text that fits between double quotes, in Mermaid as in DOT."""
    return text.replace("\\", "/").replace('"', "'")


#: Mermaid and DOT for documents, text for terminals. Dashed or ⤺: undo; thick or ⇒: on request; thin or →: by itself.
FORMATS: dict[str, Callable[[Drawing], str]] = {"mermaid": _mermaid, "dot": _dot, "text": _text}
