"""What an answer of the centre makes of the call: one of the five outcomes, or "log in first" (002, 5.2; N21)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.discretion import discreet
from adapters.neimenggu.contracts import Unfit, read_reply
from adapters.neimenggu.errors import Kind, meaning
from adapters.neimenggu.interfaces import Interface
from adapters.neimenggu.wire import Reply
from engine.environment import Micros
from engine.outcomes import Busy, Done, InDoubt, NotSent, Outcome, Refused

#: Members of a request that point to a person and must not come back in the centre's words (G10).
_PERSONAL = frozenset(
    {
        "aac002",
        "aac003",
        "aac008",
        "aac010",
        "aac147",
        "aae005",
        "aae006",
        "aae010",
        "aam003",
        "aam005",
        "aam010",
        "aaz500",
        "aaz501",
        "sbkid",
        "qrcode",
        "operatorname",
    }
)
#: One character would black out half of every text.
_SHORTEST = 2


@dataclass(frozen=True, slots=True)
class NotLoggedIn:
    """The centre refused the session, before anything else."""

    told: str


def judge(interface: Interface, reply: Reply, secrets: Iterable[str], busy_wait: Micros) -> Outcome | NotLoggedIn:
    """Return the outcome of one exchange. A code, a reply or a silence that nobody can read is in doubt (G8)."""
    exchange = reply.exchange
    if not reply.sent:
        return NotSent(reply.why, exchange)
    if reply.content is None:
        return InDoubt(reply.why, exchange)
    member, words = interface.says
    code, text = reply.content.get(member), reply.content.get(words)
    told = meaning(interface.operation, code, text)
    number = str(code).strip() if isinstance(code, int | str) and not isinstance(code, bool) else ""
    number = discreet(number, secrets) or "no code"
    said = discreet(text if isinstance(text, str) else "", secrets) or told.zh
    match told.kind:
        case Kind.OK:
            try:
                return Done(read_reply(interface, reply.content), exchange)
            except Unfit as error:
                return InDoubt(str(error), exchange)
        case Kind.RELOGIN:
            return NotLoggedIn(f"{number} {said}")
        case Kind.RETRY_LATER:
            return Busy(busy_wait, f"{number} {said}", exchange)
        case Kind.REFUSED:
            return Refused(number, said, told.category, exchange)
        case _:  # in doubt; and a conflict of log-ins, which is no answer to an ordinary call
            return InDoubt(f"code {number} ({told.zh}): {said}", exchange)


def personal(request: Any) -> Iterator[str]:
    """Yield what the centre's words about ``request`` must not carry on."""
    if isinstance(request, Mapping):
        for name, value in request.items():
            if name in _PERSONAL and isinstance(value, str) and len(value) >= _SHORTEST:
                yield value
            else:
                yield from personal(value)
    elif isinstance(request, list | tuple):
        for item in request:
            yield from personal(item)
