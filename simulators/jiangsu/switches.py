"""Readings of what no document says (DLL conventions, chapter 4: unknown), to be changed while it runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

#: Name, values (the first is the default), meaning. The defaults make doubling visible.
_TABLE: tuple[tuple[str, tuple[str | bool, ...], str], ...] = (
    ("duplicate_registration", ("accept", "refuse"), "2201 under a number that is registered"),
    ("duplicate_lines", ("accept", "refuse"), "2204 of a line that is there"),
    ("late_after_reversal", ("refuse", "apply"), "a message that arrives after it was reversed"),
    ("keep_tp_type", (True, False), "2208 honours it"),
    ("auto_enrol", (True, False), "an unknown credential is an invented person"),
    ("dll_encoding", ("gbk", "utf-8"), "the library's code page"),
    ("dll_member_case", ("documented", "upper", "lower", "mixed"), "letter case of the members of `output`"),
    ("dll_psn_no", ("text", "number"), "psn_no as a JSON number"),
    ("dll_empty_output", ("object", "null"), "`output` of a transaction without data"),
    ("dll_amounts", ("number", "text"), "amounts as texts without a leading zero, such as -.01"),
    ("caret_variant", ("B", "A"), "places of the fields, DLL conventions 2.3"),
    ("caret_failure", ("plain", "framed"), "framed: the text of a failure is at index 2"),
)
_VALUES = {name: values for name, values, _meaning in _TABLE}


def _written(values: tuple[str | bool, ...]) -> str:
    return " | ".join({"True": "true", "False": "false"}.get(each, each) for each in map(str, values))


HELP = "\n".join(f"  {name:<23} {_written(values):<37} {meaning}" for name, values, meaning in _TABLE)


@dataclass
class Switches:
    """The table as it is set."""

    duplicate_registration: str = "accept"
    duplicate_lines: str = "accept"
    late_after_reversal: str = "refuse"
    keep_tp_type: bool = True
    auto_enrol: bool = True
    dll_encoding: str = "gbk"
    dll_member_case: str = "documented"
    dll_psn_no: str = "text"
    dll_empty_output: str = "object"
    dll_amounts: str = "number"
    caret_variant: str = "B"
    caret_failure: str = "plain"

    def changed(self, body: Any) -> Switches:
        """Return these switches with some set otherwise. Raises ValueError."""
        if not isinstance(body, dict):
            raise ValueError("expected an object")
        for name, value in body.items():
            if name not in _VALUES:
                raise ValueError(f"no such switch: {name}; there are {', '.join(sorted(_VALUES))}")
            if value not in _VALUES[name]:
                raise ValueError(f"{name} must be one of {_written(_VALUES[name])}")
        return Switches(**{**asdict(self), **body})


def parse(argument: str) -> tuple[str, str | bool]:
    """Read ``name=value`` from the command line. Raises ValueError."""
    name, _, written = argument.partition("=")
    value: str | bool = {"true": True, "false": False}.get(written, written)
    Switches().changed({name: value})
    return name, value
