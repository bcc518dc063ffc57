"""The address of the back end: HTTP POST, JSON, ``Authorization: Bearer``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulators.common.control import Control
from simulators.common.faults import BadFault, Exchange, Fault, Faults
from simulators.common.http import Request, Response
from simulators.common.numbers import read_json, write_json
from simulators.his.arrangements import ARRANGEMENTS
from simulators.his.back_end import LOG_IN, SETTLE, UNSETTLED
from simulators.his.office import Office

PATHS = (LOG_IN, UNSETTLED, SETTLE)
#: What a fault may be about: the interface (the last part of its path), and members of the request.
_ABOUT = ("interface", "RegNo", "RegSerNo", "BILLID", "SerialNumber")


class Door:
    """What arrives on the protocol port."""

    def __init__(self, office: Office) -> None:
        """``office`` answers."""
        self._office = office

    def exchange(self, request: Request) -> Exchange:
        """Return what ``request`` is about."""
        try:
            body = read_json(request.body)
        except (ValueError, RecursionError):
            body = None
        asked: dict[str, Any] = body if isinstance(body, dict) else {}
        members = {name: asked.get(name) for name in _ABOUT if isinstance(asked.get(name), str)}
        return Exchange(
            about=members | {"interface": request.path.rpartition("/")[2]},
            apply=lambda: self._apply(request, body),
            error=_error,
            spoilt=lambda content: Response(content, content_type="text/html"),
            cut=lambda response: replace(
                response, body=response.body[: len(response.body) // 2], promised=len(response.body)
            ),
        )

    def _apply(self, request: Request, body: Any) -> Response:
        status, answer = self._office.back_end.handle(request.path, request.headers.get("authorization", ""), body)
        return Response(write_json(answer).encode() if answer else b"", status)


def _error(fault: Fault) -> Response:
    code = 2 if fault.code is None else fault.code
    answer = {"status": code, "isSuccess": False, "msg": fault.message, "msgDev": "", "response": None}
    return Response(write_json(answer).encode())


def about(name: str, value: str) -> tuple[str, str]:
    """Read a member of a fault that says which requests are meant. Raises BadFault."""
    if name not in _ABOUT:
        raise BadFault(f"no such member: {name}")
    if name == "interface" and value not in [path.rpartition("/")[2] for path in PATHS]:
        raise BadFault("interface is unknown")
    return name, value


def control(office: Office, faults: Faults) -> Control:
    """Return what answers on the control port."""

    def route(what: str, _query: dict[str, str], body: Any) -> dict[str, Any] | None:
        if what == "GET /ledger":
            return office.back_end.ledger.view() | {"tokens": office.back_end.tickets.issued}
        return office.arrange(what, body) if what in ARRANGEMENTS else None

    return Control(faults, about, route)
