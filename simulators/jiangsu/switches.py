"""Readings of what no document says (DLL conventions, chapter 4: unknown), to be changed while it runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

_CHOICES: dict[str, tuple[Any, ...]] = {
    "duplicate_registration": ("accept", "refuse"),
    "duplicate_lines": ("accept", "refuse"),
    "late_after_reversal": ("refuse", "apply"),
    "dll_encoding": ("gbk", "utf-8"),
    "dll_member_case": ("documented", "upper", "lower", "mixed"),
    "dll_psn_no": ("text", "number"),
    "dll_empty_output": ("object", "null"),
    "dll_amounts": ("number", "text"),
    "caret_variant": ("B", "A"),
    "caret_failure": ("plain", "framed"),
}


@dataclass
class Switches:
    """The defaults make doubling visible."""

    duplicate_registration: str = "accept"  #: or refuse
    duplicate_lines: str = "accept"  #: or refuse
    late_after_reversal: str = "refuse"  #: or apply
    keep_tp_type: bool = True  #: 2208 honours it
    auto_enrol: bool = True  #: an unknown credential is an invented person
    dll_encoding: str = "gbk"  #: the ANSI code page of a Chinese Windows; or utf-8
    dll_member_case: str = "documented"  #: letter case of the members of `output`: or upper, lower, mixed
    dll_psn_no: str = "text"  #: or number
    dll_empty_output: str = "object"  #: `output` of a transaction without data: {} or null
    dll_amounts: str = "number"  #: or text, without a leading zero ("-.01")
    caret_variant: str = "B"  #: or A
    caret_failure: str = "plain"  #: or framed: the failure text at index 2

    def changed(self, body: Any) -> Switches:
        """Return these switches with some set otherwise. Raises ValueError."""
        if not isinstance(body, dict):
            raise ValueError("expected an object")
        known = {each.name for each in fields(self)}
        for name, value in body.items():
            if name not in known:
                raise ValueError(f"no such switch: {name}; there are {', '.join(sorted(known))}")
            choices = _CHOICES.get(name, (True, False))
            if value not in choices:
                raise ValueError(f"{name} must be one of {', '.join(map(str, choices))}")
        return Switches(**{**asdict(self), **body})
