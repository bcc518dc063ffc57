"""Between the contracts that steps speak and the DLL's members: reads ``mapping.yaml``, which explains itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

from engine.tables import table


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an envelope says beside the parameters."""

    message_id: str
    now: str  #: yyyyMMddHHmmss, Asia/Shanghai
    sign_no: str = ""
    identify_mode: str = "1"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a value can be taken from: the members at hand, in a reply also what was sent."""

    members: Mapping[str, Any]
    stamp: Stamp
    sent: Mapping[str, Any] = field(default_factory=dict)


Source = Callable[[Seen], Any]


class Strange(ValueError):
    """A reply has not the shape that its transaction has, or is about something else."""


@dataclass(frozen=True, slots=True)
class Row:
    """One transaction; the columns are explained in ``mapping.yaml``."""

    request: Mapping[str, Source] | None  #: None: all members under their own names
    reply: Mapping[str, Source]
    list_name: str = ""
    list_of: str = ""
    rows: str = ""
    row: Mapping[str, Source] = field(default_factory=dict)
    echo: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()

    def outgoing(self, parameters: Mapping[str, Any], stamp: Stamp) -> tuple[str, Any]:
        """Return the name of the envelope's member and what it holds."""
        if self.list_name:
            return self.list_name, [self._renamed(each, stamp) for each in parameters[self.list_of]]
        return "input", self._renamed(parameters, stamp)

    def _renamed(self, members: Mapping[str, Any], stamp: Stamp) -> dict[str, Any]:
        if self.request is None:
            return dict(members)
        return _taken(self.request, Seen(members, stamp))

    def incoming(self, output: Any, sent: Any, parameters: Mapping[str, Any], stamp: Stamp) -> dict[str, Any]:
        """Return the canonical reply. Raises Strange."""
        if self.rows:
            return self._listed(output, parameters, stamp)
        members = lowered(output)
        for name in self.echo:
            told = members.get(name.lower())
            if told not in (None, "") and str(told) != str(sent[name]):
                raise Strange(f"the reply is about another {name}")
        return dict(members) | _taken(self.reply, Seen(members, stamp, parameters))

    def _listed(self, output: Any, parameters: Mapping[str, Any], stamp: Stamp) -> dict[str, Any]:
        """A list may stand alone, or in an object beside its pages; the pages may stand in its rows."""
        whole: Mapping[str, Any] = {}
        if not isinstance(output, list):
            whole = lowered(output)
            output = whole.get(self.rows)
            if not isinstance(output, list):
                raise Strange(f"no list of {self.rows}")
        rows = [lowered(each) for each in output]
        pages = whole.get("pagecount") or (rows[0].get("pagecount") if rows else None)
        renamed = [dict(each) | _taken(self.row, Seen(each, stamp, parameters)) for each in rows]
        return {self.rows: renamed} | ({} if pages is None else {"pageCount": pages})


def lowered(members: Any) -> Mapping[str, Any]:
    """Return an object with its names in small letters (DLL conventions, 2.2); null is an empty one. Raises Strange."""
    if members is None:
        return {}
    if not isinstance(members, Mapping):
        raise Strange("not an object")
    found = {str(name).lower(): value for name, value in members.items()}
    if len(found) != len(members):
        raise Strange("a member stands there twice")
    return found


def _taken(sources: Mapping[str, Source], seen: Seen) -> dict[str, Any]:
    found = {name: source(seen) for name, source in sources.items()}
    return {name: value for name, value in found.items() if value is not None}


def source_of(written: Any) -> Source:
    """Return how a value is got. Raises ValueError for a way of writing that is none."""
    match written:
        case str():
            lower = written.lower()
            return lambda seen: seen.members.get(written, seen.members.get(lower))
        case list():
            return _first([source_of(each) for each in written])
        case {"text": text}:
            return lambda _seen: text
        case {"now": True}:
            return lambda seen: seen.stamp.now
        case {"sign_no": True}:
            return lambda seen: seen.stamp.sign_no
        case {"message_id": True}:
            return lambda seen: seen.stamp.message_id
        case {"request": name}:
            return lambda seen: seen.sent.get(name)
        case {"decimal": name, "places": places}:
            unit = Decimal(1).scaleb(-places)
            return lambda seen: Decimal(seen.members[name]).quantize(unit)
        case {"by": name, "of": texts, "else": other}:
            return lambda seen: texts.get(str(seen.members.get(name)), other)
    raise ValueError(f"not a source: {written}")


def _first(sources: list[Source]) -> Source:
    def first(seen: Seen) -> Any:
        values = [source(seen) for source in sources]
        return next((value for value in values if value not in (None, "")), values[-1])

    return first


def _sources(raw: Mapping[str, Any]) -> dict[str, Source]:
    return {name: source_of(written) for name, written in raw.items()}


@cache
def mapping() -> Mapping[str, Row]:
    """Return the rows of ``mapping.yaml`` by transaction number."""
    raw: dict[str, Any] = table(__file__, "mapping.yaml")
    return {number: _row(each) for number, each in raw["transactions"].items()}


def _row(raw: Mapping[str, Any]) -> Row:
    request, listed = raw["request"], raw.get("list", {})
    return Row(
        request=None if request == "same" else _sources(request),
        reply=_sources(raw.get("reply", {})),
        list_name=listed.get("name", ""),
        list_of=listed.get("of", ""),
        rows=raw.get("rows", ""),
        row=_sources(raw.get("row", {})),
        echo=tuple(raw.get("echo", ())),
        left_out=frozenset(raw.get("left_out", ())),
    )
