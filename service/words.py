"""What staff read, Chinese first, English by switch. One table a topic; codes stay codes."""

from __future__ import annotations

from enum import StrEnum

from engine.actions import ActionKind
from engine.events import Cause, Role, Verdict
from engine.store import Status


class Topic(StrEnum):
    """What a code is about; the same code may mean different things under two topics."""

    STATUS = "status"
    CAUSE = "cause"
    ACTION = "action"
    VERDICT = "verdict"
    OUTCOME = "outcome"
    EVENT = "event"
    ROLE = "role"
    SCHEDULE = "schedule"
    HEADING = "heading"
    DIFFERENCE = "difference"
    LINE = "line"
    GAP = "gap"
    KEEPING = "keeping"
    WAITING = "waiting"
    PEER = "peer"


_WORDS: dict[Topic, dict[str, tuple[str, str]]] = {
    Topic.STATUS: {
        Status.READY: ("进行中", "moving"),
        Status.WAITING: ("等待", "waiting"),
        Status.STUCK: ("卡住", "stuck"),
        Status.CLOSED: ("已结束", "closed"),
    },
    Topic.CAUSE: {
        Cause.REFUSED: ("对方拒绝", "refused by the peer"),
        Cause.UNDO_REFUSED: ("撤销被拒绝", "undo refused"),
        Cause.DOUBT: ("结果不明，需人工核实", "outcome unknown, a person must find out"),
        Cause.RETRIES_EXHAUSTED: ("多次重试仍失败", "retries exhausted"),
        Cause.DEADLINE: ("超过时限", "deadline passed"),
        Cause.OVERDUE: ("等待超时", "nobody triggered it in time"),
        Cause.DISAGREEMENT: ("核对不一致", "what must agree disagrees"),
        Cause.LATE_ORIGINAL: ("迟到的原交易已生效", "a late original took effect"),
        Cause.STEP_ERROR: ("步骤程序出错", "a step failed"),
        Cause.FLOW_UNAVAILABLE: ("流程版本不可用", "flow version unavailable"),
        Cause.ENGINE_ERROR: ("引擎内部错误", "engine error"),
        Cause.RESTORED: ("从备份恢复，需人工核对", "restored from a backup, a person must compare"),
    },
    Topic.ACTION: {
        ActionKind.TRIGGER: ("触发", "trigger"),
        ActionKind.RESUME: ("继续", "resume"),
        ActionKind.SETTLE: ("人工认定", "settle by hand"),
        ActionKind.REVERSE: ("撤销到", "reverse to"),
        ActionKind.CANCEL: ("全部撤销并关闭", "undo everything and close"),
        ActionKind.CORRECT: ("更正数据", "correct data"),
        ActionKind.MIGRATE: ("迁移流程版本", "migrate to another flow version"),
    },
    Topic.GAP: {
        "stuck_without_cause": ("卡住但没有原因", "stuck without a cause"),
        "waits_for_nothing": ("等待但未说明等什么", "waits for nothing that has a name"),
        "no_time": ("没有时间", "neither due nor waiting until a time"),
        "never_woken": ("不会被唤醒", "nobody would ever wake it"),
        "woken_at_another_time": ("唤醒时间与到期时间不符", "would be woken at another time than it is due"),
        "lease_ended": ("租约已过期无人接手", "its lease has ended and nobody took it over"),
        "due_and_not_taken": ("已到期但无人处理", "due, and nobody takes it"),
        "unknown_status": ("状态未知", "of a status that nobody knows"),
    },
    Topic.PEER: {
        "closed": ("正常呼叫", "called"),
        "paused": ("无应答，暂停呼叫", "does not answer, left alone"),
        "trial": ("试探中", "being tried"),
        "held": ("人工停用", "stopped by hand"),
    },
    Topic.WAITING: {
        "peer_paused": ("对方无应答，暂停呼叫", "the peer does not answer and is left alone"),
        "peer_busy": ("对方名额已满，排队", "the peer has no room, its turn will come"),
    },
    Topic.VERDICT: {
        Verdict.APPLIED: ("已生效", "applied"),
        Verdict.NOT_APPLIED: ("未生效", "not applied"),
        Verdict.REVERSED: ("已冲正", "reversed"),
        Verdict.UNKNOWN: ("仍不明", "still unknown"),
        "agrees": ("一致", "agrees"),
        "disagrees": ("不一致", "disagrees"),
    },
    Topic.OUTCOME: {
        "done": ("成功", "done"),
        "refused": ("被拒绝", "refused"),
        "not_sent": ("未发出", "not sent"),
        "in_doubt": ("结果不明", "in doubt"),
        "busy": ("对方处理中", "peer busy"),
        "no_call": ("无需调用", "no call needed"),
    },
    Topic.EVENT: {
        "opened": ("建档", "opened"),
        "triggered": ("触发", "triggered"),
        "intent": ("拟发送", "about to send"),
        "concluded": ("结果", "outcome"),
        "looked": ("核实", "looked"),
        "settled": ("认定", "settled"),
        "late_looked": ("关闭前复核", "last look"),
        "timer_fired": ("定时器", "timer"),
        "paused": ("等候对方", "waits for the peer"),
        "stuck": ("卡住", "stuck"),
        "resumed": ("继续", "resumed"),
        "corrected": ("更正数据", "corrected"),
        "undo_requested": ("要求撤销", "undo requested"),
        "undone": ("撤销完成", "undone"),
        "migrated": ("迁移版本", "migrated"),
        "closed": ("结束", "closed"),
    },
    Topic.ROLE: {
        Role.UNDO: ("撤销", "undo"),
        Role.PROBE: ("查询", "probe"),
        Role.REVERSE: ("冲正", "reversal"),
        Role.REPEAT: ("重发", "repetition"),
    },
    Topic.SCHEDULE: {
        "open": ("建档", "open"),
        "job": ("任务", "job"),
        "off": ("已停用", "off"),
        "not_opened": ("未建档", "not opened"),
        "unknown": ("未知，见日志", "unknown, see the log"),
    },
    Topic.HEADING: {
        "time": ("时间", "time"),
        "name_of_user": ("名称", "name"),
        "role": ("角色", "role"),
        "locked": ("锁定于", "locked"),
        "key_id": ("密钥编号", "key id"),
        "rule": ("规则", "rule"),
        "subject": ("对象", "about"),
        "value": ("数值", "value"),
        "since": ("开始", "since"),
        "told": ("最近通知", "last told"),
        "problem": ("问题", "problem"),
        "message": ("说明", "message"),
        "expires": ("到期", "expires"),
        "revoked": ("作废于", "revoked"),
        "delivery": ("通知编号", "delivery"),
        "number": ("序号", "number"),
        "tries": ("尝试次数", "tries"),
        "approval": ("复核编号", "approval"),
        "action": ("操作", "action"),
        "asked_by": ("申请人", "asked by"),
        "decided_by": ("复核人", "decided by"),
        "reason": ("理由", "reason"),
        "event": ("事件", "event"),
        "what": ("内容", "what"),
        "visit": ("就诊", "visit"),
        "flow": ("流程", "flow"),
        "key": ("业务号", "key"),
        "operation": ("接口", "interface"),
        "updated_at": ("最近变化", "last change"),
        "state": ("状态", "state"),
        "status": ("情况", "status"),
        "cause": ("原因", "cause"),
        "due": ("下一步时间", "next move"),
        "waiting_for": ("等待什么", "waiting for"),
        "version": ("版本", "version"),
        "title": ("名称", "title"),
        "field": ("字段", "field"),
        "projection": ("列表所示", "lists show"),
        "journal": ("流水所示", "journal says"),
        "evidence": ("证据", "evidence"),
        "schedule": ("定时任务", "schedule"),
        "when": ("时间", "when"),
        "next_run": ("下次运行", "next run"),
        "last_run": ("上次应运行", "last due"),
        "result": ("上次结果", "last result"),
        "actions": ("现在可以做", "legal now"),
        "target": ("目标", "target"),
        "needs": ("需要", "needs"),
        "sends": ("将发送", "will send"),
        "history": ("经过", "timeline"),
        "agree": ("账目一致", "ledgers agree"),
        "differ": ("账目不一致", "ledgers differ"),
        "side": ("账目", "side"),
        "ours": ("我方", "ours"),
        "centre": ("中心", "centre"),
        "total": ("总额", "total"),
        "fund": ("基金", "fund"),
        "self": ("个人", "self"),
        "lines": ("明细", "lines"),
        "registrations": ("登记", "registrations"),
        "reconciliation": ("对账", "reconciliation"),
        "bills": ("我方票据数", "our bills"),
        "bill": ("票据号", "bill"),
        "line": ("明细", "line"),
        "name": ("项目", "item"),
        "amount": ("金额", "amount"),
        "batch": ("批次", "batch"),
        "refusal": ("拒绝原因", "why refused"),
        "uploaded_total": ("已上传合计", "uploaded in all"),
        "difference": ("差异", "difference"),
        "differences": ("差异明细", "differences"),
        "file": ("文件号", "file"),
        "file_name": ("文件名", "file name"),
        "kind": ("类型", "kind"),
        "size": ("字节数", "bytes"),
        "sheet_approves": (
            "注意：获取结算单会同时核准该次住院的费用（4.12）；核准后中心可能不再允许撤销登记。只看总额请用 stays。",
            "The sheet approves the stay's fees (4.12); afterwards the centre may refuse to take the registration back."
            " To see the total only, ask for stays.",
        ),
        "go_on": ("继续吗？", "Go on?"),
        "nothing": ("没有内容", "nothing"),
        "catalogue": ("目录", "catalogue"),
        "items": ("项目数", "items"),
        "item_code": ("医院项目编码", "hospital code"),
        "imported_at": ("导入时间", "imported"),
        "by": ("操作员", "by"),
        "column": ("列", "column"),
        "headers": ("表头也可写作", "headers that are understood as well"),
        "required": ("必填", "required"),
        "never_imported": ("尚未导入", "never imported"),
        "checked": ("已检查", "checked"),
        "written": ("已写入", "written"),
        "added": ("新增", "added"),
        "changed": ("变更", "changed"),
        "removed": ("删除", "removed"),
        "unchanged": ("未变", "unchanged"),
        "bad_rows": ("有误的行", "bad rows"),
        "imported": ("已导入", "imported"),
        "not_imported": ("未导入", "not imported"),
        "visits": ("涉及就诊", "visits"),
        "first_day": ("最早", "first day"),
        "last_day": ("最晚", "last day"),
        "added_at": ("存入时间", "kept since"),
        "confirmed_at": ("已向中心确认", "confirmed at the centre"),
    },
    Topic.KEEPING: {
        "backup": ("备份", "backup"),
        "file": ("文件", "file"),
        "visits": ("核对就诊", "visits compared"),
        "held": ("已停下等人核对", "held for a person"),
        "in_doubt": ("其中结果不明", "of these in doubt"),
        "damaged": ("流水损坏", "damaged"),
        "sound": ("备份完好", "the backup is sound"),
        "not_sound": ("备份有问题，不可依赖", "the backup cannot be relied on"),
        "gap": ("这段时间里的事本库不知道", "of this time the store knows nothing"),
        "next": (
            "请先与各对方系统核对，再逐个继续：visitflow db restored；visitflow visits resume …（docs/runbook.md）",
            "Compare with the peers before anything goes on: visitflow db restored; visitflow visits resume …"
            " (docs/runbook.md)",
        ),
        "aside": ("原来的数据库放在", "the store before was put aside as"),
        "no_periods": ("未设期限，全部永久保留", "no periods are set: everything is kept for ever"),
        "only_counted": ("仅统计，未删除（--apply 才删除）", "only counted; --apply deletes"),
        "deleted": ("已删除", "deleted"),
        "made_first": ("已先备份到", "made a backup first"),
    },
    Topic.LINE: {
        "pending": ("待上传", "pending"),
        "unmatched": ("待对照目录", "not matched yet"),
        "sending": ("上传中", "sending"),
        "uploaded": ("已上传", "uploaded"),
        "refused": ("被拒", "refused"),
        "voided": ("已作废", "voided"),
    },
    Topic.DIFFERENCE: {
        "amounts": ("金额不同", "amounts differ"),
        "missing_there": ("中心没有", "missing at the centre"),
        "missing_here": ("我方没有", "missing here"),
        "other_day": ("中心记在别的日期", "on another day at the centre"),
        "sum": ("仅总额不同", "only the totals differ"),
    },
}


def word(topic: Topic, code: str, language: str) -> str:
    """Return the words for ``code``, or the code itself where there are none."""
    chinese, english = _WORDS[topic].get(code, (code, code))
    return english if language == "en" else chinese
