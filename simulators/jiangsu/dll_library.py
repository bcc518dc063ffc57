"""What both pairs of the shared library's functions have in common: the office behind them, and who has initialised."""

from __future__ import annotations

import itertools
from typing import ClassVar, NamedTuple

from simulators.jiangsu.dll import Vocabulary
from simulators.jiangsu.office import Office


class Returned(NamedTuple):
    """What a function of the library gives back: its return value and the text in ``out``."""

    value: int
    text: str


class Subject(NamedTuple):
    """What a call is about, for the faults."""

    code: str | None
    ipt_otp_no: str | None


class Library:
    """One pair of functions: an initialising one, once a process, and one for transactions."""

    functions: ClassVar[tuple[str, str]]

    def __init__(self, office: Office) -> None:
        """``office`` is that of the gateway."""
        self.centre = office.centre
        self._office = office
        self._vocabulary = Vocabulary(office)
        self._serials = itertools.count(1)

    def init(self, process: str) -> Returned:
        """Initialise: once a process, before all else."""
        self._office.initialise(self._process(process))
        return Returned(0, "")

    def _is_initialised(self, process: str) -> bool:
        return self._process(process) in self._office.processes

    def _process(self, process: str) -> str:
        return f"{self.functions[0]} {process}"
