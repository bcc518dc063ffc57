"""One function an action of interface 000, and the transactions that belong to a visit. Both are tables."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from adapters.jiangsu.transactions import Transaction as Row
from adapters.jiangsu.transactions import UnknownTransaction, resolve
from engine.environment import MINUTE
from engine.outcomes import Effect
from engine.store import VisitFilter
from service.gateway import completing, paying, registering, requests, reversing, signing, singles
from service.gateway.envelope import DEVICE, GatewayError, moment, ok
from service.gateway.front import VISIT_FLOWS, Ask, Front, Handler

_Model = TypeVar("_Model", bound=BaseModel)
#: What may be tried again after these: nothing happened at the centre.
_MAY_RETRY = (2002, 1013)
_MILLISECOND = 1000
_PAGE = 1000


# -- transactions
async def read_card(front: Front, ask: Ask) -> dict[str, Any]:
    """1101; the identification stands in the envelope (000)."""
    answer = await singles.read_card(front, ask.body)
    return ok("读卡成功", answer.reply, messageId=answer.message_id, visit=answer.key)


async def reverse_transaction(front: Front, ask: Ask) -> dict[str, Any]:
    """2209 asked for as a transaction."""
    body = requests.checked(requests.Reverse, {**ask.params}, "businessParams")
    return await reversing.reverse(front, body.originalMessageId, ask.body)


#: Transactions that drive a visit or a session; every other one is made by itself.
HANDLERS: Mapping[str, Handler] = {
    "sign_in": signing.sign_in,
    "sign_out": signing.sign_out,
    "check_sign_in": signing.check_sign_in,
    "read_card": read_card,
    "register": registering.register,
    "change_registration": registering.change,
    "cancel_registration": paying.cancel_registration,
    "upload_lines": paying.upload_lines,
    "cancel_lines": paying.cancel_lines,
    "pre_settle": paying.pre_settle,
    "settle": paying.settle,
    "cancel_settlement": paying.cancel_settlement,
    "receipt": paying.receipt,
    "reverse": reverse_transaction,
}
#: Repeating these is safe: the journal knows whether they were done.
_KEPT = frozenset(HANDLERS)


def _row(body: Mapping[str, Any]) -> Row:
    name = body.get("transactionName")
    if name is None or name == "":
        raise GatewayError(1005)
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str):
        raise GatewayError(1007, "transactionName")
    try:
        return resolve(name[:64])
    except UnknownTransaction:
        raise GatewayError(1006) from None


async def _transact(front: Front, row: Row, body: requests.Transaction) -> dict[str, Any]:
    ask = Ask(row, body.businessParams, body)
    return await HANDLERS.get(row.operation, paying.pass_on)(front, ask)


async def transaction(front: Front, raw: Mapping[str, Any]) -> dict[str, Any]:
    """``transaction``: a visit's go to that visit, the others are visits of their own."""
    row = _row(raw)
    return await _transact(front, row, requests.checked(requests.Transaction, dict(raw)))


async def retry(front: Front, raw: Mapping[str, Any]) -> dict[str, Any]:
    """``retry``: only what is safe; a write outside any visit is refused, and why is said."""
    row = _row(raw)
    body = requests.checked(requests.Retry, dict(raw))
    if row.effect is Effect.ONCE and not await _is_kept(front, row, body):
        detail = f"{row.number} {row.zh}不在本系统的就诊中，重发可能重复办理；请先查询中心，或按消息号冲正"
        raise GatewayError(1012, detail)
    environment = front.application.environment
    for tried in range(body.maxRetries + 1):
        try:
            return await _transact(front.anew(), row, body)
        except GatewayError as error:
            if error.code not in _MAY_RETRY or tried == body.maxRetries:
                raise
        await environment.sleep(min(body.baseDelayMs * _MILLISECOND * 2**tried, MINUTE))
    raise AssertionError("the last try returns or raises")


async def _is_kept(front: Front, row: Row, body: requests.Retry) -> bool:
    """Tell whether a write belongs to a visit that knows whether it was done."""
    if row.operation not in _KEPT:
        return False
    if row.operation == "register":
        return True
    of = requests.checked(requests.OfVisit, dict(body.businessParams), "businessParams")
    return await front.find(of.visit_no, of.ipt_otp_no) is not None


# -- the other actions
async def init(front: Front, body: requests.Init) -> dict[str, Any]:
    """``init``: the service is initialised by its own settings; what is told is kept to be shown."""
    if body.config.model_fields_set:
        front.memory.config = body.config
    version = front.memory.config.interfaceVersion or _settings(front).get("interface_version", "V2.1")
    more = {"device": DEVICE, "timestamp": moment(front.now()), "version": version}
    return ok("江苏工伤联网系统初始化成功", **more)


def _settings(front: Front) -> Mapping[str, Any]:
    """Return what flows.yaml says of the gateway behind us."""
    return front.application.site.adapters.get("jiangsu_gateway", {})


async def health(front: Front, _body: requests.Desk) -> dict[str, Any]:
    """``health``: of this service; the centre is not asked."""
    application = front.application
    zombies = await application.store.zombies(front.now(), MINUTE)
    sign_in = await signing.standing(front)
    adapters = ", ".join(sorted(application.adapters))
    names = ("signedIn", "signNo", "signInTime")
    well = not zombies and bool(adapters)
    data = {
        "overallHealth": well,
        "timestamp": moment(front.now()),
        "checks": {
            "dllStatus": {"success": bool(adapters), "message": f"中心接口已配置：{adapters}"},
            "initStatus": {"initialized": True, "hasConfig": True},
            "signInStatus": {name: sign_in[name] for name in names},
        },
    }
    return ok("系统健康状态良好" if well else "系统健康状态异常", data)


async def stats(front: Front, _body: requests.Desk) -> dict[str, Any]:
    """``stats``: visits that moved today stand for transactions (J60)."""
    sign_in = await signing.standing(front)
    count, oldest, newest = await _moved_today(front)
    settings, told = _settings(front), front.memory.config
    data = {
        "currentTime": moment(front.now()),
        "systemStatus": {
            "initialized": True,
            "signedIn": sign_in["signedIn"],
            "signInTime": sign_in["signInTime"],
            "currentSignNo": sign_in["signNo"],
            "signInOperator": sign_in["signInOperator"],
        },
        "transactionRecords": {"totalCount": count, "oldestRecord": oldest, "newestRecord": newest},
        "configuration": {
            "fixmedinsCode": told.fixmedinsCode or settings.get("fixmedins_code", ""),
            "fixmedinsName": told.fixmedinsName or settings.get("fixmedins_name", ""),
            "interfaceVersion": told.interfaceVersion or settings.get("interface_version", "V2.1"),
            "logPath": told.logPath,
        },
    }
    return ok("统计信息获取成功", data)


async def _moved_today(front: Front) -> tuple[int, str, str]:
    midnight = front.midnight()
    count, oldest, newest = 0, 0, 0
    for flow in (*VISIT_FLOWS, singles.FLOW):
        before: str | None = None
        which = VisitFilter(flow=flow, limit=_PAGE, changed_since=midnight)
        while page := await front.application.store.visits(which):
            count += len(page)
            oldest = min([oldest or page[0].updated_at, *(max(each.opened_at, midnight) for each in page)])
            newest = max([newest, *(each.updated_at for each in page)])
            before = page[-1].visit_id
            which = VisitFilter(flow=flow, limit=_PAGE, changed_since=midnight, before=before)
    return count, moment(oldest) if oldest else "", moment(newest) if newest else ""


async def signin_status(front: Front, _body: requests.Desk) -> dict[str, Any]:
    """``signin_status``."""
    return await signing.signin_status(front)


async def reverse(front: Front, body: requests.Reverse) -> dict[str, Any]:
    """``reverse``."""
    return await reversing.reverse(front, body.originalMessageId, body)


_Action = Callable[[Front, Mapping[str, Any]], Awaitable[dict[str, Any]]]


def _reading(model: type[_Model], act: Callable[[Front, _Model], Awaitable[dict[str, Any]]]) -> _Action:
    """Return an action that reads its body as ``model`` first."""

    async def action(front: Front, raw: Mapping[str, Any]) -> dict[str, Any]:
        return await act(front, requests.checked(model, dict(raw)))

    return action


#: The nine actions of 000.
ACTIONS: Mapping[str, _Action] = {
    "init": _reading(requests.Init, init),
    "transaction": transaction,
    "health": _reading(requests.Desk, health),
    "stats": _reading(requests.Desk, stats),
    "signin_status": _reading(requests.Desk, signin_status),
    "batch_upload": _reading(requests.Batch, paying.batch_upload),
    "complete_process": _reading(requests.CompleteProcess, completing.complete_process),
    "retry": retry,
    "reverse": _reading(requests.Reverse, reverse),
}


async def act(front: Front, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Do what a body asks for. Raises GatewayError."""
    name = raw.get("action")
    if name is None or name == "":
        raise GatewayError(1002)
    action = ACTIONS.get(name) if isinstance(name, str) else None
    if action is None:
        raise GatewayError(1004)
    return await action(front, raw)
