"""Sign-in: 9001, 9002 and ``signin_status`` on the session visit of the operator and day (J59)."""

from __future__ import annotations

from typing import Any

from adapters.jiangsu.transactions import TRANSACTIONS
from engine.environment import SECOND
from service.gateway.envelope import ok, spaced
from service.gateway.front import Ask, Front, Known
from service.gateway.paying import pass_on
from service.gateway.telling import stopped
from steps.jiangsu.times import instant_of

FLOW = "jiangsu.session"
_MOST = 50


def operator(front: Front) -> str:
    """Return the operator who signs in: the adapter's, since all desks share its sign-in."""
    for adapter in front.application.adapters.values():
        if found := str(getattr(adapter, "operator_id", "")):
            return found
    return ""


async def session(front: Front) -> tuple[Known | None, str]:
    """Return the session of today that stands, if there is one, and the key of the next."""
    base = f"{operator(front)}-{front.day()}"
    standing: Known | None = None
    for number in range(1, _MOST):
        key = base if number == 1 else f"{base}-{number}"
        known = await front.find(key, flows=(FLOW,))
        if known is None:
            return standing, key
        if not known.over:
            standing = known
    return standing, key


async def sign_in(front: Front, ask: Ask) -> dict[str, Any]:
    """9001; where the service is signed in already, the number there is."""
    if not front.is_on(FLOW) or not operator(front):
        return await pass_on(front, ask)
    known, key = await session(front)
    if known is None:
        await front.application.commands.open(FLOW, key, {"operator": operator(front)}, front.by(ask.body))
        known = await front.find(key, flows=(FLOW,))
        assert known is not None
    known = await front.wait(known.visit.visit_id, lambda projection: projection.state == "signed_in")
    if known.visit.state != "signed_in":
        known = await front.go_on(known, ask.body, "9001")
    if not known.data.get("sign_no"):
        raise stopped(known)
    data = {"sign_no": known.data["sign_no"], "signNo": known.data["sign_no"]}
    return ok("签到成功", data, messageId=known.message_id("sign_in"), visit=known.key)


async def sign_out(front: Front, ask: Ask) -> dict[str, Any]:
    """9002; with nobody signed in it is a success (J39)."""
    if not front.is_on(FLOW) or not operator(front):
        return await pass_on(front, ask)
    known, _key = await session(front)
    if known is None:
        return ok("签退成功", {})
    if known.visit.state == "signed_in":
        known = await front.ask(known, "sign_out", {}, ask.body)
    known = await front.go_on(known, ask.body, "9002")
    if not known.over:
        raise stopped(known)
    return ok("签退成功", {}, messageId=known.message_id("sign_out"), visit=known.key)


async def standing(front: Front) -> dict[str, Any]:
    """Return what is known of the sign-in; nothing is asked of the centre."""
    known = (await session(front))[0] if operator(front) else None
    number = "" if known is None else str(known.data.get("sign_no") or "")
    if known is None or known.visit.state != "signed_in" or not number:
        return {"signedIn": False, "signNo": "", "signInTime": "", "signInOperator": "", "sessionDuration": "0分钟"}
    stamp = str(known.data.get("signed_at") or "")
    return {
        "signedIn": True,
        "signNo": number,
        "signInTime": spaced(stamp),
        "signInOperator": known.data.get("operator", ""),
        "sessionDuration": f"{_minutes(front, stamp)}分钟",
    }


def _minutes(front: Front, stamp: str) -> int:
    try:
        begun = instant_of(stamp)
    except ValueError:
        return 0
    return max(0, (front.now() // SECOND - begun // SECOND) // 60)


async def signin_status(front: Front) -> dict[str, Any]:
    """``signin_status``."""
    return ok("签到状态获取成功", await standing(front))


async def check_sign_in(front: Front, _ask: Ask) -> dict[str, Any]:
    """``signin_status`` asked for as a transaction."""
    return ok(f"{TRANSACTIONS['check_sign_in'].zh}获取成功", await standing(front))
