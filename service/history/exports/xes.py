"""XES (IEEE 1849-2016), which tools of process mining read: a trace a visit, an event a transition made.

An event stands at the time at which its transition was made, ``lifecycle:transition`` is ``complete``. With
``attempts`` there is one for every call that brought the visit nowhere as well: ``ate_abort``, at its end.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, cast

from service.history.exports.columns import Batch, Outside
from storage.history import TABLES

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849-2016" xes.features="" xmlns="http://www.xes-standard.org/">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
<extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
<global scope="trace">
<string key="concept:name" value=""/>
</global>
<global scope="event">
<string key="concept:name" value=""/>
<string key="lifecycle:transition" value="complete"/>
<date key="time:timestamp" value="1970-01-01T00:00:00.000+00:00"/>
</global>
<classifier name="Activity" scope="event" keys="concept:name"/>
<classifier name="Activity and lifecycle" scope="event" keys="concept:name lifecycle:transition"/>
<string key="concept:name" value="visitflow"/>
<string key="lifecycle:model" value="standard"/>
"""
TAIL = "</log>\n"

_STEP = {name: index for index, name in enumerate(TABLES["steps"].columns)}
_VISIT = {name: index for index, name in enumerate(TABLES["visits"].columns)}
#: Attributes of a trace, by column of the visit.
_TRACE = {name: _VISIT[name] for name in ("flow", "version", "ending", "state", "key_hash")}
_EVENT = {name: _STEP[name] for name in ("role", "source", "dest", "operation", "adapter", "outcome", "code")}
_MOVED, _ENDED, _SEQ, _TRIGGER, _MS, _ATTEMPT = (
    _STEP[name] for name in ("moved_at", "ended_at", "seq", "trigger", "ms", "attempt")
)
#: What XML 1.0 cannot hold at all.
_NEVER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


def quoted(value: str) -> str:
    """Return text as it stands in an attribute; characters that XML does not know are left out."""
    return _NEVER.sub("", value).translate(_SPECIAL)


def traces(batch: Batch, outside: Outside, *, attempts: bool = False) -> Iterator[str]:
    """Yield the visits of a page, each as a trace."""
    visits, steps = batch.page.rows["visits"], batch.page.rows["steps"]
    for visit in batch.page.visits:
        [told] = visits[visit]
        lines = ["<trace>", _text("concept:name", visit)]
        lines += [_text(name, told[index]) for name, index in _TRACE.items() if told[index]]
        if patient := batch.patients.get(visit):
            lines.append(_text("patient", patient))
        for at, _seq, row in sorted(_events(steps.get(visit, ()), attempts=attempts)):
            lines.append(_event(row, outside.time(at)))
        yield "\n".join(lines) + "\n</trace>\n"


def _events(rows: Any, *, attempts: bool) -> Iterator[tuple[int, int, Any]]:
    for row in rows:
        if row[_MOVED] is not None:
            yield row[_MOVED], row[_SEQ], row
        elif attempts and row[_ENDED] is not None:
            yield row[_ENDED], row[_SEQ], row


def _event(row: Any, at: str) -> str:
    lifecycle = "ate_abort" if row[_MOVED] is None else "complete"
    known = "".join(_text(name, row[index]) for name, index in _EVENT.items() if row[index])
    took = "" if row[_MS] is None else f'<int key="ms" value="{row[_MS]}"/>'
    return (
        f'<event>{_text("concept:name", row[_TRIGGER])}<string key="lifecycle:transition" value="{lifecycle}"/>'
        f'<date key="time:timestamp" value="{at}"/>{known}{took}<int key="attempt" value="{row[_ATTEMPT]}"/></event>'
    )


@lru_cache(maxsize=4096)  # names, codes and states come again and again
def _text(key: str, value: str) -> str:
    return f'<string key="{key}" value="{quoted(value)}"/>'


class XesFile:
    """One file; packed when its name ends in ``.gz``, as the standard has it."""

    def __init__(self, path: Path, outside: Outside, *, attempts: bool = False, packed: bool = False) -> None:
        """Begin the file."""
        self._outside, self._attempts = outside, attempts
        self._raw = path.open("xb")
        self._file = cast(BinaryIO, gzip.GzipFile("log.xes", "wb", 6, self._raw, mtime=0) if packed else self._raw)
        self._file.write(HEAD.encode())

    def write(self, batch: Batch) -> None:
        """Add a page."""
        self._file.write("".join(traces(batch, self._outside, attempts=self._attempts)).encode())

    def close(self) -> None:
        """End the file."""
        try:
            self._file.write(TAIL.encode())
            self._file.close()
        finally:
            self._raw.close()
