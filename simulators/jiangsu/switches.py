"""Readings of what no document says (DLL conventions, chapter 4: unknown), to be changed while it runs."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.common.switches import Board, Value

#: Name, values (the first is the default), meaning. The defaults make doubling visible.
_TABLE: tuple[tuple[str, tuple[Value, ...], str], ...] = (
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
BOARD = Board(_TABLE)


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
