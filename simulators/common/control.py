"""The control port: what every simulator answers there, beside what its own peer can be told. JSON over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from simulators.common.faults import Fault, Faults
from simulators.common.http import Request, Response
from simulators.common.numbers import read_json, write_json

#: Method and path, query, body; None: no such path.
Route = Callable[[str, dict[str, str], Any], Any]


class Control:
    """Answers the control port's requests: health and faults itself, the rest by ``route``."""

    def __init__(self, faults: Faults, about: Callable[[str, str], tuple[str, str]], route: Route) -> None:
        """``about`` reads which requests a fault is for, see ``Fault.parse``."""
        self._faults, self._about, self._route = faults, about, route

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        path, query = request.target
        try:
            body = read_json(request.body) if request.body else None
            answer = self._own(f"{request.method} {path}", body)
            if answer is None:
                answer = self._route(f"{request.method} {path}", query, body)
        except (ValueError, TypeError) as error:
            return Response(write_json({"error": str(error)}).encode(), status=400)
        if answer is None:
            return Response(write_json({"error": "no such path"}).encode(), status=404)
        return Response(answer if isinstance(answer, bytes) else write_json(answer).encode())

    def _own(self, what: str, body: Any) -> dict[str, Any] | None:
        waiting = self._faults.waiting
        match what:
            case "GET /health":
                return {"status": "ok"}
            case "GET /faults":
                return {"waiting": [asdict(fault) for fault in waiting], "struck": self._faults.struck}
            case "POST /faults":
                waiting.append(Fault.parse(body, self._about))
                return {"waiting": len(waiting)}
            case "DELETE /faults":
                waiting.clear()
                return {"waiting": 0}
        return None


def plain(value: Any) -> bytes:
    """Write JSON fast, amounts as texts: for long answers."""
    return json.dumps(value, ensure_ascii=False, default=str).encode()
