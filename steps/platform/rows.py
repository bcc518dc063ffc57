"""``table.yaml``, read: calls, payments, records, looks, refunds. Its columns are explained there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from adapters.platform.contracts import INTERFACES
from adapters.platform.contracts import Interface as Contract
from engine import tables

#: See ``sources``.
Source = str | list[str]
Sources = dict[str, Source]


class Row(BaseModel):
    """Base: unknown columns are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CallRow(Row):
    """One call at the HIS, or at the platform."""

    interface: str
    role: Literal["his", "platform"] = "his"
    fill: Sources = {}
    unknown: Sources = {}
    needed: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    within: Annotated[int, Field(ge=1)] | None = None
    takes_back: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    value: Source | None = None
    beside: tuple[str, ...] = ()
    forget: bool = False
    retried: bool = False

    @property
    def contract(self) -> Contract:
        """What the interface takes and answers."""
        return INTERFACES[self.interface]


class PaymentRow(Row):
    """Where a payment notice says what."""

    order: str
    paid: str
    balance: str | None = None
    with_balance: bool = False
    unified: str | None = None
    unified_order: str | None = None
    paid_at: str | None = None
    id_card: str = "idCard"


class RecordRow(Row):
    """A query that shows whether something stands at the peer."""

    interface: str
    role: Literal["his", "platform"] = "his"
    ask: Sources
    rows: Literal["list", "object", "value"] = "list"
    match: Sources = {}
    state: str | None = None
    there: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    absent: Literal["gone", "unclear"] = "gone"
    gives: Sources = {}
    some: tuple[str, ...] = ()
    amount: str | None = None
    free: Literal["gone", "unclear"] = "gone"


class LookRow(Row):
    """A probe: a record, and what it means for the call in doubt that the record shows something."""

    record: str
    tells: Literal["there", "gone"]
    of: str
    over: tuple[str, ...] = ()


class RefundRow(Row):
    """A refund at the platform."""

    interface: str
    ask: Sources


class Table(Row):
    """The whole table."""

    calls: dict[str, CallRow]
    payments: dict[str, PaymentRow]
    records: dict[str, RecordRow]
    looks: dict[str, LookRow]
    refunds: dict[str, RefundRow]


@cache
def table() -> Table:
    """Return the table. Raises pydantic's ValidationError: a mistake of ours."""
    return TypeAdapter(Table).validate_python(tables.table(__file__, "table.yaml"))


CALLS: Mapping[str, CallRow] = table().calls
PAYMENTS: Mapping[str, PaymentRow] = table().payments
RECORDS: Mapping[str, RecordRow] = table().records
LOOKS: Mapping[str, LookRow] = table().looks
REFUNDS: Mapping[str, RefundRow] = table().refunds
