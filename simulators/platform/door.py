"""The protocol port: POST prefront/…; what a fault makes of an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulators.common.chances import ChanceFaults
from simulators.common.faults import Exchange, Fault, Faults
from simulators.common.http import Request, Response
from simulators.common.numbers import read_json, write_json
from simulators.platform.platform import Platform
from simulators.platform.serving import BY_PATH, Interface
from simulators.platform.serving.served import Served
from simulators.wechat.codes import CODES, DONE, NOTHING_FOUND, WRONG_TYPE, Refusal
from simulators.wechat.members import Members

_FAULT_CODE = 90001


def chance_faults() -> ChanceFaults:
    """Return faults by chance for refunds (chances `in`): `doubt_done` and `doubt_not` answer 10002."""

    def group(exchange: Exchange) -> str:
        return "in" if exchange.about.get("kind") == "undo" else ""

    unknown = {"doubt_done": True, "doubt_not": False}
    doubts = {kind: Fault("error", code=int(NOTHING_FOUND), applied=applied) for kind, applied in unknown.items()}
    return ChanceFaults(group=group, special=doubts)


class Door:
    """The 45 interfaces; slashes more or fewer do not matter (the sample of 附二 has one too many)."""

    def __init__(self, platform: Platform, faults: Faults) -> None:
        """``faults`` strike here."""
        self._platform, self._faults = platform, faults

    async def handle(self, request: Request) -> Response | None:
        """Answer one request; None cuts the connection."""
        interface = BY_PATH.get("/".join(part for part in request.target[0].split("/") if part))
        if interface is None:
            return Response(b"not found", status=404, content_type="text/plain")
        if request.method != "POST":
            return Response(b"method not allowed", status=405, content_type="text/plain")
        return await self._faults.answer(self.exchange(interface, request.body))

    def exchange(self, interface: Interface, body: bytes) -> Exchange:
        """Return what a request is about, and its answers."""
        raw = _raw(body)
        first = raw[0] if isinstance(raw, list) and raw else raw
        sent = Members(first if isinstance(first, dict) else {})
        about: dict[str, str | None] = {"interface": interface.number, "kind": interface.kind}
        for name, spellings in {"trade": ("outTradeNo", "payId", "businessNo"), "refund": ("refundNo",)}.items():
            value = sent.get(*spellings)
            about[name] = None if value is None else str(value)

        def apply() -> Response:
            return self._written(interface, *self._run(interface, sent, raw))

        def error(fault: Fault) -> Response:
            code = str(_FAULT_CODE if fault.code is None else fault.code)
            text = CODES.get(code, fault.message) if fault.message == Fault.message else fault.message
            return self._written(interface, code, text, None)

        return Exchange(about, apply, error, Response, _cut)

    def _run(self, interface: Interface, sent: Members, raw: Any) -> tuple[str, str, Any]:
        platform = self._platform
        platform.ripen()
        try:
            rows = raw if interface.listed else [raw]
            if not isinstance(rows, list) or not rows or not all(isinstance(each, dict) for each in rows):
                raise Refusal(WRONG_TYPE, "JSON")
            members = tuple(Members(each) for each in rows)
            for each in members:
                interface.demand(each)
            answer = DONE, "成功", interface.handler(platform, Served(interface.number, sent, members, raw))
        except Refusal as refusal:
            answer = refusal.code, refusal.message, None
        platform.received[interface.number, answer[0]] += 1
        return answer

    def _written(self, interface: Interface, code: str, text: str, content: Any) -> Response:
        done, shown = code == DONE, self._platform.switches.code_type
        as_number = interface.code_as_number if shown == "documented" else shown == "number"
        body: dict[str, Any]
        match interface.envelope:
            case "status":
                body = {"success": done, "message": text, "status": 1 if done else -1}
            case "message":
                body = {"success": done, "message": text, "data": content if done else []}
            case _:
                body = {"success": done, "msg": text, "code": int(code) if as_number else code, "data": content}
        return Response(write_json(body).encode("utf-8", "replace"))


def _raw(body: bytes) -> Any:
    try:
        return read_json(body)
    except (ValueError, RecursionError):
        return None


def _cut(response: Response) -> Response:
    return replace(response, body=response.body[: len(response.body) // 2], promised=len(response.body))
