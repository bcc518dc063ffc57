"""A centre of few words, and a catalogue: enough books for whole flows, every request held to the contract.

Written from 002 for the flows' own tests; the simulator is the one that knows every rule. ``lost`` says what becomes of
the next calls of an operation: ``"request"`` never arrives, ``"reply"`` arrives and nobody hears of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Self

from adapters.catalogue import LocalCatalogue
from adapters.neimenggu.contracts import STRICT, check_request
from adapters.neimenggu.errors import Kind, meaning
from adapters.neimenggu.interfaces import INTERFACES, OPERATIONS
from engine.adapter import Call, Operation
from engine.environment import Micros
from engine.outcomes import Done, InDoubt, Outcome, Refused

Request = Mapping[str, Any]


class No(Exception):
    """The centre refuses, with a code of 5.2."""


@dataclass
class Books:
    """What the centre knows of one stay."""

    person: str
    admitted: str
    kind: str = "7"
    amounts: list[Decimal] = field(default_factory=list)
    orders: dict[str, str] = field(default_factory=dict)
    left: str = ""
    approved: int = 0
    reviewed: bool = False

    @property
    def total(self) -> Decimal:
        return sum(self.amounts, Decimal("0.00"))


@dataclass
class Centre:
    """The adapter ``neimenggu`` as the engine sees it, with the centre behind it."""

    name: str = "neimenggu"
    injuries: list[dict[str, Any]] = field(default_factory=list)
    treatments: list[dict[str, Any]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    filings: list[dict[str, Any]] = field(default_factory=list)
    stays: dict[str, Books] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)  #: invoice numbers that are used
    refuses: dict[str, list[str]] = field(default_factory=dict)  #: codes for the next calls of an operation
    bad_items: dict[str, str] = field(default_factory=dict)  #: hospital code → code that a line with it is refused with
    lost: dict[str, list[str]] = field(default_factory=dict)
    card: str = "1"
    saves_too_few: int = 0  #: how many lines of the next upload it keeps to itself
    lists_offsite: bool = True
    calls: list[tuple[str, Request]] = field(default_factory=list)
    operations: ClassVar[Mapping[str, Operation]] = OPERATIONS

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        raise NotImplementedError

    def message_id(self, now: Micros, number: int) -> str:
        return f"NM{number:06}"

    async def close(self) -> None:
        """Nothing to give back."""

    async def call(self, call: Call) -> Outcome:
        fitting = check_request(INTERFACES[call.operation], call.request, STRICT)
        if isinstance(fitting, Refused):
            return fitting
        self.calls.append((call.operation, call.request))
        fate = self.lost[call.operation].pop(0) if self.lost.get(call.operation) else ""
        if fate == "request":
            return InDoubt("no answer")
        try:
            if self.refuses.get(call.operation):
                raise No(self.refuses[call.operation].pop(0))
            reply = getattr(self, f"do_{call.operation}")(call.request)
        except No as no:
            told = meaning(call.operation, str(no), "")
            assert told.kind is Kind.REFUSED, f"{no} is no refusal"
            outcome: Outcome = Refused(str(no), told.zh, told.category)
        else:
            outcome = Done(reply)
        return InDoubt("no answer") if fate == "reply" else outcome

    def times(self, operation: str) -> int:
        return [name for name, _ in self.calls].count(operation)

    def last(self, operation: str) -> Request:
        return [request for name, request in self.calls if name == operation][-1]

    # -- who and why
    def do_check_card(self, request: Request) -> dict[str, Any]:
        return {"result": self.card, "errmsg": "" if self.card == "1" else "卡已挂失"}

    def do_check_qr_code(self, request: Request) -> dict[str, Any]:
        return {"aac002": self.card, "aac003": "", "aaz502": "1"}

    def do_read_offsite_card(self, request: Request) -> dict[str, Any]:
        return {"aac147": "", "aac003": "", "baz932": "", "aaz502": "1"}

    def do_read_offsite_qr_code(self, request: Request) -> dict[str, Any]:
        return {"aac147": "", "aac003": "", "aaz501": "", "aaz500": "C00000001"}

    def do_find_injuries(self, request: Request) -> dict[str, Any]:
        return {"counts": len(self.injuries), "lc01": self.injuries}

    def do_find_treatments(self, request: Request) -> dict[str, Any]:
        found = [row for row in self.treatments if row["alca02"] == request["alca02"]]
        if not found:
            raise No("190002")
        return {"lkb7": found}

    def do_find_reports(self, request: Request) -> dict[str, Any]:
        return {"ldc1": self.reports}

    def do_find_offsite_filings(self, request: Request) -> dict[str, Any]:
        if not self.filings:
            raise No("300004")
        return {"Bs001Gets": self.filings}

    # -- registration
    def do_register(self, request: Request) -> dict[str, Any]:
        stay = request["kc21"]
        return self._registered(stay, stay["akc192"], "51014")

    def do_register_offsite(self, request: Request) -> dict[str, Any]:
        stay = request["bs003WS"]
        return self._registered(stay, stay["aae030"], "310020")

    def _registered(self, stay: Request, day: str, again: str) -> dict[str, Any]:
        if stay["akc190"] in self.stays:
            raise No(again)
        self.stays[stay["akc190"]] = Books(stay["aac002"], day, stay["akc191"])
        return {}

    def do_cancel_registration(self, request: Request) -> dict[str, Any]:
        return self._cancelled(request, "61007", "61006", "61005")

    def do_cancel_offsite_registration(self, request: Request) -> dict[str, Any]:
        return self._cancelled(request, "320002", "61006", "320004")

    def _cancelled(self, request: Request, gone: str, fees: str, approved: str) -> dict[str, Any]:
        stay = self._stay(request, gone)
        if stay.amounts:
            raise No(fees)
        if stay.approved:
            raise No(approved)
        del self.stays[request["akc190"]]
        return {}

    # -- fees
    def do_upload_lines(self, request: Request) -> dict[str, Any]:
        return self._uploaded(request, "med", "81001", "81005")

    def do_upload_offsite_lines(self, request: Request) -> dict[str, Any]:
        return self._uploaded(request, "bs004", "330001", "330005")

    def _uploaded(self, request: Request, member: str, gone: str, left: str) -> dict[str, Any]:
        stay = self._stay(request, gone)
        if stay.left:
            raise No(left)
        for row in request[member]:
            if code := self.bad_items.get(row["akc515"]):
                raise No(code)
        rows = request[member][: len(request[member]) - self.saves_too_few]
        self.saves_too_few = 0
        stay.amounts += [Decimal(row["alc407"]) for row in rows]
        stay.orders |= {each["aae080"]: each["alk009"] for each in request["advice"]}
        return {"counts": len(rows) + len(request["advice"])}

    def do_cancel_lines(self, request: Request) -> dict[str, Any]:
        return self._void(request, "130003", "130001", "130004")

    def do_cancel_offsite_lines(self, request: Request) -> dict[str, Any]:
        return self._void(request, "340003", "340001", "340004")

    def _void(self, request: Request, gone: str, left: str, nothing: str) -> dict[str, Any]:
        stay = self._stay(request, gone)
        if stay.left:
            raise No(left)
        if not stay.amounts:
            raise No(nothing)
        stay.amounts, stay.approved = [], 0
        return {}

    def do_drug_share(self, request: Request) -> dict[str, Any]:
        total = self._stay(request, "240002").total
        return {"alc407sum": total, "alc407med": total / 2, "alc407per": "50.00%"}

    def do_approve_fees(self, request: Request) -> dict[str, Any]:
        stay = self._stay(request, "91003")
        if not stay.amounts:
            raise No("91006")
        stay.approved += 1
        rows = [{"aka063": "30", "alc407": stay.total}]
        return {"akc190": request["akc190"], "alc407": stay.total, "collection": rows}

    def do_settlement_sheet(self, request: Request) -> dict[str, Any]:
        stay = self._stay(request, "240002")
        stay.approved += 1
        own = Decimal("20.00") if stay.reviewed else Decimal("10.00")
        sheet = {
            "akc190": request["akc190"],
            "aac002": stay.person,
            "alc407sum": stay.total,
            "alc408sum": own,
            "jjin": stay.total - own,
            "akc667": "1" if stay.reviewed else "0",
            "kc22dto": [{"alc403": "自费项目", "alc408": own}],
        }
        return {"kc21dto": sheet | ({"akc194": stay.left} if stay.left else {})}

    # -- leaving
    def do_leave(self, request: Request) -> dict[str, Any]:
        return self._left(request, request["akc194"], "km12", "110009", "110010", "110025", "110008")

    def do_leave_offsite(self, request: Request) -> dict[str, Any]:
        return self._left(request, request["aae031"], "bskm12", "350010", "350011", "350026", "350014")

    def _left(
        self, request: Request, day: str, member: str, gone: str, again: str, sums: str, early: str
    ) -> dict[str, Any]:
        stay = self._stay(request, gone)
        if stay.left:
            raise No(again)
        if not stay.approved:
            raise No(early)
        bills = request.get(member, [])
        if bills and sum(Decimal(each["invoiceMoney"]) for each in bills) != stay.total:
            raise No(sums)
        stay.left = day
        self.numbers |= {each["invoiceNo"] for each in bills}
        return {}

    def do_cancel_leave(self, request: Request) -> dict[str, Any]:
        return self._back(request, "120002", "120003")

    def do_cancel_offsite_leave(self, request: Request) -> dict[str, Any]:
        return self._back(request, "360004", "360003")

    def _back(self, request: Request, nothing: str, reviewed: str) -> dict[str, Any]:
        stay = self._stay(request, nothing)
        if not stay.left:
            raise No(nothing)
        if stay.reviewed:
            raise No(reviewed)
        stay.left = ""
        return {}

    def do_send_material(self, request: Request) -> dict[str, Any]:
        if request["invoiceNo"] in self.numbers:
            raise No("110023")  # 4.18 has no codes of its own: any refusal will do
        self.numbers.add(request["invoiceNo"])
        return {}

    # -- looking
    def do_list_stays(self, request: Request) -> dict[str, Any]:
        number = request["akc190"]
        stay = self.stays.get(number)
        if stay is None or not self.lists_offsite:
            raise No("230003")
        row = {"akc190": number, "aac002": stay.person, "akc192": stay.admitted, "alc407": stay.total}
        return {"detailData": [row | {"akc194": stay.left}]}

    def _stay(self, request: Request, code: str) -> Books:
        if request["akc190"] not in self.stays:
            raise No(code)
        return self.stays[request["akc190"]]


@dataclass
class Items:
    """The adapter ``catalogue``: every item that is not in ``missing`` has a match."""

    name: str = "catalogue"
    version: str = "2026.1"
    missing: set[str] = field(default_factory=set)
    asked: list[list[str]] = field(default_factory=list)
    operations: ClassVar[Mapping[str, Operation]] = LocalCatalogue.operations

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        raise NotImplementedError

    def message_id(self, now: Micros, number: int) -> str:
        return f"C{number}"

    async def close(self) -> None:
        """Nothing to give back."""

    async def call(self, call: Call) -> Outcome:
        self.asked.append(list(call.request["items"]))
        found = {code: match(code, self.version) for code in call.request["items"] if code not in self.missing}
        return Done({"version": self.version, "items": found})


def match(code: str, version: str = "2026.1") -> dict[str, str]:
    """What the catalogue says of an item."""
    return {
        "alc402": f"X{code}",
        "alc403": f"目录{code}",
        "alc404": "1",
        "aka063": "30",
        "aka065": "1",
        "vmed": version,
        "ala012": "01",
        "price_limit": "",
        "aka070": "",
        "zka100": "",
    }


Do = Callable[[Request], dict[str, Any]]
