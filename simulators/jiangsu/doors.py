"""The two doors to one centre: the gateway's address, and the library's functions as addresses.

``POST /dll/<function>``: the body is the text of ``in`` as bytes, without its NUL (nothing for Si_INIT and INIT), the
answer's body is the text for ``out`` (or pErrMsg), the header ``X-Return`` the return value. A header ``X-Process``
may tell which process has the library loaded; without it they are all taken for one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulators.common.faults import Exchange, Fault
from simulators.common.http import Request, Response
from simulators.common.numbers import read_json, write_json
from simulators.jiangsu.dll_caret import CaretLibrary
from simulators.jiangsu.dll_json import JsonLibrary
from simulators.jiangsu.dll_library import Returned, Subject
from simulators.jiangsu.gateway import DEVICE, Gateway
from simulators.jiangsu.transactions import NAMES

GATEWAY = "/api/entry/workinjury"
DLL = "/dll/"


class GatewayDoor:
    """Interface 000."""

    def __init__(self, gateway: Gateway) -> None:
        """``gateway`` answers."""
        self._gateway = gateway

    def exchange(self, request: Request) -> Exchange:
        """Return what ``request`` is about."""
        try:
            body = read_json(request.body)
        except (ValueError, RecursionError):
            body = None
        asked: dict[str, Any] = body if isinstance(body, dict) else {}
        action = asked.get("action")
        parameters = asked.get("businessParams")
        return Exchange(
            about={
                "action": action,
                "transaction": "2209" if action == "reverse" else NAMES.get(str(asked.get("transactionName"))),
                "ipt_otp_no": parameters.get("ipt_otp_no") if isinstance(parameters, dict) else None,
            },
            apply=lambda: _json(self._gateway.handle(body)),
            error=_gateway_error,
            spoilt=lambda content: Response(content, content_type="text/html"),
            cut=_cut_connection,
        )


def _gateway_error(fault: Fault) -> Response:
    return _json({"success": False, "code": _code(fault), "message": fault.message, "device": DEVICE})


def _code(fault: Fault) -> int:
    return 2001 if fault.code is None else fault.code


def _cut_connection(response: Response) -> Response:
    return replace(response, body=response.body[: len(response.body) // 2], promised=len(response.body))


def _json(answer: dict[str, Any]) -> Response:
    return Response(write_json(answer).encode())


class LibraryDoor:
    """The shared library, one framing."""

    def __init__(self, library: JsonLibrary | CaretLibrary) -> None:
        """``library`` answers."""
        self._library = library

    def exchange(self, request: Request) -> Exchange:
        """Return what ``request`` is about."""
        library, process = self._library, request.headers.get("x-process", "")
        function = request.path.removeprefix(DLL)
        begins = function == library.functions[0]
        subject = Subject(None, None) if begins else library.subject(request.body)
        return Exchange(
            about={"action": function, "transaction": subject.code, "ipt_otp_no": subject.ipt_otp_no},
            apply=lambda: self._sent(library.init(process) if begins else library.call(process, request.body)),
            error=self._error,
            spoilt=lambda content: _returned(0, content),
            cut=lambda response: replace(response, body=response.body[: len(response.body) // 2]),
        )

    def _error(self, fault: Fault) -> Response:
        refused = fault.code == 0
        return self._sent(self._library.refusal(fault.message) if refused else Returned(_code(fault), fault.message))

    def _sent(self, returned: Returned) -> Response:
        """A character that the code page lacks becomes ``?``, as it does on Windows."""
        return _returned(returned.value, returned.text.encode(self._library.centre.switches.dll_encoding, "replace"))


def _returned(value: int, out: bytes) -> Response:
    return Response(out, content_type="application/octet-stream", headers=(("X-Return", str(value)),))


def doors(gateway: Gateway) -> dict[str, GatewayDoor | LibraryDoor]:
    """Return the doors by path."""
    found: dict[str, GatewayDoor | LibraryDoor] = {GATEWAY: GatewayDoor(gateway)}
    for library in (JsonLibrary(gateway.office), CaretLibrary(gateway.office)):
        door = LibraryDoor(library)
        found |= {DLL + function: door for function in library.functions}
    return found
