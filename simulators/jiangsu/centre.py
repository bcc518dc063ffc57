"""The centre's rules: what each transaction demands, refuses, and does to the books.

Sources: interface 001 (list of transactions), interface 000 (fields it shows), DLL conventions, chapter 3, and
docs/assumptions.md J1-J24 where these are silent.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from simulators.jiangsu.ledger import Ledger, Line, Settlement, Visit
from simulators.jiangsu.numbers import BadNumber, cents, decimal_of
from simulators.jiangsu.people import Person, invent

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_FUND_SHARE = Decimal("0.8")  #: invented: the fund bears 80 % of what is not wholly self-paid
_PAGE = 100


class Refusal(Exception):
    """The centre decides against it; nothing happened."""

    def __init__(self, code: int, business: str, message: str) -> None:
        """``code`` is the gateway's (3000-3999), ``business`` the centre's own."""
        self.code, self.business, self.message = code, business, message
        super().__init__(message)


class Missing(Exception):
    """A parameter is missing or wrong: found by the gateway, 1007 (J15)."""


#: Refusals: gateway code, business code, text. The table of docs/assumptions.md.
REFUSALS: dict[str, tuple[int, str, str]] = {
    "not_insured": (3001, "1001", "人员未参保工伤保险"),
    "no_visit": (3002, "2201001", "就诊不存在或已撤销"),
    "not_empty": (3003, "2202001", "存在明细或结算，须先撤销"),
    "settled": (3004, "2204001", "已结算，不能上传明细"),
    "wrong_amount": (3005, "2204002", "明细金额与单价、数量不符"),
    "no_lines": (3006, "2205001", "无已上传明细"),
    "settlement_stands": (3007, "2205002", "存在结算，须先撤销结算"),
    "nothing_to_settle": (3008, "2206001", "无可结算费用"),
    "details_differ": (3009, "2206002", "费用明细与已上传明细不符"),
    "already_settled": (3010, "2207001", "该就诊已结算"),
    "no_trial": (3011, "2207002", "预结算号不存在或已失效"),
    "no_settlement_to_cancel": (3012, "2208001", "无可撤销的结算"),
    "no_settlement": (3013, "6101001", "无结算信息"),
    "was_reversed": (3014, "2209001", "该交易已冲正"),
    "line_twice": (3015, "2204003", "明细已上传"),
    "registered_already": (3016, "2201002", "该就诊已登记"),
}


def refuse(name: str) -> Refusal:
    """Return the refusal called ``name``."""
    return Refusal(*REFUSALS[name])


@dataclass
class Switches:
    """Readings of what no document says (DLL conventions, chapter 4: unknown). The defaults make doubling visible."""

    duplicate_registration: str = "accept"  #: or refuse
    duplicate_lines: str = "accept"  #: or refuse
    late_after_reversal: str = "refuse"  #: or apply
    keep_tp_type: bool = True  #: 2208 honours it
    auto_enrol: bool = True  #: an unknown credential is an invented person


@dataclass
class Centre:
    """The books and the rules. ``now`` gives the centre's clock."""

    ledger: Ledger = field(default_factory=Ledger)
    switches: Switches = field(default_factory=Switches)
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(_SHANGHAI)
    reader: str | None = None  #: credential of the card in the reader

    def stamp(self) -> str:
        """Return the time as yyyyMMddHHmmss."""
        return f"{self.now():%Y%m%d%H%M%S}"

    def transact(self, code: str, parameters: dict[str, Any], msgid: str, envelope: dict[str, Any]) -> Any:
        """Run one transaction; return its data. Raises Refusal or Missing; then nothing has changed."""
        write = code in _WRITES
        if write and msgid in self.ledger.reversed and self.switches.late_after_reversal == "refuse":
            raise refuse("was_reversed")
        return TRANSACTIONS[code].handler(self, parameters, msgid, envelope)

    # -- 1101
    def read_card(self, parameters: dict[str, Any], msgid: str, envelope: dict[str, Any]) -> dict[str, Any]:
        """1101: who the credential belongs to (J19, J23)."""
        mode = str(envelope.get("identifyMode", "1"))
        if mode == "2":
            credential = _text(envelope, "qrCodeInfo")
        elif mode == "1":
            if self.reader is None:
                raise Missing("读卡器中没有卡")
            credential = self.reader
        else:
            raise Missing("identifyMode")
        person = self._person(credential)
        if not person.insured:
            raise refuse("not_insured")
        kinds = (("肢体残", "A"), ("职业病", "B"), ("康复治疗", "C"))
        return {
            "psn_no": person.psn_no,
            "psn_name": person.psn_name,
            "certno": person.certno,
            "gend": person.gend,
            "age": int(self.now().year) - int(person.birthday[:4]),
            "birthday": int(person.birthday),
            "emp_name": "虚构机械厂",
            "psn_type": "1",
            "insu_admdvs": "990099",
            "inhosp_stas": "0",
            "trt_chk_rslt": "",
            "exam_ccls": "".join(f"^Q{person.psn_no[1:9]}{mark}|{self.now():%Y}0101|{kind}|" for kind, mark in kinds),
        }

    def _person(self, credential: str) -> Person:
        known = next((p for c, p in self.ledger.people.items() if c == credential), None)
        if known is None:
            if not self.switches.auto_enrol:
                raise refuse("not_insured")
            known = self.ledger.people[credential] = invent(credential)
        return known

    # -- 2201, 2202, 2203
    def register(self, parameters: dict[str, Any], msgid: str, _envelope: dict[str, Any]) -> dict[str, Any]:
        """2201: the gateway hands out visit_no, the hospital brings ipt_otp_no (J3)."""
        psn_no, number = _text(parameters, "psn_no"), _text(parameters, "ipt_otp_no")
        visit_type = _text(parameters, "visit_type")
        if not any(person.psn_no == psn_no and person.insured for person in self.ledger.people.values()):
            raise refuse("not_insured")
        open_already = [v for v in self.ledger.visits.values() if v.ipt_otp_no == number and v.status != "cancelled"]
        if open_already and self.switches.duplicate_registration == "refuse":
            raise refuse("registered_already")
        visit_no = f"V{self.now():%Y%m%d}{self.ledger.next():06d}"
        self.ledger.visits[visit_no] = Visit(
            visit_no, number, psn_no, visit_type, str(parameters.get("adm_time", "")), msgid
        )
        self._effect(msgid, "registered", visit_no=visit_no)
        return {"visit_no": visit_no}

    def cancel_registration(self, parameters: dict[str, Any], msgid: str, _envelope: dict[str, Any]) -> None:
        """2202: only without lines and settlement (J22)."""
        visit = self._visit(parameters)
        if visit.lines or visit.settlement is not None:
            raise refuse("not_empty")
        visit.status = "cancelled"
        self._effect(msgid, "cancelled", visit_no=visit.visit_no)

    def change_registration(self, parameters: dict[str, Any], _msgid: str, _envelope: dict[str, Any]) -> None:
        """2203: the same data again."""
        visit = self._visit(parameters)
        if visit.settlement is not None:
            raise refuse("settlement_stands")
        visit.adm_time = str(parameters.get("adm_time", visit.adm_time))

    # -- 2204, 2205
    def upload(self, parameters: dict[str, Any], msgid: str, _envelope: dict[str, Any]) -> dict[str, Any]:
        """2204: store the lines; the same line again is stored again unless the switch says otherwise (J5)."""
        visit = self._visit(parameters)
        if visit.settlement is not None:
            raise refuse("settled")
        sent = parameters.get("feedetail")
        if not isinstance(sent, list) or not sent or not all(isinstance(line, dict) for line in sent):
            raise Missing("feedetail")
        new = [self._line(line, msgid) for line in sent]
        known = {(line.sent["rxno"], line.sent["feedetl_sn"]) for line in visit.lines}
        twice = any((line.sent["rxno"], line.sent["feedetl_sn"]) in known for line in new)
        if twice and self.switches.duplicate_lines == "refuse":
            raise refuse("line_twice")
        visit.lines.extend(new)
        visit.trial = None
        self._effect(msgid, "uploaded", visit_no=visit.visit_no)
        return {"lines": [_shown(line) for line in new]}

    def _line(self, sent: dict[str, Any], msgid: str) -> Line:
        for name in ("rxno", "feedetl_sn", "med_list_codg", "fee_ocur_time"):
            _text(sent, name)
        try:
            price, count, amount = (decimal_of(sent.get(name)) for name in ("pric", "cnt", "umamt"))
        except BadNumber as error:
            raise Missing(f"pric/cnt/umamt: {error}") from None
        if cents(price * count) != amount:
            raise refuse("wrong_amount")
        wholly_own = str(sent.get("allSelfFlag", "")) == "1"
        fund = Decimal("0.00") if wholly_own else cents(amount * _FUND_SHARE)
        return Line(msgid, dict(sent), cents(amount), fund)

    def cancel_lines(self, parameters: dict[str, Any], msgid: str, _envelope: dict[str, Any]) -> None:
        """2205: one line, or with both keys empty all lines of the visit (J6)."""
        visit = self._visit(parameters)
        if visit.settlement is not None:
            raise refuse("settlement_stands")
        rxno, number = str(parameters.get("rxno", "")), str(parameters.get("feedetl_sn", ""))
        gone = [
            line
            for line in visit.lines
            if (rxno, number) in (("", ""), (str(line.sent["rxno"]), str(line.sent["feedetl_sn"])))
        ]
        if not gone:
            raise refuse("no_lines")
        visit.lines = [line for line in visit.lines if line not in gone]
        visit.trial = None
        self._effect(msgid, "lines_cancelled", visit_no=visit.visit_no, lines=gone)

    # -- 2206, 2207, 2208
    def pre_settle(self, parameters: dict[str, Any], _msgid: str, _envelope: dict[str, Any]) -> dict[str, Any]:
        """2206: a trial; keeps nothing but its number (J7, J8)."""
        visit = self._visit(parameters)
        if visit.settlement is not None:
            raise refuse("already_settled")
        details = parameters.get("fee_details")
        total, fund = visit.total, sum((line.fund for line in visit.lines), Decimal("0.00"))
        if details is not None:
            if not isinstance(details, list) or not all(isinstance(line, dict) for line in details):
                raise Missing("fee_details")
            try:
                stated = sum((decimal_of(line.get("fee_amt")) for line in details), Decimal("0.00"))
            except BadNumber as error:
                raise Missing(f"fee_amt: {error}") from None
            if visit.lines and stated != total:
                raise refuse("details_differ")
            if not visit.lines:
                total, fund = cents(stated), cents(stated * _FUND_SHARE)
        if not visit.lines and not details:
            raise refuse("nothing_to_settle")
        number = f"PS{self.now():%Y%m%d}{self.ledger.next():06d}"
        visit.trial = {"pre_settle_id": number, "total": total, "fund": fund}
        return {"pre_settle_id": number, "total_amt": total, "fund_amt": fund, "self_amt": total - fund}

    def settle(self, parameters: dict[str, Any], msgid: str, _envelope: dict[str, Any]) -> dict[str, Any]:
        """2207: on the newest trial, with unchanged lines, and an invoice number other than 0 (J9)."""
        visit = self._visit(parameters)
        if visit.settlement is not None:
            raise refuse("already_settled")
        trial = visit.trial
        if trial is None or trial["pre_settle_id"] != _text(parameters, "pre_settle_id"):
            raise refuse("no_trial")
        invoice = str(parameters.get("mdtrt_id", ""))
        if "mdtrt_id" in parameters and not invoice.strip("0"):
            raise Missing("mdtrt_id")
        total, fund = trial["total"], trial["fund"]
        settlement = Settlement(
            f"S{self.now():%Y%m%d}{self.ledger.next():06d}",
            msgid,
            invoice,
            trial["pre_settle_id"],
            total,
            fund,
            total - fund,
            self.stamp(),
        )
        visit.settlements.append(settlement)
        visit.status = "settled"
        self.ledger.move(visit, settlement, 1, msgid, "2207", self.stamp())
        self._effect(msgid, "settled", visit_no=visit.visit_no, settlement=settlement)
        return _settled(settlement)

    def cancel_settlement(self, parameters: dict[str, Any], msgid: str, _envelope: dict[str, Any]) -> None:
        """2208: take the money back; keep_tp_type 0 drops the lines, 1 keeps them (J11)."""
        visit = self._visit(parameters)
        settlement = visit.settlement
        if settlement is None or str(parameters.get("mdtrt_id", settlement.mdtrt_id)) != settlement.mdtrt_id:
            raise refuse("no_settlement_to_cancel")
        settlement.live = False
        visit.status = "registered"
        self.ledger.move(visit, settlement, -1, msgid, "2208", self.stamp())
        dropped: list[Line] = []
        if self.switches.keep_tp_type and str(parameters.get("keep_tp_type", "0")) == "0":
            dropped, visit.lines, visit.trial = visit.lines, [], None
        self._effect(msgid, "settlement_cancelled", visit_no=visit.visit_no, settlement=settlement, lines=dropped)

    # -- 2209
    def reverse(self, original: str, msgid: str) -> dict[str, Any]:
        """2209: take back what a message did; an unknown one is noted, a second time is a success again (J14)."""
        effects = self.ledger.effects.pop(original, [])
        self.ledger.reversed.add(original)
        for effect in reversed(effects):
            self._take_back(effect, msgid, original)
        return {"originalMessageId": original, "found": bool(effects)}

    def _take_back(self, effect: dict[str, Any], msgid: str, original: str) -> None:
        visit = self.ledger.visits[effect["visit_no"]]
        match effect["kind"]:
            case "registered":
                visit.status = "cancelled"
            case "cancelled":
                visit.status = "registered"
            case "uploaded":
                visit.lines = [line for line in visit.lines if line.msgid != original]
                visit.trial = None
            case "lines_cancelled":
                visit.lines.extend(effect["lines"])
            case "settled" if effect["settlement"].live:
                effect["settlement"].live = False
                visit.status = "registered"
                self.ledger.move(visit, effect["settlement"], -1, msgid, "2209", self.stamp())
            case "settlement_cancelled":
                effect["settlement"].live = True
                visit.status = "settled"
                visit.lines.extend(effect["lines"])
                self.ledger.move(visit, effect["settlement"], 1, msgid, "2209", self.stamp())

    def reverse_transaction(self, parameters: dict[str, Any], msgid: str, _envelope: dict[str, Any]) -> dict[str, Any]:
        """2209 as a transaction: omsgid and oinfno (DLL conventions, chapter 3)."""
        return self.reverse(_text(parameters, "omsgid"), msgid)

    # -- queries
    def receipt(self, parameters: dict[str, Any], _msgid: str, _envelope: dict[str, Any]) -> dict[str, Any]:
        """6101 (J12)."""
        visit = self._visit(parameters)
        settlement = visit.settlement
        if settlement is None:
            raise refuse("no_settlement")
        return _settled(settlement) | {
            "visit_no": visit.visit_no,
            "mdtrt_id": settlement.mdtrt_id,
            "setl_time": settlement.at,
            "msgid": settlement.msgid,
        }

    def settlements(self, parameters: dict[str, Any], _msgid: str, _envelope: dict[str, Any]) -> dict[str, Any]:
        """9103: settlements of a period (DLL conventions, chapter 3)."""
        begin, end = _text(parameters, "begindate")[:8], _text(parameters, "enddate")[:8]
        rows = [
            {
                "ipt_otp_no": visit.ipt_otp_no,
                "medrcdno": each.mdtrt_id,
                "medfee_sumamt": each.total,
                "hifp_pay": each.fund,
                "psn_cash_pay": each.own,
                "msgid": each.msgid,
                "psn_no": visit.psn_no,
                "setl_time": each.at,
            }
            for visit in self.ledger.visits.values()
            for each in visit.settlements
            if each.live and begin <= each.at[:8] <= end
        ]
        return _paged("settlements", rows, parameters)

    def list_lines(self, parameters: dict[str, Any], _msgid: str, _envelope: dict[str, Any]) -> dict[str, Any]:
        """9104 (J13)."""
        visit = self._visit(parameters)
        settlement = visit.settlement
        rows = [
            _shown(line)
            | {
                "pric": line.sent["pric"],
                "cnt": line.sent["cnt"],
                "medrcdno": settlement.mdtrt_id if settlement else "",
                "msgid": line.msgid,
            }
            for line in visit.lines
        ]
        return _paged("lines", rows, parameters)

    def list_visits(self, parameters: dict[str, Any], _msgid: str, _envelope: dict[str, Any]) -> dict[str, Any]:
        """9105 (J4)."""
        psn_no = _text(parameters, "psn_no")
        return {
            "visits": [
                {
                    "visit_no": visit.visit_no,
                    "ipt_otp_no": visit.ipt_otp_no,
                    "psn_no": visit.psn_no,
                    "visit_type": visit.visit_type,
                    "adm_time": visit.adm_time,
                    "status": visit.status,
                    "msgid": visit.msgid,
                }
                for visit in self.ledger.visits.values()
                if visit.psn_no == psn_no
            ]
        }

    def centre_time(self, _parameters: dict[str, Any], _msgid: str, _envelope: dict[str, Any]) -> dict[str, Any]:
        """1800."""
        return {"centre_time": self.stamp()}

    # -- shared
    def _visit(self, parameters: dict[str, Any]) -> Visit:
        visit = self.ledger.visits.get(_text(parameters, "visit_no"))
        if visit is None or visit.status == "cancelled":
            raise refuse("no_visit")
        if "ipt_otp_no" in parameters and parameters["ipt_otp_no"] != visit.ipt_otp_no:
            raise refuse("no_visit")
        return visit

    def _effect(self, msgid: str, kind: str, **what: Any) -> None:
        self.ledger.effects.setdefault(msgid, []).append({"kind": kind, **what})


def _text(parameters: dict[str, Any], name: str) -> str:
    value = parameters.get(name)
    if not isinstance(value, str) or not value or len(value) > 2000:
        raise Missing(name)
    return value


def _shown(line: Line) -> dict[str, Any]:
    return {
        "rxno": line.sent["rxno"],
        "feedetl_sn": line.sent["feedetl_sn"],
        "fee_ocur_time": line.sent["fee_ocur_time"],
        "med_list_codg": line.sent["med_list_codg"],
        "umamt": line.amount,
        "ownpay_amt": line.own,
        "alwpay_amt": Decimal("0.00"),
        "pric_uplmt_amt": Decimal("0.00"),
        "chrgitm_lv": "1",
        "memo": "",
    }


def _settled(settlement: Settlement) -> dict[str, Any]:
    return {
        "settle_id": settlement.settle_id,
        "total_amt": settlement.total,
        "fund_amt": settlement.fund,
        "self_amt": settlement.own,
    }


def _paged(name: str, rows: list[dict[str, Any]], parameters: dict[str, Any]) -> dict[str, Any]:
    page = parameters.get("pageNumber", 1)
    if not isinstance(page, int) or page < 1:
        raise Missing("pageNumber")
    return {name: rows[(page - 1) * _PAGE : page * _PAGE], "pageCount": max(1, -(-len(rows) // _PAGE))}


Handler = Callable[[Centre, dict[str, Any], str, dict[str, Any]], Any]


@dataclass(frozen=True)
class Transaction:
    """One row: number, names, handler."""

    code: str
    zh: str
    names: tuple[str, ...]
    handler: Handler


#: 9001 and 9002 are the gateway's own. Names: interfaces 000 and 001.
TRANSACTIONS: dict[str, Transaction] = {
    row.code: row
    for row in (
        Transaction("1101", "读卡", ("ReadCard",), Centre.read_card),
        Transaction("2201", "登记", ("RegisterPatient", "门诊/住院登记"), Centre.register),
        Transaction("2202", "登记(挂号)撤销", ("CancelRegister", "登记撤销"), Centre.cancel_registration),
        Transaction("2203", "登记信息修改", ("UpdateRegister",), Centre.change_registration),
        Transaction("2204", "处方明细上报", ("UploadPrescription",), Centre.upload),
        Transaction("2205", "处方明细撤销", ("CancelPrescription",), Centre.cancel_lines),
        Transaction("2206", "费用预结算", ("PreSettle", "预结算"), Centre.pre_settle),
        Transaction("2207", "费用结算", ("Settle", "结算"), Centre.settle),
        Transaction("2208", "费用结算撤销", ("CancelSettle",), Centre.cancel_settlement),
        Transaction("2209", "冲正交易", ("Reverse",), Centre.reverse_transaction),
        Transaction("6101", "费用结算单据下载", ("DownloadSettlement",), Centre.receipt),
        Transaction("9103", "费用明细详细信息下载", ("QuerySettlements",), Centre.settlements),
        Transaction("9104", "处方明细下载", ("QueryPrescription",), Centre.list_lines),
        Transaction("9105", "参保人近期就诊信息查询", ("QueryVisits", "参保人近期参保信息查询"), Centre.list_visits),
        Transaction("1800", "获取中心系统时间", ("GetCenterTime",), Centre.centre_time),
    )
}
_WRITES = {"2201", "2202", "2203", "2204", "2205", "2207", "2208"}
NAMES: dict[str, str] = {name: row.code for row in TRANSACTIONS.values() for name in (row.code, row.zh, *row.names)} | {
    "签到": "9001",
    "SignIn": "9001",
    "9001": "9001",
    "签退": "9002",
    "SignOut": "9002",
    "9002": "9002",
}
