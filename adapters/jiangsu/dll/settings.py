"""What flows.yaml says of a DLL. Names that the gateway has as well mean the same there."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.outcomes import Category

_MEGABYTE = 1 << 20


class Refusal(BaseModel):
    """What a refusal's text means (J47): the numbers that would say it do not exist in the DLL."""

    model_config = ConfigDict(extra="forbid")

    category: Category
    contains: Annotated[str, Field(min_length=2)] | None = None
    equals: Annotated[str, Field(min_length=2)] | None = None
    transactions: list[str] = []  #: numbers of 001; none = all

    @model_validator(mode="after")
    def _one(self) -> Refusal:
        if (self.contains is None) == (self.equals is None):
            raise ValueError("expected either contains or equals")
        return self

    def fits(self, transaction: str, text: str) -> bool:
        """Tell whether this is what ``text`` says."""
        if self.transactions and transaction not in self.transactions:
            return False
        return text.strip() == self.equals if self.contains is None else self.contains in text


class DllSettings(BaseModel):
    """One DLL and the process that holds it."""

    model_config = ConfigDict(extra="forbid")

    library: Annotated[str, Field(min_length=1)]  #: path of ZJSInterface.dll or JSSiInterface.dll
    interpreter: Annotated[list[str], Field(min_length=1)] = [sys.executable]  #: a 32-bit Python for a 32-bit DLL
    host: str = ""  #: path of host.py where the interpreter runs; empty = the one that is installed with visitflow
    folder: str = ""  #: where the DLL looks for its files; empty = beside the DLL
    framing: Literal["json", "caret"] = "json"
    variant: Literal["A", "B"] = "B"  #: of the caret framing (DLL conventions, 2.3)
    convention: Literal["stdcall", "cdecl"] = "stdcall"
    encoding: Literal["gbk", "utf-8"] = "gbk"
    buffer: Annotated[int, Field(ge=_MEGABYTE, le=64 * _MEGABYTE)] = _MEGABYTE
    start_timeout: Annotated[float, Field(gt=0)] = 60.0  #: seconds for loading and initialising
    shortest_call: Annotated[float, Field(ge=0)] = 1.0  #: seconds; with less left a call is not begun
    first_pause: Annotated[float, Field(ge=0)] = 1.0  #: seconds before the second new start in a row, then doubled
    longest_pause: Annotated[float, Field(ge=0)] = 60.0

    message_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{6}$")] = "H00001"
    operator_id: str = "001"
    operator_name: str = "visitflow"
    operator_type: str = "1"
    fixmedins_code: str = ""
    receiver_sys_code: str = "JSYTH"
    interface_version: str = "V2.1"
    centre_code: str = "0000"  #: caret, variant A, field 6
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 30  #: lines of one 2204 (J5)

    refusals: list[Refusal] = []  #: looked at before those of refusals.yaml
    sign_in_texts: list[str] = ["未签到", "签到已失效", "签到失效", "请重新签到", "请先签到"]

    def command(self) -> list[str]:
        """Return the command line of the host."""
        host = self.host or str(files("adapters.jiangsu.dll").joinpath("host.py"))
        options: dict[str, Any] = {
            "--library": self.library,
            "--framing": self.framing,
            "--convention": self.convention,
            "--buffer": self.buffer,
            "--folder": self.folder,
            "--start-limit": self.start_timeout,
        }
        words = [str(word) for pair in options.items() if pair[1] != "" for word in pair]
        return [*self.interpreter, "-I", "-S", host, *words]
