"""``business.yaml``, read and held to the contracts: which call drives which visit. Its columns are explained there."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from adapters.platform.contracts import INTERFACES, RETURN_CODES, Direction, Kind
from engine import tables

_MEMBER = re.compile(r"\{(\w+)\}")
#: What stands for something else than a member of the request in ``key``.
DAY, CONTENT = "day", "content"
#: In ``about``: the number that a payment is known by.
ORDER = "order"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Row(_Part):
    """One interface that changes something."""

    flow: str
    act: Literal["open", "trigger", "either"]
    trigger: str = ""
    key: str = ""
    about: dict[str, str] = {}
    order: str = ""
    repeat: Literal["never", "refused", "series"] = "never"
    unknown: str = ""
    each: str = ""
    wait: Annotated[float, Field(ge=0, le=600)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.trigger) != (self.act != "open"):
            raise ValueError(f"act {self.act}: a trigger is needed unless it opens")
        if not self.key and (self.act != "trigger" or not self.about):
            raise ValueError("key is needed, or about for a trigger")
        if bool(self.unknown) != (self.act == "trigger"):
            raise ValueError("unknown belongs to act trigger")
        if self.unknown and self.unknown not in RETURN_CODES:
            raise ValueError(f"{self.unknown} is no return code")
        return self

    @property
    def members(self) -> set[str]:
        """Return the members of the request that the row speaks of."""
        said = {*_MEMBER.findall(self.key), *self.about, self.order, self.each}
        return said - {"", DAY, CONTENT}


class RefundQuery(_Part):
    """A query that decides whether the platform gives money back."""

    order: str
    trigger: str


class RefundState(_Part):
    """The query that decides whether a card refund is tried again (8.1.3)."""

    interface: str
    of: str  #: the refund itself; both have the members of its key


class Table(_Part):
    """All of it."""

    wait: Annotated[float, Field(gt=0, le=600)]
    interfaces: dict[str, Row]
    refund_queries: dict[str, RefundQuery]
    refund_state: RefundState

    @model_validator(mode="after")
    def _fits_the_contracts(self) -> Self:
        wanted = {
            number
            for number, each in INTERFACES.items()
            if each.direction is Direction.HOSPITAL and each.kind is not Kind.QUERY
        }
        if strange := wanted ^ set(self.interfaces):
            raise ValueError(f"missing or no transaction: {', '.join(sorted(strange))}")
        for number, row in self.interfaces.items():
            fields = INTERFACES[number].request.fields
            if unknown := sorted(row.members - set(fields)):
                raise ValueError(f"{number} has no member {', '.join(unknown)}")
            for source in row.about.values():
                if source != ORDER and not _given(source):
                    raise ValueError(f"{number}: no answer gives {source}")
        return self

    def numbers_given(self, number: str) -> set[str]:
        """Return the members of the answer of ``number`` by which later calls find its visit."""
        told = {source for row in self.interfaces.values() for source in row.about.values()}
        return {source.split()[1] for source in told if source.startswith(f"{number} ")}


def _given(source: str) -> bool:
    number, _, member = source.partition(" ")
    data = INTERFACES[number].reply().data if number in INTERFACES else None
    return data is not None and member in data.fields


@cache
def table() -> Table:
    """Return the table. Raises pydantic's ValidationError: a mistake of ours."""
    return Table.model_validate(tables.table(__file__, "business.yaml"))
