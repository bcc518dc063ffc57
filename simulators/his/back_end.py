"""The three interfaces of 004. A request in, an answer out; what changes the books is written down first."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from simulators.common.numbers import BadNumber, decimal_of
from simulators.his.ledger import Bill, Item, Ledger, Registration, Settlement
from simulators.his.switches import Switches
from simulators.his.tickets import Tickets

SHANGHAI = ZoneInfo("Asia/Shanghai")
LOG_IN = "/api/Login/Token"
UNSETTLED = "/api/MzSettle/GetUnSettleBillByDoctor"
SETTLE = "/api/MzSettle/SettleByDoctor"
#: The codes of 004.
CODES = {
    0: "调用成功",
    1: "签名错误",
    2: "His内部错误",
    3: "时间过期",
    5: "入参参数错误",
    6: "His内部验证错误",
    500: "未知错误",
}
_REQUIRED = ("CardNo", "RegSerNo", "PayWay", "PayNo", "SerialNumber", "Paydate", "Paytime", "Money", "BILLID")

Facts = dict[str, Any]


class Refusal(Exception):
    """The HIS decides against it; nothing happened."""

    def __init__(self, code: int, message: str) -> None:
        """``code``: 5 or 6 of 004."""
        self.code, self.message = code, message
        super().__init__(message)


class Unauthorized(Exception):
    """The token is missing, forged (1) or expired (3)."""

    def __init__(self, code: int) -> None:
        """``code``: 1 or 3 of 004."""
        self.code = code
        super().__init__(CODES[code])


@dataclass
class BackEnd:
    """Books, tokens, switches and clock. ``now`` is the true time; the HIS's own may be ``offset``."""

    ledger: Ledger = field(default_factory=Ledger)
    tickets: Tickets = field(default_factory=Tickets)
    switches: Switches = field(default_factory=Switches)
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(SHANGHAI)
    offset: datetime.timedelta = datetime.timedelta()
    #: Gets each settlement that is about to be made, before it is answered: on disk when this returns.
    note: Callable[[Facts], None] = lambda _entry: None

    def time(self) -> datetime.datetime:
        """Return the time by the HIS's clock."""
        return self.now() + self.offset

    def handle(self, path: str, authorization: str, body: Any) -> tuple[int, Facts]:
        """Return HTTP status and answer."""
        try:
            if not isinstance(body, dict):
                raise Refusal(5, "请求不是JSON对象")
            if path == LOG_IN:
                return 200, self._answer(0, self._log_in(body))
            if (code := self.tickets.code(authorization, self.time().timestamp())) != 0:
                raise Unauthorized(code)
            if path == UNSETTLED:
                return 200, self._answer(0, self._unsettled(body))
            return 200, self._answer(0, self.settle(body))
        except Refusal as error:
            return 200, self._answer(error.code, None, error.message)
        except Unauthorized as error:
            if self.switches.unauthorized == "http401":
                return 401, {}
            return 200, self._answer(error.code)

    def _answer(self, code: int, response: Any = None, message: str = "") -> Facts:
        status: Any = code
        success: Any = code == 0
        if self.switches.flags == "text":
            status, success = str(code), "true" if code == 0 else "false"
        developer = "" if code == 0 else "HisCoreException"
        text = message or CODES.get(code, "")
        return {"status": status, "isSuccess": success, "msg": text, "msgDev": developer, "response": response}

    # -- Login/Token
    def _log_in(self, body: Facts) -> str:
        token = self.tickets.log_in(body.get("userId"), body.get("password"), self.time().timestamp())
        if token is None:
            raise Refusal(6, "用户名或密码错误")
        return token

    # -- GetUnSettleBillByDoctor
    def _unsettled(self, body: Facts) -> Any:
        registration = self._registration(_text(body, "RegNo"))
        offered = self._offered(registration.reg_no)
        if offered is None:
            match self.switches.nothing_due:
                case "refuse":
                    raise Refusal(6, "没有未结算的账单")
                case "blank":
                    return dict.fromkeys(("SumFund", "SBZFJE", "GRZFJE3", "SERIAL_NO", "BILLID"), "")
            return {} if self.switches.nothing_due == "empty" else None
        offered.trials += 1
        return self._trial(registration, offered)

    def _offered(self, reg_no: str) -> Bill | None:
        """Return the bill that the trial shows: the oldest that is not settled, else by the switch a settled one."""
        bills = self.ledger.bills_of(reg_no)
        unpaid = [bill for bill in bills if not self.ledger.settlements_of(bill)]
        if unpaid:
            return unpaid[0]
        return bills[-1] if bills and self.switches.settled_bill != "withdrawn" else None

    def _trial(self, registration: Registration, bill: Bill) -> Facts:
        paid = bool(self.ledger.settlements_of(bill))
        categories: dict[tuple[str, str], list[Item]] = {}
        for item in bill.items:
            categories.setdefault((item.recipe, item.category), []).append(item)
        return {
            **self._amounts(bill.total, bill.fund),
            "SERIAL_NO": bill.serial_no,
            "Date": f"{self.time():%Y-%m-%d %H:%M:%S}",
            "DepDesc": registration.department,
            "DoctName": registration.doctor,
            "Sex": registration.sex,
            "Age": registration.age,
            "FeeType": "门诊收费",
            "MedicalTreatment": "工伤",
            "BILLID": self._id_of(bill),
            "BILLSTATUS": "1" if paid and self.switches.settled_bill == "marked" else "0",
            "FeeDetail": self._rows(
                {
                    "FeeCat": self._rows(
                        {"Recipe": recipe, "FeeCatName": name, "items": self._rows(self._subtotal(rows))}
                    )
                }
                for (recipe, name), rows in categories.items()
            ),
        }

    def _subtotal(self, items: list[Item]) -> Facts:
        flags = ("Delivery", "Decoction", "IsDelivery", "IsDecoction", "DeliveryFeeFlag")
        return {
            "SumPrice": self._number(sum((item.amount for item in items), Decimal("0.00"))),
            **dict.fromkeys(flags, "0"),
            "ZYTS": "",
            "Remark": "",
            "PerItem": self._rows(
                {
                    "PerItemName": item.name,
                    "DrugFlag": "1",
                    "Specification": "",
                    "PerItemCount": self._number(item.count),
                    "PerPrice": self._number(item.amount),
                    "Price": self._number(item.price),
                    "PerUnit": item.unit,
                }
                for item in items
            ),
        }

    def _id_of(self, bill: Bill) -> str:
        return f"{bill.bill_id}T{bill.trials}" if self.switches.bill_id == "per_trial" else bill.bill_id

    # -- SettleByDoctor
    def settle(self, body: Facts, door: str = "api") -> Facts:
        """Take the money. Raises Refusal; then nothing has changed."""
        for name in _REQUIRED:
            _text(body, name)
        registration = self._registration(str(body["RegSerNo"]))
        bill = next(
            (each for each in self.ledger.bills_of(registration.reg_no) if body["BILLID"] == self._id_of(each)), None
        )
        if bill is None:
            raise Refusal(6, "账单不存在或已变更")
        if body["CardNo"] != registration.card_no:
            raise Refusal(6, "卡号与挂号不符")
        if body.get("SERIAL_NO") not in (None, "", bill.serial_no):
            raise Refusal(6, "就医登记号不符")
        try:
            money = decimal_of(body["Money"])
        except BadNumber:
            raise Refusal(5, "Money") from None
        if self.switches.check_money and money != bill.own:
            raise Refusal(6, "金额与个人自付金额不符")
        if self.ledger.settlements_of(bill) and self.switches.second_settlement == "refuse":
            raise Refusal(6, "账单已结算")
        self.note({"settle": dict(body), "door": door, "counter": self.ledger.counter, "trials": bill.trials})
        number = self.ledger.next()
        settlement = Settlement(
            check_out_no=f"JS{number:08d}",
            ser_no=f"FP{number:08d}",
            bill_id=bill.bill_id,
            reg_no=bill.reg_no,
            total=bill.total,
            fund=bill.fund,
            own=bill.own,
            money=money,
            serial_number=str(body["SerialNumber"]),
            at=f"{self.time():%Y-%m-%d %H:%M:%S}",
            door=door,
        )
        self.ledger.settlements.append(settlement)
        return self._receipt(registration, bill, settlement)

    def _receipt(self, registration: Registration, bill: Bill, settlement: Settlement) -> Facts:
        items = [
            {
                "PerItemName": item.name,
                "Specification": "",
                "PerItemCount": self._number(item.count),
                "PerUnit": item.unit,
            }
            for item in bill.items
        ]
        place = {"PhaWin": "3号窗口", "Queue": str(len(self.ledger.settlements)), "Type": "药品", "Flag": "0"}
        numbered = {"CheckOutNo": settlement.check_out_no} if self.switches.check_out_no else {}
        return {
            **self._amounts(settlement.total, settlement.fund),
            **numbered,
            "SerNo": settlement.ser_no,
            "HospitalName": "虚构医院",
            "HospitalAdd": "无此路1号",
            "HospitalTel": "000-0000000",
            "Date": settlement.at,
            "CardNo": registration.card_no,
            "RegSerNo": registration.reg_no,
            "DepDesc": registration.department,
            "DoctName": registration.doctor,
            "PatientName": registration.name,
            "Sex": registration.sex,
            "Age": registration.age,
            "FeeType": "门诊收费",
            "Detail": self._rows(
                {"Item": self._rows(place | {"OrderNumber": bill.items[0].recipe, "ItemDetail": self._rows(*items)})}
            ),
        }

    # -- inside
    def _registration(self, reg_no: str) -> Registration:
        found = self.ledger.registrations.get(reg_no)
        if found is None:
            raise Refusal(6, "挂号不存在")
        return found

    def _amounts(self, total: Decimal, fund: Decimal) -> Facts:
        return {
            "SumFund": self._number(total),
            "SBZFJE": self._number(fund),
            "GRZFJE3": self._number(total - fund),
        }

    def _number(self, value: Decimal) -> Any:
        return value if self.switches.numbers == "number" else str(value)

    def _rows(self, *rows: Any) -> Any:
        """Return rows as a list, or a single one as an object, by the switch. A lone iterable gives the rows."""
        found = [row for each in rows for row in ([each] if isinstance(each, Mapping) else each)]
        return found[0] if self.switches.one_row == "object" and len(found) == 1 else found


def _text(body: Facts, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Refusal(5, name)
    return value
