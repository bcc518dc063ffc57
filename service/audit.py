"""Write down what no visit's journal holds."""

from __future__ import annotations

from engine.environment import Environment
from service.access.principal import Principal
from storage.registers import AuditEntry
from storage.registers.audit import AuditRegister


class Audit:
    """The audit's pen."""

    def __init__(self, register: AuditRegister, environment: Environment) -> None:
        """Write into ``register``."""
        self._register = register
        self._environment = environment

    async def note(
        self,
        action: str,
        target: str,
        *,
        actor: str,
        role: str = "",
        reason: str = "",
        origin: str = "",
        outcome: str = "done",
    ) -> None:
        """Write an entry down; on return it is durable."""
        entry = AuditEntry(
            audit_id=self._environment.new_id(),
            at=self._environment.now(),
            actor=actor[:100],
            role=role,
            action=action,
            target=target[:200],
            reason=reason[:2000],
            origin=origin[:100],
            outcome=outcome,
        )
        await self._register.add(entry)

    async def by(
        self, principal: Principal, action: str, target: str, reason: str = "", outcome: str = "done", told: str = ""
    ) -> None:
        """Write down what a caller did."""
        actor = principal.acting_for(told) or "open"
        who = {"actor": actor, "role": principal.role, "origin": principal.origin}
        await self.note(action, target, reason=reason, outcome=outcome, **who)
