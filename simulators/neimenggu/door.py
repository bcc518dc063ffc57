"""The protocol port: HTTP in, HTTP out. Encryption, the type and name of `code`, what a fault makes of an answer."""

from __future__ import annotations

import datetime
import email.utils
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from simulators.common.faults import Exchange, Fault, Faults
from simulators.common.http import Request, Response
from simulators.common.numbers import write_json
from simulators.neimenggu import cipher, messages
from simulators.neimenggu.data import ERRORS
from simulators.neimenggu.documents import document
from simulators.neimenggu.interfaces import BY_PATH, Interface
from simulators.neimenggu.office import Asked, Office, number_of

_FAULT_CODE = 99999


@dataclass(frozen=True)
class _Opened:
    asked: Asked
    key: str | None  #: it is answered with, when answers are encrypted


class Door:
    """All addresses of chapter 4."""

    def __init__(self, office: Office, faults: Faults) -> None:
        """``faults`` strike here."""
        self._office, self._centre, self._faults = office, office.centre, faults

    async def handle(self, request: Request) -> Response | None:
        """Answer one request, with the date of the centre's clock; None cuts the connection."""
        answer = await self._answer(request)
        if answer is None:
            return None
        date = email.utils.format_datetime(self._centre.time().astimezone(datetime.UTC), usegmt=True)
        return replace(answer, headers=(*answer.headers, ("Date", date)))

    async def _answer(self, request: Request) -> Response | None:
        path = request.target[0]
        interface = BY_PATH.get(path)
        if interface is None:
            return Response(b"not found", status=404, content_type="text/plain")
        if not self._verb_fits(interface, request.method):
            return Response(b"method not allowed", status=405, content_type="text/plain")
        return await self._faults.answer(self.exchange(interface, request))

    def _verb_fits(self, interface: Interface, verb: str) -> bool:
        wanted = "POST" if interface.form else self._centre.switches.verb
        return verb in (("GET", "POST") if wanted == "any" else (wanted,))

    def exchange(self, interface: Interface, request: Request) -> Exchange:
        """Return what ``request`` is about, and its answers."""
        opened = self._form(interface, request) if interface.form else self._message(interface, request)
        stay = opened.asked.stay
        about = {"method": interface.method, "akc190": stay}
        said = self._writer(interface, opened.key)

        def apply() -> Response:
            return said(self._run(interface, opened.asked, stay))

        def error(fault: Fault) -> Response:
            code = _FAULT_CODE if fault.code is None else fault.code
            text = ERRORS.get(code, fault.message) if fault.message == Fault.message else fault.message
            return said({"code": code, "msg": text})

        return Exchange(about, apply, error, lambda content: Response(content, content_type="text/html"), _cut)

    def _run(self, interface: Interface, asked: Asked, stay: str) -> dict[str, Any]:
        """A leaving that is still to be applied (a late original) makes any other one wait: 110021."""
        late = any(each.about["akc190"] == stay for each in self._faults.late.values())
        busy = self._centre.busy
        running = interface.leaves and late and stay not in busy
        if running:
            busy.add(stay)
        try:
            return self._office.run(asked)
        finally:
            if running:
                busy.discard(stay)

    # -- reading
    def _message(self, interface: Interface, request: Request) -> _Opened:
        header = request.headers.get("sessionid", "")
        sealed = messages.message(request, self._centre.switches.carrier)
        text, key = None, None
        for key in self._keys(interface, header):
            text = cipher.decrypt(key, sealed)
            if text is not None:
                break
        return _Opened(Asked(interface.method, header, text, given=bool(sealed), stay=number_of(text)), key)

    def _keys(self, interface: Interface, header: str) -> list[str]:
        if interface.method == "login":
            return [cipher.key_of_the_day(self._centre.today())]
        world, session = self._centre.world, self._centre.ledger.sessions.get(header)
        if session is not None:
            return [world.hospitals[world.users[session.username]["akb020"]]["key"]]
        return [hospital["key"] for hospital in world.hospitals.values()]

    @staticmethod
    def _form(interface: Interface, request: Request) -> _Opened:
        form = messages.form(request)
        file = None if form.file is None else document(form.file)
        text = json.dumps(form.members, ensure_ascii=False)
        header = request.headers.get("sessionid", "")
        return _Opened(Asked(interface.method, header, text, file, bool(form.members), number_of(text)), None)

    # -- writing
    def _writer(self, interface: Interface, key: str | None) -> Callable[[dict[str, Any]], Response]:
        switches = self._centre.switches
        encrypted = switches.encrypted_answers and key is not None

        def write(answer: dict[str, Any]) -> Response:
            answer = dict(answer)
            code, text = answer.pop("code"), answer.pop("msg")
            as_text = interface.text if switches.code_type == "documented" else switches.code_type == "text"
            names = "code", "msg"
            if interface.code == "resCode" and (code == 0 or switches.reader_errors == "resCode"):
                names = "resCode", "resMsg"
            body = write_json({names[0]: str(code) if as_text else code, names[1]: text, **answer})
            if encrypted and key is not None:
                return Response(cipher.encrypt(key, body).encode(), content_type="text/plain; charset=utf-8")
            return Response(body.encode("utf-8", "replace"))

        return write


def _cut(response: Response) -> Response:
    return replace(response, body=response.body[: len(response.body) // 2], promised=len(response.body))
