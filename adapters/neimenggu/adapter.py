"""The adapter: an operation in, an outcome out. Source: interface 002; assumptions N1-N39."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import httpx

from adapters.credentials import SecretMissing
from adapters.equipment import Equipment
from adapters.neimenggu.attachments import Attachments, unavailable
from adapters.neimenggu.calendar import Calendar
from adapters.neimenggu.contracts import check_request
from adapters.neimenggu.door import Door
from adapters.neimenggu.interfaces import INTERFACES, OPERATIONS, Interface
from adapters.neimenggu.opening import Ready
from adapters.neimenggu.session import Sessions
from adapters.neimenggu.settings import NeimengguSettings
from adapters.neimenggu.verdicts import NotLoggedIn, judge, personal
from adapters.neimenggu.wire import Letter, Upload, Wire, masked
from adapters.times import countdown, message_id
from engine.adapter import Call, Operation
from engine.environment import Environment, Micros, SystemEnvironment
from engine.outcomes import Category, NotSent, Outcome, Refused


class Neimenggu:
    """One centre: knows its wire, keeps its session, classifies its answers."""

    name = "neimenggu"
    operations: ClassVar[Mapping[str, Operation]] = OPERATIONS

    def __init__(
        self,
        settings: NeimengguSettings,
        transport: httpx.AsyncBaseTransport | None = None,
        environment: Environment | None = None,
    ) -> None:
        """``transport`` replaces the network, ``environment`` time and chance, in tests."""
        environment = environment or SystemEnvironment()
        calendar = Calendar(environment, settings.timezone)
        self._settings = settings
        self._wire = Wire(settings, calendar, transport)
        self._door = Door(settings, self._wire, calendar)
        self._sessions = Sessions(settings, self._door, environment)
        self._attachments = Attachments()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Make the adapter from its part of flows.yaml. Raises pydantic's ValidationError."""
        return cls(NeimengguSettings.model_validate(settings))

    def equip(self, equipment: Equipment) -> None:
        """Take the book of sessions and the shelf of files."""
        self._sessions.equip(equipment.sessions)
        self._attachments.equip(equipment.files)

    def message_id(self, now: Micros, number: int) -> str:
        """Return an id for our journal: 002 has none, and nothing of it is sent (N37)."""
        return message_id(self._settings.message_prefix, now, number % 1_000_000)

    async def call(self, call: Call) -> Outcome:
        """Make one call; log in first where that is needed, and once more when the session turns out not to stand."""
        left = countdown(call.timeout)
        if call.operation in ("log_in", "log_out"):
            return await self._by_hand(call, left)
        interface = INTERFACES[call.operation]
        checked = check_request(interface, call.request, self._settings.strictness)
        if isinstance(checked, Refused):
            return checked
        try:
            self._door.hospital_key()
        except SecretMissing as error:
            return Refused("no_key", f"缺少密钥 {error}", Category.CREDENTIALS)
        try:
            enclosed, upload = await self._with_files(interface, checked)
        except Exception as error:  # nothing was sent
            return unavailable(error)
        with self._sessions.working():
            bad, told = "", ""
            for _ in range(2):
                if not call.guard():  # not even a log-in for somebody who has lost the visit
                    return NotSent("lease lost")
                opened = await self._sessions.open(left, bad)
                if not isinstance(opened, Ready):
                    return opened
                bad = opened.kept.session_id
                letter = self._letter(interface, bad, checked, enclosed, upload)
                reply = await self._wire.exchange(letter, left(), call.guard)
                outcome = judge(interface, reply, [bad, *personal(call.request)], self._settings.busy_wait)
                if not isinstance(outcome, NotLoggedIn):
                    return outcome
                told = outcome.told  # found before any effect: log in, the same call again; once
        return NotSent(f"the centre says we are not logged in, right after logging in: {told}", reply.exchange)

    def clock_ahead(self) -> Micros | None:
        """Return how far the peer's clock is ahead of ours, as its last answer told."""
        return self._wire.clock.ahead

    async def close(self) -> None:
        """Log out where nobody else uses the session, and give connections back."""
        await self._sessions.close()
        await self._wire.close()

    async def _by_hand(self, call: Call, left: Callable[[], Micros]) -> Outcome:
        """Log in or out because a person says so."""
        if not call.guard():
            return NotSent("lease lost")
        return await (self._sessions.log_in(left) if call.operation == "log_in" else self._sessions.log_out(left))

    async def _with_files(
        self, interface: Interface, checked: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Upload | None]:
        """Return what is sent with the bytes of its files. Raises FileMissing, StoreError."""
        if interface.carrier == "form":
            fields = {name: value for name, value in checked.items() if name != "file"}
            return fields, await self._attachments.upload(checked)
        return await self._attachments.enclose(checked), None

    def _letter(
        self,
        interface: Interface,
        session_id: str,
        checked: Mapping[str, Any],
        enclosed: Mapping[str, Any],
        upload: Upload | None,
    ) -> Letter:
        """``checked`` is what the exchange keeps: files by their ids, which are digests of their bytes."""
        first = {"sessionid": session_id}
        cipher = None if interface.carrier == "form" else self._door.hospital_key()
        return Letter(interface.path, first | dict(enclosed), masked(first | dict(checked)), cipher, session_id, upload)
