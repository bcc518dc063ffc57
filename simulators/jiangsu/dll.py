"""The shared library's vocabulary, in front of the same centre: DLL conventions, chapter 3; J42-J44, J48.

Both framings (dll_json, dll_caret) come through here. No source says which members are mandatory: demanded is what the
centre cannot do without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulators.jiangsu.centre import Call
from simulators.jiangsu.fields import demand, moment
from simulators.jiangsu.ledger import Visit
from simulators.jiangsu.office import Office
from simulators.jiangsu.refusals import Missing, refuse

MED_TYPES = {"11", "12", "13", "21", "22", "23"}
#: The trial's bill number (J44): outpatient, inpatient.
PLACEHOLDERS = ("0000", "00000")

_REGISTERED = ("ipt_otp_no", "med_type", "adm_time", "adm_diag_dscr")
_SETTLING = ("psn_no", "ipt_otp_no", "med_type", "mdtrt_id", "setl_time", "dscg_time", "dscg_trt_rslt", "diag_code")
#: Members that must be filled, those that may be empty, and which of them are times yyyyMMddHHmmss.
_DEMANDED: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "2201": (("psn_no", *_REGISTERED), (), ("adm_time",)),
    "2202": (("ipt_otp_no",), (), ()),
    "2203": (_REGISTERED, (), ("adm_time",)),
    "2205": (("ipt_otp_no",), ("rxno", "feedetl_sn"), ()),
    "2206": (_SETTLING, (), ("setl_time", "dscg_time")),
    "2207": (_SETTLING, (), ("setl_time", "dscg_time")),
    "2208": (("ipt_otp_no", "mdtrt_id", "setl_time", "keep_tp_type"), (), ("setl_time",)),
    "2209": (("omsgid", "oinfno"), (), ()),
    "6101": (("ipt_otp_no",), (), ()),
    "9104": (("ipt_otp_no",), (), ()),
    "1106": (("ipt_otp_no",), (), ()),
    "1107": (("ipt_otp_no",), (), ()),
}
#: These are about one visit, which the hospital's number names (J42).
_OF_A_VISIT = {"2202", "2203", "2204", "2205", "2206", "2207", "2208", "6101", "9104", "1106", "1107"}
#: Amounts have other names here (J43); the gateway's numbers do not exist (J42).
_OTHER_NAME = {"total_amt": "medfee_sumamt", "fund_amt": "hifp_pay", "self_amt": "psn_cash_pay"}
_UNKNOWN_HERE = {"visit_no", "pre_settle_id", "settle_id"}
#: list_type: its codes are unknown; invented: 1 drugs, 3 material, all else services.
_FEES = {"1": "drug_fee", "3": "ms_fee"}


@dataclass(frozen=True)
class Asked:
    """One transaction in the library's words."""

    code: str
    input: dict[str, Any]
    msgid: str
    operator: str = ""
    sign_no: str = ""
    mode: str = "1"


class Vocabulary:
    """Translates to the centre's call and back."""

    def __init__(self, office: Office) -> None:
        """``office`` is the gateway's as well: two doors, one centre."""
        self.office = office
        self.centre = office.centre

    def run(self, asked: Asked) -> Any:
        """Return the `output` of one transaction. Raises Refusal or Missing; then nothing has changed."""
        sent = dict(asked.input)
        if isinstance(sent.get("psn_no"), int):  # declared as an integer (DLL conventions, 2.2)
            sent["psn_no"] = str(sent["psn_no"])
        if asked.code == "2204":
            sent["ipt_otp_no"] = _one_visit(sent.get("feedetail"))
        filled, maybe_empty, times = _DEMANDED.get(asked.code, ((), (), ()))
        demand(sent, filled, maybe_empty)
        for name in times:
            moment(sent, name)
        visit = self.centre.standing(str(sent["ipt_otp_no"])) if asked.code in _OF_A_VISIT else None
        if asked.code in _OF_A_VISIT:
            sent["visit_no"] = visit.visit_no if visit else "-"  # the centre refuses, and notes the message
        if asked.code in _BEFORE:
            _BEFORE[asked.code](self, sent, visit)
        credential = None
        if asked.code == "1101" and asked.mode == "2":
            credential = sent.get("qrCodeInfo")  # else what the reader shows
        if asked.code == "9002":
            sent = {"sign_no": asked.sign_no}
        call = Call(asked.code, sent, asked.msgid, asked.operator, asked.mode, credential, door="dll")
        data = _renamed(self.office.run(call))
        after = _AFTER.get(asked.code)
        return data if after is None else after(data, asked.input, visit)

    # -- what has to be so before the centre is asked
    def _registering(self, sent: dict[str, Any], _visit: Visit | None) -> None:
        if sent["med_type"] not in MED_TYPES:
            raise Missing("med_type")
        sent["visit_type"] = sent["med_type"][0]  # 9105 tells it (J4)

    def _settling(self, sent: dict[str, Any], visit: Visit | None) -> None:
        if visit is None:
            return
        if sent["psn_no"] != visit.psn_no:
            raise refuse("no_visit")
        if sent["med_type"] != visit.details.get("med_type", sent["med_type"]):
            raise Missing("med_type")
        sent.setdefault("diag_dscr", sent["diag_code"])  # "code again, or its name"

    def _trying(self, sent: dict[str, Any], visit: Visit | None) -> None:
        self._settling(sent, visit)
        if sent.pop("mdtrt_id") != PLACEHOLDERS[visit is not None and visit.inpatient]:
            raise Missing("mdtrt_id")

    def _cancelling(self, sent: dict[str, Any], _visit: Visit | None) -> None:
        if sent["keep_tp_type"] not in ("0", "1"):
            raise Missing("keep_tp_type")

    def _reversing(self, sent: dict[str, Any], _visit: Visit | None) -> None:
        codes = {each.code for each in self.centre.ledger.messages if each.msgid == sent["omsgid"]}
        if codes and sent["oinfno"] not in codes:
            raise Missing("oinfno")


_BEFORE: dict[str, Callable[[Vocabulary, dict[str, Any], Visit | None], None]] = {
    "2201": Vocabulary._registering,
    "2203": Vocabulary._registering,
    "2206": Vocabulary._trying,
    "2207": Vocabulary._settling,
    "2208": Vocabulary._cancelling,
    "2209": Vocabulary._reversing,
}


def _one_visit(lines: Any) -> str:
    """Return the visit of a batch: each line names it (DLL conventions, 3.3)."""
    if not isinstance(lines, list) or not lines or not all(isinstance(line, dict) for line in lines):
        raise Missing("feedetail")
    for line in lines:
        demand(line, ("ipt_otp_no",))
        moment(line, "fee_ocur_time")
    numbers = {line["ipt_otp_no"] for line in lines}
    if len(numbers) != 1:
        raise Missing("ipt_otp_no")
    return str(numbers.pop())


def _renamed(data: Any) -> Any:
    if isinstance(data, list):
        return [_renamed(each) for each in data]
    if not isinstance(data, dict):
        return data
    kept = {_OTHER_NAME.get(name, name): _renamed(each) for name, each in data.items() if name not in _UNKNOWN_HERE}
    return kept or None


def _person(data: Any, _sent: dict[str, Any], _visit: Visit | None) -> Any:
    return {"psn_no": data["psn_no"], "emp_no": None, "certificate_type": "01"} | data


def _rows(data: Any, _sent: dict[str, Any], _visit: Visit | None) -> Any:
    return data["lines"]


def _money(data: Any, sent: dict[str, Any], visit: Visit | None) -> Any:
    """Add both numbers, the parts by kind, and the two texts whose names look copied by mistake (3.4)."""
    fees = {"drug_fee": Decimal("0.00"), "dati_fee": Decimal("0.00"), "ms_fee": Decimal("0.00")}
    for line in visit.lines if visit else ():
        fees[_FEES.get(str(line.sent.get("list_type", "")), "dati_fee")] += line.amount
    numbers = {"ipt_otp_no": sent["ipt_otp_no"], "mdtrt_id": sent["mdtrt_id"]}
    return numbers | data | fees | {"med_list_codg": "", "umamt": ""}


def _receipt(data: Any, sent: dict[str, Any], _visit: Visit | None) -> Any:
    return {"ipt_otp_no": sent["ipt_otp_no"]} | data


_AFTER: dict[str, Callable[[Any, dict[str, Any], Visit | None], Any]] = {
    "1101": _person,
    "2204": _rows,
    "2206": _money,
    "2207": _money,
    "6101": _receipt,
}
