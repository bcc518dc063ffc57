"""What a reply of 003 comes to, whichever side answered: one of the five outcomes (G8). Assumptions P42-P44."""

from __future__ import annotations

from typing import Any

from adapters.discretion import discreet
from adapters.network import Answer
from adapters.platform.calling import Method, category_of
from adapters.platform.contracts import RETURN_CODES, Meaning, Verdict, loads, meaning, read_reply, secrets_of
from adapters.platform.contracts import Answer as Said
from adapters.platform.contracts.model import Envelope, Interface, Type
from engine.environment import SECOND, Micros
from engine.facts import printable
from engine.outcomes import Busy, Category, Done, Exchange, InDoubt, NotSent, Outcome, Refused

#: How long to leave a peer that is still at it in peace; 003 says nothing.
RETRY_AFTER: Micros = 5 * SECOND
#: Code of a refusal that has none: ``status`` -1 (21.1.1 to 21.1.6), no code at all (14.1.2), ``data`` 0 (5.1.4).
STATUS_NO, MESSAGE_NO, DATA_NO = "-1", "no", "0"
_OK = 200
_WITHOUT_CODE = {Envelope.STATUS: STATUS_NO, Envelope.MESSAGE: MESSAGE_NO}


def judged(method: Method, answer: Answer, exchange: Exchange, request: Any) -> Outcome:
    """Return what ``answer`` says about a call with ``request`` (members of the contract). Never raises.

    ``Done.reply`` holds ``data`` (typed; None when there is none) and the contract's members beside it.
    """
    broken = unheard(answer, exchange)
    if broken is not None:
        return broken
    try:
        body = loads(answer.body or b"")
    except ValueError as error:
        return InDoubt(f"unreadable reply: {type(error).__name__}", exchange)
    interface = method.interface
    said = read_reply(interface, body, method.name)
    if said.verdict is Verdict.UNCLEAR:
        return InDoubt(f"unclear reply: success and code {_word(said.code)} do not go together", exchange)
    if said.verdict is Verdict.YES:
        return _done(method, said, exchange)
    message = discreet(printable(said.message), secrets_of(interface.request, request))
    return _refused(interface, said, exchange, message)


def unheard(answer: Answer, exchange: Exchange) -> Outcome | None:
    """Return what it means that no body came, or one that is no answer; None when there is one to read."""
    if not answer.sent:
        return NotSent(answer.status, exchange)
    if answer.body is None:
        return InDoubt(answer.status, exchange)
    return None if answer.http_status == _OK else InDoubt(f"HTTP {answer.http_status}", exchange)


def misfits(method: Method, doubt: InDoubt) -> tuple[str, ...]:
    """Return the members for which a reply that came whole could not be used; empty where none came.

    What could not be read at all is ``body``. For a query: of a write nothing but "in doubt" follows from a bad reply.
    """
    exchange = doubt.exchange
    if exchange is None or exchange.reply is None or exchange.status != str(_OK):
        return ()
    try:
        said = read_reply(method.interface, loads(exchange.reply), method.name)
    except ValueError:
        return ("body",)
    if said.problems:
        return tuple(dict.fromkeys(each.member or "body" for each in said.problems))
    return ("success", "code") if said.verdict is Verdict.UNCLEAR else ()


def _done(method: Method, said: Said, exchange: Exchange) -> Outcome:
    if said.problems:
        members = ", ".join(dict.fromkeys(each.member or "body" for each in said.problems))
        return InDoubt(f"the reply does not fit the contract: {members}", exchange)
    contract = method.interface.reply(method.name)
    empty: list[Any] | None = [] if contract.data is not None and contract.data.type is Type.LIST else None
    near = {name: said.beside[name] for name in contract.beside if name in said.beside}
    return Done({**near, "data": empty if said.data is None else said.data}, exchange)


def _refused(interface: Interface, said: Said, exchange: Exchange, message: str) -> Outcome:
    code = said.code
    if not code and (named := _WITHOUT_CODE.get(interface.reply().envelope)):
        return Refused(named, message, Category.BUSINESS, exchange)
    means = meaning(interface, code)
    match means:
        case Meaning.DONE:  # success true, and data 0 all the same (5.1.3, 5.1.4, 5.2.1, 6.2.5)
            return Refused(DATA_NO, message, Category.BUSINESS, exchange)
        case Meaning.EMPTY:
            return Refused(code, message, Category.NOT_FOUND, exchange)
        case Meaning.DOUBT:
            known = RETURN_CODES.get(code)
            return InDoubt(f"code {_word(code)} ({known.zh if known else 'unknown'})", exchange)
        case Meaning.WORKING:
            return Busy(RETRY_AFTER, f"code {code}", exchange)
        case Meaning.WAIT if category_of(interface, code) is not Category.LATER:
            return Busy(RETRY_AFTER, f"code {code}", exchange)
    return Refused(_word(code), message, category_of(interface, code), exchange)


def _word(code: str) -> str:
    """Return a code for a reason: codes are short, and a peer may put anything there."""
    return discreet(printable(code))[:16] or "(none)"
