"""One transaction by itself, outside any visit: the flow ``jiangsu.transaction`` (000 ``transaction``; J51).

A front end may ask for any transaction of the table, also about a visit that this service never saw. Each becomes a
visit of its own, so that it is journalled like the others. The steps are made from the table of transactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from adapters.jiangsu.transactions import TRANSACTIONS, Transaction
from engine.outcomes import Category, Effect, Refused
from engine.steps import BaseStep, Progress, View
from steps.jiangsu.base import Model
from steps.jiangsu.forward import ROLE


class SingleOpening(Model):
    """What is asked for: the operation, and what the contract of its request takes."""

    operation: Annotated[str, Field(pattern="^[a-z_]{1,40}$", description="交易 operation of the table")]
    parameters: dict[str, Any] = Field(default_factory=dict, description="入参 the request's members")


class Single(SingleOpening):
    """Everything that it may know: what came back."""

    reply: dict[str, Any] | None = None


class DoneByHand(BaseModel):
    """What a person was told about a transaction whose answer was lost; the members are those of its reply."""

    reply: dict[str, Any] = Field(default_factory=dict)


class SingleStep(BaseStep):
    """The step of one row of the table; the rows' classes are made of it below."""

    name: ClassVar[str]
    role: ClassVar[str] = ROLE
    operation: ClassVar[str]
    effect: ClassVar[Effect]
    by_hand: ClassVar[type[BaseModel] | None] = DoneByHand

    def request(self, view: View) -> Mapping[str, Any]:
        """Send what was asked for. Raises ValueError where the visit was opened for another transaction."""
        if view.data["operation"] != self.operation:
            raise ValueError(f"opened for {view.data['operation']}")
        parameters: Mapping[str, Any] = view.data.get("parameters", {})
        return parameters

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the reply as it is."""
        return Progress({"reply": dict(reply)})

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "done already" as done where the same again does no harm."""
        done = self.effect is Effect.KEYED and refusal.category is Category.ALREADY_DONE
        return Progress({"reply": {}}) if done else None


def _step_of(row: Transaction) -> type[SingleStep]:
    facts = {"name": f"jiangsu.single_{row.operation}", "operation": row.operation, "effect": row.effect}
    doc = f"{row.number} {row.zh}"
    return type(f"Single_{row.operation}", (SingleStep,), {**facts, "__doc__": doc, "__module__": __name__})


#: The steps by the name that flows use, without the system's.
SINGLE_STEPS: Mapping[str, type[SingleStep]] = {
    f"single_{operation}": _step_of(row) for operation, row in TRANSACTIONS.items()
}
