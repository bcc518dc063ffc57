"""Fee lines and orders: what a HIS hands over, and what the ledger keeps. Sources: 002, 4.10, 4.24; N61-N64."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from engine.facts import dumps
from steps.ledger import MOST_LINES, Marks, Voided, check_refunds, check_standing, in_one_mapping, lines_by_id
from steps.neimenggu.base import CENT, Day, LineAmount, LineId, Model, Price, Quantity, optional, text

#: The number of "no order" (4.10).
NO_ORDER = "999"
#: What stands for items that are in no catalogue (4.10, 6 (1); 3.2): code, and what ``off_catalogue`` calls it.
OFF_CATALOGUE = {"drug": "SZFYP999", "treatment": "SZFZL999", "material": "SZFCL999"}


class Order(Model):
    """One order (医嘱). Handed over again with the same number it replaces the one before, here and at the centre."""

    order: str = text(50, "医嘱流水号 number (aae080)")
    first_day: Day | None = None
    last_day: Day | None = None
    words: str = text(2000, "医嘱信息 text (alk009)")
    care: str = optional(12, "护理级别 level of care (alk011)")
    position: str = optional(8, "体位 position (alk012)")
    dose: str = optional(8, "剂量 dose (alk013)")
    use: str = optional(2000, "药物用法 use (alk014)")
    note: str = optional(2000, "注意事项 to be noted (alk015)")
    doctor: str = text(20, "医师签名 physician (alk016)")
    nurse: str = text(20, "护士签名 nurse (alk017)")
    carried_out_by: str = optional(20, "执行者签名 (alk020)")
    kind: Annotated[str, Field(pattern="^[12]$", description="1 长期 long-term, 2 临时 temporary (alk022)")] = "2"
    department: str = optional(64, "住院科室 department (alk023)")
    bed: str = optional(32, "床位号 bed (alk024)")

    def digest(self) -> str:
        """Return what tells one content of an order from another."""
        return digest({name: getattr(self, name) for name in ORDER_CONTENT})


ORDER_CONTENT = frozenset(Order.model_fields)


class KeptOrder(Order):
    """An order with what of it the centre has."""

    sent: str | None = None  #: digest of what was uploaded last


class FeeLine(Model):
    """One charge or, with a negative amount, one refund. The ids are the HIS's own and never change."""

    line_id: LineId
    prescription: str = text(20, "处方号 prescription number (alc400)")
    prescribed_on: Day
    days: Annotated[int, Field(ge=1, le=9999, description="处方执行天数 days (akc229)")] = 1
    hospital_code: str = text(30, "医院内码 the hospital's code of the item, which the catalogue matches (akc515)")
    name: str = text(30, "通用名/本地名 generic or local name (akc231)")
    price: Price = Field(description="单价 price, at most 4 decimals, offsite 6")
    quantity: Quantity = Field(description="数量 quantity; negative for a refund")
    amount: LineAmount = Field(description="总金额 amount = price × quantity, within a cent")
    dosage_form: str = optional(20, "剂型，目录外必填 dosage form, needed off catalogue (aka070)")
    specification: str = optional(50, "规格，药品必填 specification, needed for drugs (zka100)")
    maker: str = optional(30, "厂家 manufacturer (akc230)")
    order: str = Field(
        default=NO_ORDER, min_length=1, max_length=50, description="医嘱流水号 order, 999 = none (aae080)"
    )
    not_injury: bool = Field(default=False, description="非工伤治疗 not treatment of the injury (noinjury)")
    rescue: bool = Field(default=False, description="特殊伤情抢救 rescue of special injuries (spreason)")
    explanation: str = optional(200, "情况说明 why it is sent again (reason)")
    remark: str = optional(200, "备注 remark (bzmsg)")
    trace_codes: list[Annotated[str, Field(min_length=1, max_length=64, pattern="^[^,，]*$")]] = Field(
        default_factory=list, max_length=100, description="药品追溯码 drug traceability codes (akc999)"
    )
    off_catalogue: Literal["drug", "treatment", "material"] | None = Field(
        default=None, description="目录外：药品、诊疗、材料 outside every catalogue; then fee_category and dosage_form"
    )
    fee_category: str = optional(5, "收费类别，目录外必填 fee category, needed off catalogue (aka063)")
    refund_of: LineId | None = Field(default=None, description="退费原明细 line_id of the charge that this takes back")

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if abs(self.amount) < CENT:
            raise ValueError("amount: less than a cent is never sent; a lost answer could not be told from none")
        if abs(self.amount - self.price * self.quantity) >= CENT:
            raise ValueError(f"amount: expected price × quantity = {(self.price * self.quantity).normalize():f}")
        if self.off_catalogue is not None:
            for needed in ("fee_category", "dosage_form"):
                if not getattr(self, needed):
                    raise ValueError(f"{needed}: needed of an item that is in no catalogue")
            if self.not_injury:
                raise ValueError("not_injury: only items of the catalogue can be marked so")
        return self


#: The members that make up the content of a line: what may not change once the centre has it.
CONTENT = frozenset(FeeLine.model_fields)


def digest(facts: Mapping[str, Any]) -> str:
    """Return a short digest of ``facts``; 80.00 and 80.0000 are the same."""
    plain = {
        name: format(value.normalize(), "f") if isinstance(value, Decimal) else value for name, value in facts.items()
    }
    return hashlib.sha256(dumps(plain).encode()).hexdigest()[:16]


class Match(Model):
    """What the catalogue says of a line's item (``catalogue.match``); all text, as imported."""

    alc402: Annotated[str, Field(min_length=1, max_length=50)]
    alc403: str = Field(default="", max_length=200)
    alc404: str = Field(default="", max_length=8)
    aka063: str = Field(default="", max_length=8)
    aka065: str = Field(default="", max_length=8)
    vmed: str = Field(default="", max_length=64)
    ala012: str = Field(default="", max_length=8)
    price_limit: str = Field(default="", max_length=32)


#: What a match brings to what is sent. Were another price limit a change of the line, it would be sent again for it.
MATCH_SENT = ("aka063", "aka065", "ala012", "alc402", "alc403", "alc404", "vmed")


class LedgerLine(Marks, FeeLine):
    """A line with what became of it, and its match."""

    match: Match | None = None
    again: bool = False  #: to be sent once more, unchanged

    def digest(self) -> str:
        """Return what tells one content of a line from another: what the HIS says, and what the catalogue adds."""
        matched = {} if self.match is None else {name: getattr(self.match, name) for name in MATCH_SENT}
        return digest({name: getattr(self, name) for name in CONTENT} | {"match": matched})


def line_of(raw: Mapping[str, Any]) -> LedgerLine:
    """Return a line as a model."""
    return LedgerLine.model_validate(raw)


def _id_of(raw: Any) -> str:
    return FeeLine.model_validate(raw).line_id


def _lines(value: Any) -> Any:
    return lines_by_id(value, _id_of)


def _orders(value: Any) -> Any:
    """Accept a list of orders where a mapping by number is kept. Raises ValueError when a number comes twice."""
    if not isinstance(value, list):
        return value
    found: dict[str, Any] = {}
    for raw in value:
        number = Order.model_validate(raw).order
        if number in found:
            raise ValueError(f"order {number} comes twice")
        found[number] = raw
    return found


OrderNumber = Annotated[str, Field(min_length=1, max_length=50)]
HandedOver = Annotated[dict[LineId, FeeLine], BeforeValidator(_lines), Field(min_length=1, max_length=MOST_LINES)]
Orders = Annotated[dict[OrderNumber, Order], BeforeValidator(_orders), Field(max_length=MOST_LINES)]


class Again(Model):
    """The mark of a refused line that is to be sent once more as it is, after maintenance at the centre."""

    again: Literal[True] = True


class FeesHandedOver(Model):
    """What the trigger ``hand_over`` brings: lines and orders, as lists or by id; ids of lines to void or send again.

    The same line again changes nothing. A line that the centre refused may come again with other content; one that it
    has cannot change any more. An order may change at any time.
    """

    fees: dict[LineId, FeeLine | Voided | Again] = Field(default_factory=dict, max_length=MOST_LINES)
    orders: Orders = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _one_mapping(cls, value: Any) -> Any:
        """Turn ``fee_lines``, ``void`` and ``again`` into marks of one mapping by id."""
        return in_one_mapping(value, _id_of, {"void": {"voided": True}, "again": {"again": True}})

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.fees and not self.orders:
            raise ValueError("fees: expected at least one line or order")
        return self


class Ledger(Model):
    """The part of a visit's data that is its fee ledger, with the rules that hold between lines."""

    fees: dict[LineId, LedgerLine] = Field(default_factory=dict)
    orders: dict[OrderNumber, KeptOrder] = Field(default_factory=dict)
    batches: int = 0  #: how many uploads have been answered
    uploading: bool = False  #: a timed upload has begun and has batches left
    uploaded_total: LineAmount | None = None  #: what the centre should have
    catalogue_version: str | None = None  #: of the last look

    @model_validator(mode="after")
    def _lines_agree(self) -> Self:
        check_ledger(self.fees, self.orders)
        return self


def check_ledger(fees: Mapping[str, LedgerLine], orders: Mapping[str, KeptOrder]) -> None:
    """Raise ValueError unless uploaded lines stand unchanged, refunds are covered and every order is known.

    A refund never exceeds its original, in amount and in quantity (81020), and names the same item.
    """
    for line_id, line in fees.items():
        check_standing(line_id, line, line.digest)
        if line.order != NO_ORDER and line.order not in orders and not line.voided:
            raise ValueError(f"fees.{line_id}: order {line.order} was not handed over; {NO_ORDER} = none")
        original = fees.get(line.refund_of or "")
        if original is not None and original.hospital_code != line.hospital_code:
            raise ValueError(f"fees.{line_id}: hospital_code is not that of line {line.refund_of}")
        if line.quantity * line.amount < 0:
            raise ValueError(f"fees.{line_id}: quantity and amount have different signs")
    for number, order in orders.items():
        if order.order != number:
            raise ValueError(f"orders.{number}: order is {order.order}")
    check_refunds(fees, _amount)
    check_refunds(fees, _quantity)


def _amount(line: LedgerLine) -> Decimal:
    return line.amount


def _quantity(line: LedgerLine) -> Decimal:
    return line.quantity
