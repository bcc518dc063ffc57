"""The 26 transactions of interface 001 in one table: number, names, what they do, where their rules are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from simulators.jiangsu import filing, lines, reconciliation, registration, reversal, review, session, settlement
from simulators.jiangsu.centre import Call, Centre
from simulators.jiangsu.refusals import refuse

#: `changes` can be taken back by 2209, and a late original is refused after that; `traces` changes something else
#: (a person becomes known, a number is given out); both go into the book. `reads` leaves nothing.
Kind = Literal["reads", "traces", "changes"]


@dataclass(frozen=True)
class Transaction:
    """One row: number, names, handler."""

    code: str
    zh: str
    names: tuple[str, ...]
    kind: Kind
    handler: Callable[[Centre, Call], Any]


#: Names: interface 001, then those of 000; the English ones that 000 does not show follow its pattern (J1).
_TABLE: tuple[Transaction, ...] = (
    Transaction("1320", "总额对账", ("ReconcileTotal", "总额对帐"), "reads", reconciliation.totals),
    Transaction("1321", "明细对账", ("ReconcileDetail",), "reads", reconciliation.one_bill),
    Transaction("1322", "对账确认", ("ConfirmReconciliation",), "changes", reconciliation.confirm),
    Transaction("1323", "对账确认撤销", ("CancelReconciliation",), "changes", reconciliation.take_back),
    Transaction("9001", "签到", ("SignIn",), "traces", session.sign_in),
    Transaction("9002", "签退", ("SignOut",), "traces", session.sign_out),
    Transaction("1101", "读卡", ("ReadCard",), "traces", registration.read_card),
    Transaction("2201", "登记", ("RegisterPatient", "门诊/住院登记"), "changes", registration.register),
    Transaction("2202", "登记(挂号)撤销", ("CancelRegister", "登记撤销"), "changes", registration.cancel_registration),
    Transaction("2203", "登记信息修改", ("UpdateRegister",), "changes", registration.change_registration),
    Transaction("2204", "处方明细上报", ("UploadPrescription",), "changes", lines.upload),
    Transaction("2205", "处方明细撤销", ("CancelPrescription",), "changes", lines.cancel_lines),
    Transaction("2206", "费用预结算", ("PreSettle", "预结算", "费用预算结算"), "traces", settlement.pre_settle),
    Transaction("2207", "费用结算", ("Settle", "结算"), "changes", settlement.settle),
    Transaction("2208", "费用结算撤销", ("CancelSettle",), "changes", settlement.cancel_settlement),
    Transaction("2209", "冲正交易", ("Reverse",), "traces", reversal.reverse),
    Transaction("3101", "审核扣款申诉", ("AppealDeduction",), "changes", review.appeal),
    Transaction("6101", "费用结算单据下载", ("DownloadSettlement",), "reads", settlement.receipt),
    Transaction("1102", "工伤就诊特殊备案", ("SpecialFiling",), "changes", filing.file),
    Transaction(
        *("9103", "费用明细详细信息下载", ("QuerySettlements", "费用明细详细信息查询")),
        *("reads", settlement.list_settlements),
    ),
    Transaction("9104", "处方明细下载", ("QueryPrescription", "处方明细查询"), "reads", lines.list_lines),
    Transaction(
        *("9105", "参保人近期就诊信息查询", ("QueryVisits", "参保人近期参保信息查询")),
        *("reads", registration.list_visits),
    ),
    Transaction("9106", "审核扣款信息查询", ("QueryDeductions",), "reads", review.list_deductions),
    Transaction("1800", "获取中心系统时间", ("GetCenterTime",), "reads", session.centre_time),
    Transaction("1106", "工伤门诊病历上传", ("UploadOutpatientRecord",), "changes", filing.record),
    Transaction("1107", "工伤住院病历上传", ("UploadInpatientRecord",), "changes", filing.record),
)
TRANSACTIONS: dict[str, Transaction] = {row.code: row for row in _TABLE}
NAMES: dict[str, str] = {name: row.code for row in _TABLE for name in (row.code, row.zh, *row.names)}


def transact(centre: Centre, call: Call) -> Any:
    """Run one transaction; return its data. Raises Refusal or Missing; then nothing has changed."""
    row = TRANSACTIONS[call.code]
    late = row.kind == "changes" and call.msgid in centre.ledger.reversed
    if late and centre.switches.late_after_reversal == "refuse":
        raise refuse("was_reversed")
    return row.handler(centre, call)
