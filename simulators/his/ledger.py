"""The books of the HIS: registrations, bills, settlements. Synchronous and free of I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from simulators.common.numbers import cents


@dataclass(frozen=True)
class Item:
    """One charge of a bill."""

    name: str
    price: Decimal
    count: Decimal
    category: str = "西药费"
    recipe: str = "CF1"
    unit: str = "盒"

    @property
    def amount(self) -> Decimal:
        """Return price × quantity."""
        return cents(self.price * self.count)


@dataclass(frozen=True)
class Registration:
    """A patient who sees a doctor."""

    reg_no: str
    card_no: str
    name: str
    sex: str = "男"
    age: str = "40"
    department: str = "骨科门诊"
    doctor: str = "甘宁远"


@dataclass(eq=False)
class Bill:
    """What a doctor has ordered and nobody has paid yet; ``number`` goes up with every trial."""

    bill_id: str
    reg_no: str
    serial_no: str
    items: list[Item]
    fund: Decimal
    withdrawn: bool = False
    trials: int = 0

    @property
    def total(self) -> Decimal:
        """Return the sum of its items."""
        return sum((item.amount for item in self.items), Decimal("0.00"))

    @property
    def own(self) -> Decimal:
        """Return what the patient pays."""
        return self.total - self.fund


@dataclass(frozen=True)
class Settlement:
    """Money taken for a bill; never taken back (004 has nothing for it)."""

    check_out_no: str
    ser_no: str
    bill_id: str
    reg_no: str
    total: Decimal
    fund: Decimal
    own: Decimal
    money: Decimal
    serial_number: str  #: of the payment
    at: str
    door: str = "api"  #: or window


@dataclass
class Ledger:
    """All books."""

    registrations: dict[str, Registration] = field(default_factory=dict)
    bills: dict[str, Bill] = field(default_factory=dict)
    settlements: list[Settlement] = field(default_factory=list)
    counter: int = 0

    def next(self) -> int:
        """Return a number never given out before."""
        self.counter += 1
        return self.counter

    def settlements_of(self, bill: Bill) -> list[Settlement]:
        """Return how often money was taken for ``bill``."""
        return [each for each in self.settlements if each.bill_id == bill.bill_id]

    def bills_of(self, reg_no: str) -> list[Bill]:
        """Return the bills of a registration that were not withdrawn, oldest first."""
        return [bill for bill in self.bills.values() if bill.reg_no == reg_no and not bill.withdrawn]

    def view(self) -> dict[str, Any]:
        """Return the books without names and card numbers."""
        return {
            "registrations": len(self.registrations),
            "bills": [
                {
                    "BILLID": bill.bill_id,
                    "RegNo": bill.reg_no,
                    "SERIAL_NO": bill.serial_no,
                    "SumFund": bill.total,
                    "SBZFJE": bill.fund,
                    "GRZFJE3": bill.own,
                    "withdrawn": bill.withdrawn,
                    "settled": len(self.settlements_of(bill)),
                }
                for bill in self.bills.values()
            ],
            "settlements": [
                {
                    "CheckOutNo": each.check_out_no,
                    "SerNo": each.ser_no,
                    "BILLID": each.bill_id,
                    "RegNo": each.reg_no,
                    "SumFund": each.total,
                    "SBZFJE": each.fund,
                    "GRZFJE3": each.own,
                    "Money": each.money,
                    "SerialNumber": each.serial_number,
                    "at": each.at,
                    "door": each.door,
                }
                for each in self.settlements
            ],
        }
