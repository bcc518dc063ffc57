"""Return codes (003, 附四)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from simulators.common import tables

CODES: Mapping[str, str] = tables.read(Path(__file__).with_name("codes.yaml"))
DONE = "10001"
NOTHING_FOUND = "10002"
MISSING, WRONG_TYPE, INVALID, OUT_OF_RANGE = "20001", "20002", "20003", "20004"
WORKING = "40004"


class Refusal(Exception):
    """The answer is no. ``about`` is added to the printed text of the code."""

    def __init__(self, code: str, about: str = "") -> None:
        """``code``: one of 附四."""
        self.code = code
        self.message = CODES[code] + (f"：{about}" if about else "")
        super().__init__(self.message)
