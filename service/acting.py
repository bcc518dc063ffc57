"""One way for every operator's action: by HTTP, batch or command line it is checked, attributed and, where two people
are asked for, written down until another person approves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.actions import ActionKind
from engine.commands import Asking, Commands
from engine.environment import SECOND, Environment
from engine.errors import ActionNotLegal, InvalidData, VisitflowError
from engine.events import Verdict
from engine.facts import dumps, loads, normalise
from engine.store import Projection
from service.errors import NotOpen, Outdated, OwnRequest, UnknownThing
from service.four_eyes import needs_second
from service.settings import Settings
from storage.registers import Approval
from storage.registers.approvals import ApprovalRegister


@dataclass(frozen=True, slots=True)
class Deed:
    """What is to be done. ``target`` is a trigger, state, verdict or version."""

    kind: ActionKind
    target: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> str:
        """Return target and data as JSON."""
        return dumps(normalise({"target": self.target, "data": dict(self.data)}))

    @classmethod
    def read(cls, kind: str, arguments: str) -> Deed:
        """Return the deed that was written down."""
        found = loads(arguments)
        return cls(ActionKind(kind), found["target"], found["data"])


@dataclass(frozen=True, slots=True)
class Who:
    """Who does it, why, from where."""

    by: str
    reason: str
    origin: str


async def perform(commands: Commands, visit_id: str, deed: Deed, who: Who, request: str | None = None) -> Projection:
    """Do it now; with ``request`` at most once. Raises what the command raises."""
    asking = Asking(who.origin, request)
    by, reason, data = who.by, who.reason, deed.data
    match deed.kind:
        case ActionKind.TRIGGER:
            return await commands.trigger(visit_id, deed.target, data, by, asking)
        case ActionKind.RESUME:
            return await commands.resume(visit_id, by, reason, asking)
        case ActionKind.SETTLE:
            return await commands.settle(visit_id, Verdict(deed.target), by, reason, data, asking)
        case ActionKind.REVERSE:
            return await commands.reverse(visit_id, deed.target, by, reason, asking)
        case ActionKind.CANCEL:
            return await commands.cancel(visit_id, by, reason, asking)
        case ActionKind.CORRECT:
            return await commands.correct(visit_id, data, by, reason, asking)
        case ActionKind.MIGRATE:
            return await commands.migrate(visit_id, by, reason, deed.target or None, asking)


class Acting:
    """Does deeds, or has them approved first."""

    def __init__(
        self, commands: Commands, approvals: ApprovalRegister, settings: Settings, environment: Environment
    ) -> None:
        """``settings.four_eyes`` says whether two people are asked for."""
        self._commands = commands
        self.approvals = approvals
        self._settings = settings
        self._environment = environment

    async def do(self, visit_id: str, deed: Deed, who: Who, request: str | None = None) -> Projection | Approval:
        """Do it, or return the request that another person has to approve."""
        if not await self.must_be_approved(visit_id, deed, request):
            return await perform(self._commands, visit_id, deed, who, request)
        return await self._ask(visit_id, deed, who, request)

    async def must_be_approved(self, visit_id: str, deed: Deed, request: str | None = None) -> bool:
        """Tell whether a second person is needed."""
        if not self._settings.four_eyes:
            return False
        if request is not None and await self._commands.made(visit_id, request):
            return False  # done before: the command will say so
        return needs_second(await self._commands.report(visit_id), deed.kind, deed.target)

    async def _ask(self, visit_id: str, deed: Deed, who: Who, request: str | None) -> Approval:
        if not who.by.strip() or not who.reason.strip():
            raise InvalidData("an operator's action needs both an operator and a reason", field="reason")
        if request is not None and (there := await self.approvals.get(request)) is not None:
            return there
        report = await self._commands.report(visit_id)
        legal = [each.target for each in report.actions if each.kind is deed.kind]
        if deed.target not in legal and not (legal and deed.kind is ActionKind.CANCEL):
            raise ActionNotLegal(f"{deed.kind.value} {deed.target}".strip() + " is not legal now")
        now = self._environment.now()
        approval = Approval(
            approval_id=request or self._environment.new_id(),
            visit_id=visit_id,
            action=deed.kind.value,
            arguments=deed.arguments,
            state="asked",
            asked_by=who.by,
            asked_at=now,
            reason=who.reason,
            origin=who.origin,
            expires_at=now + int(self._settings.approval_hours * 3600 * SECOND),
            seq=report.projection.seq,
        )
        await self.approvals.ask(approval)
        return approval

    async def approve(self, approval_id: str, by: str, remark: str) -> tuple[Approval, Projection]:
        """Approve what somebody else has asked for, and do it.

        Raises:
            UnknownThing, OwnRequest, NotOpen: there is nothing that this person may approve.
            Outdated: the visit has moved since; nothing is done, the request is closed.
            ActionNotLegal: it is not legal any more; the request is closed.
        """
        await self._open(approval_id, by)
        at = self._environment.now()
        if not await self.approvals.decide(approval_id, "approved", by, at, remark):
            raise NotOpen(field="approval")
        return await self.carry_out(approval_id)

    async def refuse(self, approval_id: str, by: str, remark: str) -> Approval:
        """Refuse what somebody else has asked for. Raises UnknownThing, OwnRequest, NotOpen."""
        await self._open(approval_id, by)
        if not await self.approvals.decide(approval_id, "refused", by, self._environment.now(), remark):
            raise NotOpen(field="approval")
        return await self.get(approval_id)

    async def carry_out(self, approval_id: str) -> tuple[Approval, Projection]:
        """Do what was approved, once: the approval's id is the request's, also after a crash in between."""
        approval = await self.get(approval_id)
        visit_id, deed = approval.visit_id, Deed.read(approval.action, approval.arguments)
        reason = f"{approval.reason} · approved by {approval.decided_by}: {approval.remark}"
        try:
            if not await self._commands.made(visit_id, approval_id):
                projection = (await self._commands.report(visit_id)).projection
                if projection.seq != approval.seq:
                    raise Outdated(seq=approval.seq, now=projection.seq)
            who = Who(approval.asked_by, reason, approval.origin)
            done = await perform(self._commands, visit_id, deed, who, approval_id)
        except VisitflowError as error:
            if isinstance(error, ActionNotLegal | InvalidData | Outdated):
                await self.approvals.finish(approval_id, "failed", f"{error.code}: {error.message}")
            raise
        await self.approvals.finish(approval_id, "done")
        return await self.get(approval_id), done

    async def get(self, approval_id: str) -> Approval:
        """Return a request. Raises UnknownThing."""
        found = await self.approvals.get(approval_id)
        if found is None:
            raise UnknownThing(f"no approval {approval_id[:40]}", field="approval")
        return found

    async def _open(self, approval_id: str, by: str) -> Approval:
        approval = await self.get(approval_id)
        if not by.strip():
            raise InvalidData("who decides has to be known", field="by")
        if _caller(approval.asked_by) == _caller(by):
            raise OwnRequest(field="approval")
        if approval.state != "asked" or approval.expires_at <= self._environment.now():
            raise NotOpen(field="approval", state=approval.state)
        return approval


def _caller(by: str) -> str:
    """Return who is answerable: of a machine its key, for whomever it says that it asks."""
    return by.partition("/")[0]
