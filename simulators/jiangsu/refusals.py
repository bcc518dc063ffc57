"""What the centre refuses, and how it says so: the table at the end of docs/assumptions.md."""

from __future__ import annotations


class Refusal(Exception):
    """The centre decides against it; nothing happened."""

    def __init__(self, code: int, business: str, message: str) -> None:
        """``code`` is the gateway's (3000-3999), ``business`` the centre's own."""
        self.code, self.business, self.message = code, business, message
        super().__init__(message)


class Missing(Exception):
    """A parameter is missing or wrong: through the gateway 1007 (J15), through the library infcode -1."""


#: Gateway code, business code, text.
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
    "no_such_bill": (3017, "1321001", "无此结算单据"),
    "totals_differ": (3018, "1322001", "对账金额与中心不一致"),
    "confirmed_already": (3019, "1322002", "该期间已对账确认"),
    "not_confirmed": (3020, "1323001", "该期间未对账确认"),
    "settlement_confirmed": (3021, "2208002", "结算已对账确认，须先撤销确认"),
    "no_injury": (3022, "1102001", "无此工伤认定"),
    "record_twice": (3023, "1106001", "病历已上传"),
    "no_deduction": (3024, "3101001", "无此审核扣款"),
    "appealed_already": (3025, "3101002", "该扣款已申诉"),
    "settled_no_change": (3026, "2201003", "已结算，不能修改登记"),
}


def refuse(name: str) -> Refusal:
    """Return the refusal called ``name``."""
    return Refusal(*REFUSALS[name])
