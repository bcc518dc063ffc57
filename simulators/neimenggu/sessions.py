"""4.1, 4.2 and what every other call needs: sessions. N42."""

from __future__ import annotations

import datetime
from typing import Any

from simulators.neimenggu.centre import Call, Centre
from simulators.neimenggu.fields import member
from simulators.neimenggu.ledger import Session
from simulators.neimenggu.refusals import Refusal

LIFE = datetime.timedelta(hours=2)  #: since the last operation


def alive(centre: Centre, session: Session) -> bool:
    """Tell whether a session is good now."""
    return not session.ended and centre.time() - session.used < LIFE


def current(centre: Centre, username: str) -> Session | None:
    """Return the session that a user has open."""
    for session in reversed(list(centre.ledger.sessions.values())):
        if session.username == username and alive(centre, session):
            return session
    return None


def log_in(centre: Centre, call: Call) -> dict[str, Any]:
    """4.1: one log-in of a user at a time."""
    username, password = member(call.sent, "username"), member(call.sent, "password")
    if not username:
        raise Refusal(21001)
    user = centre.world.users.get(username)
    if user is None:
        raise Refusal(21002)
    if not password:
        raise Refusal(21004)
    if password != user["password"]:
        raise Refusal(21005)
    if current(centre, username) is not None:
        raise Refusal(21003)
    number = f"{centre.time():%Y%m%d%H%M%S}{centre.ledger.next():06d}"
    centre.ledger.sessions[number] = Session(number, username, centre.time())
    return {"msg": "登录成功!", "sessionid": number}


def log_out(centre: Centre, call: Call, header: str) -> dict[str, Any]:
    """4.2: the session of the header is the user's; or, by switch, none is known."""
    username, password = member(call.sent, "username"), member(call.sent, "password")
    if not username:
        raise Refusal(31002)
    user = centre.world.users.get(username)
    if user is None:
        raise Refusal(31003)
    if not password:
        raise Refusal(31005)
    if password != user["password"]:
        raise Refusal(31006)
    mine, named = current(centre, username), _named(centre, call, header)
    if mine is None:
        raise Refusal(31001)
    if mine is not named and not centre.switches.logout_without_session:
        raise Refusal(31007 if named is None or named.username != username else 31004)
    mine.ended = True
    return {"sessionid": mine.number}


def _named(centre: Centre, call: Call, header: str) -> Session | None:
    check = centre.switches.session_check
    numbers = {
        "both": (header, member(call.sent, "sessionid")),
        "header": (header,),
        "member": (member(call.sent, "sessionid"),),
    }[check]
    found = {centre.ledger.sessions.get(number) for number in numbers}
    return found.pop() if len(found) == 1 else None


def demand(centre: Centre, number: str) -> Session:
    """Return the session of one place where it stands. Raises Refusal."""
    if not number:
        raise Refusal(11004)
    session = centre.ledger.sessions.get(number)
    if session is None:
        raise Refusal(11005)
    if session.ended:
        raise Refusal(int(centre.switches.after_logout))
    if not alive(centre, session):
        raise Refusal(11006)
    return session


def check(centre: Centre, header: str, inside: str) -> Session:
    """Check both sessionids and note the use: the two hours begin anew. Raises Refusal."""
    wanted = centre.switches.session_check
    session = demand(centre, inside if wanted == "member" else header)
    if wanted == "both" and demand(centre, inside) is not session:
        raise Refusal(11005)
    session.used = centre.time()
    return session
