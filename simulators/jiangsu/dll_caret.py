"""INIT and BUSINESS_HANDLE: the older pair, framed by carets. DLL conventions, 2.3 and 3.6.

Its numbers mean other things than those of 001, so it has a table of its own. Where the page shows no order of
parameters, the order is invented here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulators.jiangsu.dll import PLACEHOLDERS, Asked
from simulators.jiangsu.dll_library import Library, Returned, Subject
from simulators.jiangsu.refusals import Missing, Refusal

_REGISTERED = (
    *("ipt_otp_no", "med_type", "adm_time", "adm_diag_dscr", "wardarea_name", "adm_dept_codg", "adm_bed", "atddr_no"),
    *("opter", "tel", "psn_no", "ipt_no"),  # the card is the person's number
)
_SETTLING = (
    *("ipt_otp_no", "mdtrt_id", "med_type", "setl_time", "dscg_time", "dscg_trt_rslt", "diag_code", "diag_dscr"),
    *("adm_dept_codg", "atddr_no"),
)
_LINE = (
    *("ipt_otp_no", "list_type", "rxno", "feedetl_sn", "fee_ocur_time", "med_list_codg", "pric", "cnt", "umamt"),
    *("bilg_dr_codg", "bilg_dept_codg", "min_unit", "allSelfFlag"),
)
_LINE_OUT = (
    *("rxno", "feedetl_sn", "fee_ocur_time", "med_list_codg", "umamt", "ownpay_amt", "alwpay_amt", "pric_uplmt_amt"),
    *("chrgitm_lv", "memo"),
)
_PERSON = (
    *("psn_no", "emp_no", "emp_name", "certno", "psn_name", "gend", "age", "birthday", "psn_type", "insu_admdvs"),
    *("inhosp_stas", "trt_chk_rslt", "exam_ccls"),
)
_AMOUNTS = ("medfee_sumamt", "hifp_pay", "psn_cash_pay")
_MONEY = (*_AMOUNTS, "drug_fee", "dati_fee", "ms_fee")


@dataclass(frozen=True)
class Twin:
    """One row: the transaction of 001, its parameters in order, what is shown of the output, in order."""

    code: str
    parameters: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    records: bool = False  #: parameters and output are several records
    list_name: str = ""  #: the output's member that holds the records, if it is not the output itself


TWINS: dict[str, Twin] = {
    "9100": Twin("9001", shown=("sign_no",)),
    "9110": Twin("9002"),
    "2100": Twin("1101", shown=_PERSON),
    "2210": Twin("2201", _REGISTERED),
    "2230": Twin("2203", _REGISTERED),
    "2240": Twin("2202", ("ipt_otp_no", "opter")),
    "2310": Twin("2204", _LINE, _LINE_OUT, records=True),
    "2320": Twin("2205", ("ipt_otp_no", "rxno", "feedetl_sn", "opter")),
    "2420": Twin("2206", _SETTLING, _MONEY),
    "2410": Twin("2207", _SETTLING, _MONEY),
    "2430": Twin("2208", ("ipt_otp_no", "mdtrt_id", "setl_time", "opter", "keep_tp_type")),
    "2421": Twin("2209", ("oinfno", "omsgid")),
    "1120": Twin("1320", ("stmt_begindate", "stmt_enddate"), _AMOUNTS),
    # By period, not by bill: the rows of 9103 (its first page).
    "1210": Twin("9103", ("begindate", "enddate"), ("ipt_otp_no", "medrcdno", *_AMOUNTS), list_name="settlements"),
    "1800": Twin("1800", shown=("centre_time",)),
}
_FIELDS = 8


class CaretLibrary(Library):
    """The older pair of functions."""

    functions = ("INIT", "BUSINESS_HANDLE")

    def call(self, process: str, body: bytes) -> Returned:
        """BUSINESS_HANDLE: 0 and a framed reply, or -1 and a text."""
        if not self._is_initialised(process):
            return self.refusal("动态库未初始化，请先调用INIT")
        try:
            head, parameters = self._split(body)
            twin = TWINS[head[0]]
            output = self._vocabulary.run(self._asked(twin, head, parameters))
        except ValueError:
            return self.refusal("入参格式错误")
        except KeyError:
            return self.refusal("未知的交易")
        except Refusal as error:
            return self.refusal(error.message)
        except Missing as error:
            return self.refusal(f"参数缺失或错误：{error}")
        serial, online = self._serial(), "1^" if self.centre.switches.caret_variant == "A" else ""
        return Returned(0, f"{serial}^{online}{_written(twin, output)}^^")

    def subject(self, body: bytes) -> Subject:
        """Tell what a call is about, by the number of 001."""
        try:
            head, parameters = self._split(body)
            twin = TWINS[head[0]]
        except (ValueError, KeyError):
            return Subject(None, None)
        has_visit = twin.parameters[:1] == ("ipt_otp_no",)
        return Subject(twin.code, parameters.split("|")[0] if has_visit else None)

    def refusal(self, message: str) -> Returned:
        """Return a failure: its text is often framed as well, at index 2."""
        framed = self.centre.switches.caret_failure == "framed"
        return Returned(-1, f"{self._serial()}^0^{message}^" if framed else message)

    def _split(self, body: bytes) -> tuple[list[str], str]:
        """Return the head (fields 1-5) and the parameters. Raises ValueError."""
        parts = body.decode(self.centre.switches.dll_encoding).split("^")
        if len(parts) == _FIELDS + 1 and parts[-1] == "":
            parts.pop()
        if len(parts) != _FIELDS:
            raise ValueError("number of fields")
        return parts[:5], parts[6 if self.centre.switches.caret_variant == "A" else 7]

    def _asked(self, twin: Twin, head: list[str], parameters: str) -> Asked:
        _number, institution, operator, period, serial = head
        for name, value in (("医疗机构编码", institution), ("操作员", operator), ("医院流水号", serial)):
            if not value:
                raise Missing(name)
        if twin.code != "9001" and period not in self.centre.ledger.sign_ins:
            raise Missing("未签到")
        named = [_named(twin, record) for record in parameters.split("$")] if twin.records else []
        sent: dict[str, Any] = {"feedetail": named} if twin.records else _named(twin, parameters)
        if twin.code in _FILL:
            _FILL[twin.code](self, sent, period)
        return Asked(twin.code, sent, serial, operator, period)

    # -- what the other framing says and this one leaves out
    def _person(self, sent: dict[str, Any], _period: str) -> None:
        visit = self.centre.standing(sent.get("ipt_otp_no", ""))
        sent["psn_no"] = visit.psn_no if visit else "-"

    def _trial(self, sent: dict[str, Any], period: str) -> None:
        self._person(sent, period)
        visit = self.centre.standing(sent.get("ipt_otp_no", ""))
        if sent.get("mdtrt_id"):  # empty on trial
            raise Missing("mdtrt_id")
        sent["mdtrt_id"] = PLACEHOLDERS[visit is not None and visit.inpatient]

    def _original(self, sent: dict[str, Any], _period: str) -> None:
        twin = TWINS.get(sent.get("oinfno", ""))
        if twin is None:
            raise Missing("原交易")
        sent["oinfno"] = twin.code

    def _whole_days(self, sent: dict[str, Any], period: str) -> None:
        begin, end = sent
        sent |= {begin: sent[begin] + "000000", end: sent[end] + "235959", "sign_no": period}

    def _serial(self) -> str:
        return f"{self.centre.stamp()}{next(self._serials):06d}"


_FILL: dict[str, Callable[[CaretLibrary, dict[str, Any], str], None]] = {
    "2206": CaretLibrary._trial,
    "2207": CaretLibrary._person,
    "2209": CaretLibrary._original,
    "1320": CaretLibrary._whole_days,
    "9103": CaretLibrary._whole_days,
}


def _named(twin: Twin, record: str) -> dict[str, Any]:
    values = record.split("|")
    padded = values + [""] * len(twin.parameters)
    return dict(zip(twin.parameters, padded, strict=False))


def _written(twin: Twin, output: Any) -> str:
    rows = output[twin.list_name] if twin.list_name else output
    if not twin.shown or rows is None:
        return ""
    return "$".join(_record(twin, row) for row in (rows if isinstance(rows, list) else [rows]))


def _record(twin: Twin, row: dict[str, Any]) -> str:
    """Join fields by ``|``, also after the last one; separators inside a text become others (invented)."""
    texts = ("" if row[name] is None else str(row[name]) for name in twin.shown)
    return "".join(each.translate(_INSIDE) + "|" for each in texts)


_INSIDE = str.maketrans({"^": "#", "|": "~", "$": "%"})
