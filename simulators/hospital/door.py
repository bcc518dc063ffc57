"""The protocol port: POST /{method} with JSON (GET for the file of 16.1.4); what a fault makes of an answer."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from simulators.common.faults import Exchange, Fault, Faults
from simulators.common.http import Request, Response
from simulators.common.numbers import write_json
from simulators.hospital.interfaces import BY_PATH, Interface
from simulators.hospital.office import Answer, Asked, Office
from simulators.wechat.codes import CODES, DONE

_FAULT_CODE = 90001


class Door:
    """All 143 interfaces. The last part of the path says which: name as printed, short, in snake case, or number."""

    def __init__(self, office: Office, faults: Faults) -> None:
        """``faults`` strike here."""
        self._office, self._hospital, self._faults = office, office.hospital, faults

    async def handle(self, request: Request) -> Response | None:
        """Answer one request; None cuts the connection."""
        path, query = request.target
        interface, name = BY_PATH.get(path.rstrip("/").rpartition("/")[2], (None, ""))
        if interface is None:
            return Response(b"not found", status=404, content_type="text/plain")
        if request.method != "POST" and interface.number != "16.1.4":
            return Response(b"method not allowed", status=405, content_type="text/plain")
        if self._hospital.switches.slow != "0":
            await asyncio.sleep(float(self._hospital.switches.slow))
        text = request.body.decode("utf-8", "replace") if request.body else json.dumps(query)
        return await self._faults.answer(self.exchange(Asked(interface, name, text)))

    def exchange(self, asked: Asked) -> Exchange:
        """Return what a request is about, and its answers."""
        interface = asked.interface
        about = {"interface": interface.number, "key": asked.key, "trade": asked.trade}

        def apply() -> Response:
            self._hospital.pending = {str(each.about["key"]) for each in self._faults.late.values()}
            return self._written(interface, self._office.run(asked))

        def error(fault: Fault) -> Response:
            code = str(_FAULT_CODE if fault.code is None else fault.code)
            text = CODES.get(code, fault.message) if fault.message == Fault.message else fault.message
            return self._written(interface, Answer(code, text))

        return Exchange(about, apply, error, Response, _cut)

    def _written(self, interface: Interface, answer: Answer) -> Response:
        if isinstance(answer.content, bytes):
            return Response(answer.content, content_type="application/octet-stream")
        as_number = interface.code_as_number
        if self._hospital.switches.code_type != "documented":
            as_number = self._hospital.switches.code_type == "number"
        body: dict[str, Any] = {
            "success": answer.code == DONE,
            "msg": answer.message,
            "code": int(answer.code) if as_number else answer.code,
        }
        if interface.beside:
            body |= answer.content or {}
        else:
            body["data"] = answer.content
        return Response(write_json(body).encode("utf-8", "replace"))


def _cut(response: Response) -> Response:
    return replace(response, body=response.body[: len(response.body) // 2], promised=len(response.body))
