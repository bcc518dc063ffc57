"""What the ledger keeps of a line beside its content, and the rules between lines that hold for every system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

#: How many lines one hand-over may bring.
MOST_LINES = 2_000


class Marks(BaseModel):
    """What became of a line; ``steps.ledger.book`` reads the state from these. A HIS cannot write them."""

    outcome: Annotated[str, Field(pattern="^(uploaded|refused)$")] | None = None
    sent: str | None = None  #: digest of the content that the outcome is about
    batch: int = 0
    code: str = ""
    text: str = ""
    limit: int = 0
    voided: bool = False


class Voided(BaseModel):
    """The mark of a line that the HIS takes back before it was ever uploaded."""

    model_config = ConfigDict(extra="forbid")

    voided: Literal[True] = True


class Kept(Protocol):
    """A line as the rules below see it."""

    line_id: str
    refund_of: str | None
    outcome: str | None
    sent: str | None
    voided: bool


def lines_by_id(value: Any, id_of: Callable[[Any], str]) -> Any:
    """Accept a list of lines where a mapping by id is kept. Raises ValueError when an id comes twice."""
    if not isinstance(value, list):
        return value
    found: dict[str, Any] = {}
    for raw in value:
        line_id = id_of(raw)
        if line_id in found:
            raise ValueError(f"line_id {line_id} comes twice")
        found[line_id] = raw
    return found


def in_one_mapping(value: Any, id_of: Callable[[Any], str], lists: Mapping[str, Mapping[str, Any]]) -> Any:
    """Turn ``fees`` (or ``fee_lines``) and lists of line ids into one mapping by id.

    ``lists`` says which members of what is handed over list ids, and what each id then stands for: ``void`` lists lines
    that the HIS takes back. Raises ValueError.
    """
    if not isinstance(value, Mapping):
        return value
    given = dict(value)
    wrong = f"expected fees (lines, as a list or by id) and {' and '.join(lists)} (a list of line ids)"
    fees = lines_by_id(given.pop("fees", given.pop("fee_lines", {})), id_of)
    marked: dict[str, Any] = {}
    for name, mark in lists.items():
        ids = given.pop(name, [])
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise ValueError(wrong)
        marked |= {line_id: dict(mark) for line_id in ids}
    if not isinstance(fees, Mapping):
        raise ValueError(wrong)
    return {**given, "fees": {**fees, **marked}}


def check_standing(line_id: str, line: Kept, digest: Callable[[], str]) -> None:
    """Raise ValueError unless the line stands under its own id and, once the centre has it, has not changed."""
    if line.line_id != line_id:
        raise ValueError(f"fees.{line_id}: line_id is {line.line_id}")
    if line.voided and line.outcome == "uploaded":
        raise ValueError(f"fees.{line_id}: the centre has this line; it cannot be voided, hand over a refund line")
    if line.outcome == "uploaded" and line.sent != digest():
        raise ValueError(f"fees.{line_id}: the centre has this line; it cannot change, hand over a refund line")


K = TypeVar("K", bound=Kept)


def check_refunds(fees: Mapping[str, K], measure: Callable[[K], Decimal]) -> None:
    """Raise ValueError unless every refund names a charge that covers it, by what ``measure`` returns of a line."""
    refunded: dict[str, Decimal] = {}
    for line_id, line in fees.items():
        size = measure(line)
        if size < 0 and not line.voided:
            if line.refund_of is None:
                raise ValueError(f"fees.{line_id}: a negative line names the line that it refunds (refund_of)")
            refunded[line.refund_of] = refunded.get(line.refund_of, Decimal(0)) + size
        elif line.refund_of is not None and size > 0:
            raise ValueError(f"fees.{line_id}: a refund has a negative amount")
    for original, size in refunded.items():
        charge = fees.get(original)
        if charge is None or charge.voided:
            raise ValueError(f"refund_of: the visit has no line {original}")
        if measure(charge) + size < 0:
            raise ValueError(f"refund_of: line {original} is {measure(charge)}, refunds come to {size}")
