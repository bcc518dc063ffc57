"""The control port. Never part of the real protocol."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from simulators.common.chances import ChanceFaults, Chances
from simulators.common.control import Control, plain
from simulators.common.faults import KINDS, BadFault
from simulators.common.http import Request, Response
from simulators.common.numbers import read_json, write_json
from simulators.platform import view
from simulators.platform.outgoing import KINDS as OUTGOING
from simulators.platform.outgoing import Trouble
from simulators.platform.running import Runner
from simulators.platform.serving import BY_PATH
from simulators.platform.switches import BOARD

_NUMBERS = {each.number for each in BY_PATH.values()} | {"9.1.1"}
_INCOMING = (*KINDS, "doubt_done", "doubt_not")


class ControlPort:
    """Plays are awaited; everything else is answered at once."""

    def __init__(self, runner: Runner, faults: ChanceFaults) -> None:
        """``faults`` are those of the protocol port."""
        self._runner, self._platform, self._faults = runner, runner.platform, faults
        self._control = Control(faults, about, self._route)

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        if (request.method, request.target[0]) != ("POST", "/play"):
            return await self._control.handle(request)
        try:
            return Response(plain(await self._runner.play(read_json(request.body))))
        except (ValueError, TypeError) as error:
            return Response(write_json({"error": str(error)}).encode(), status=400)

    def _route(self, what: str, query: dict[str, str], body: Any) -> Any:  # noqa: PLR0912 - one arm a path
        runner, platform, hospital = self._runner, self._platform, self._runner.hospital
        match what:
            case "GET /ledger":
                return plain(view.ledger(platform, query))
            case "GET /books":
                return plain(view.books(platform))
            case "GET /plays":
                return plain([each for each in runner.plays.values() if query.get("play") in (None, each["play"])])
            case "POST /run":
                return plain(runner.run(body))
            case "GET /run":
                return plain([each.told() for each in runner.runs])
            case "GET /asked":
                return {f"{number} {verdict}": count for (number, verdict), count in sorted(hospital.asked.items())}
            case "GET /switches":
                return asdict(platform.switches)
            case "PUT /switches":
                BOARD.changed(platform.switches, body)
                platform.note("switches", body)
                return asdict(platform.switches)
            case "PUT /clock":
                platform.note("clock", _one(body))
                return {"time": platform.clock.stamp(), "speed": platform.clock.speed}
            case "PUT /hospital":
                hospital.url = str(body["url"]) if "{" in str(body["url"]) else str(body["url"]).rstrip("/") + "/{name}"
                return {"url": hospital.url}
            case "POST /outgoing":
                hospital.waiting.append(Trouble.parse(body))
                return {"waiting": len(hospital.waiting)}
            case "GET /outgoing":
                return {"waiting": [asdict(each) for each in hospital.waiting], "struck": hospital.struck}
            case "DELETE /outgoing":
                hospital.waiting.clear()
                return {"waiting": 0}
            case "PUT /chances":
                return self._chances(body)
        return None

    def _chances(self, body: Any) -> dict[str, Any]:
        seed = int(body.get("seed", 0))
        outgoing = Chances.parse(body.get("out", {}), OUTGOING, seed)
        incoming = Chances.parse(body.get("in", {}), _INCOMING, seed)
        self._runner.hospital.chances, self._faults.chances = outgoing, {"in": incoming}
        return {"out": dict(outgoing.shares), "in": dict(incoming.shares)}


def _one(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or len(body) != 1:
        raise ValueError("one of set, jump, offset, speed")
    return {name: str(value) for name, value in body.items()}


def about(name: str, value: str) -> tuple[str, str]:
    """Read a member of a fault that says which requests are meant. Raises BadFault."""
    if name == "interface":
        if value not in _NUMBERS:
            raise BadFault("interface is a number such as 13.2.1")
        return name, "13.2.1" if value == "9.1.1" else value
    if name not in ("trade", "refund"):
        raise BadFault(f"no such member: {name}")
    return name, value
