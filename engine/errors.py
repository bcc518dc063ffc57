"""What callers may catch. One root; every leaf has a stable ``code`` that outlives its wording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from pydantic import ValidationError


class VisitflowError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str | None = None, *, field: str | None = None, **details: Any) -> None:
        """Keep ``message`` (default: the class's docstring), the ``field`` at fault, and more ``details``."""
        self.message = message or (type(self).__doc__ or "").split("\n", 1)[0]
        self.field = field
        self.details = details
        super().__init__(self.message)

    def as_dict(self) -> dict[str, Any]:
        """Return ``{"code", "message", "field"?, ...details}`` for programs."""
        shown: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.field is not None:
            shown["field"] = self.field
        return shown | self.details


class BadInput(VisitflowError):
    """What was handed in is not valid; nothing was changed."""

    code = "bad_input"

    @classmethod
    def from_pydantic(cls, error: ValidationError, **details: Any) -> Self:
        """Return the error for a model's refusal; it names fields and expectations, never values (G10)."""
        found = error.errors(include_url=False, include_input=False, include_context=False)
        return cls.from_problems(found, **details)

    @classmethod
    def from_problems(cls, found: Sequence[Mapping[str, Any]], **details: Any) -> Self:
        """Return the error for pydantic's list of problems."""
        problems = [
            {
                "field": ".".join(str(part) for part in each["loc"]) or "data",
                "message": str(each["msg"]).removeprefix("Value error, "),
            }
            for each in found
        ]
        return cls(problems[0]["message"], field=problems[0]["field"], problems=problems, **details)


class UnknownFlow(BadInput):
    """No such flow is loaded."""

    code = "unknown_flow"


class UnknownVisit(BadInput):
    """No such visit."""

    code = "unknown_visit"


class UnknownTrigger(BadInput):
    """The flow has no such trigger."""

    code = "unknown_trigger"


class InvalidData(BadInput):
    """The data does not fit the flow's model."""

    code = "invalid_data"


class Oversize(BadInput):
    """The data is larger than a visit may hold."""

    code = "oversize"


class DuplicateKey(BadInput):
    """A visit with this key exists and was opened with other data."""

    code = "duplicate_key"


class InvalidFlow(BadInput):
    """The flow definition is not valid."""

    code = "invalid_flow"


class NotLegal(VisitflowError):
    """This is not legal now."""

    code = "not_legal"


class TriggerNotLegal(NotLegal):
    """This trigger is not legal in the visit's present state."""

    code = "trigger_not_legal"


class ActionNotLegal(NotLegal):
    """This action is not legal in the visit's present condition."""

    code = "action_not_legal"


class VisitBusy(VisitflowError):
    """Another worker is moving this visit right now; try again in a moment."""

    code = "visit_busy"


class LeaseLost(VisitflowError):
    """The lease on this visit has passed to another worker; nothing was written."""

    code = "lease_lost"


class FlowUnavailable(VisitflowError):
    """The flow version of this visit cannot be built with the code that is installed."""

    code = "flow_unavailable"


class StoreError(VisitflowError):
    """The store did not take the write; nothing was changed."""

    code = "store_unavailable"


class SchemaOutdated(StoreError):
    """The database's schema is not the one this version needs; run `visitflow db upgrade`."""

    code = "schema_outdated"


class Shredded(VisitflowError):
    """The visit's journal was shredded when its time was over: what it held cannot be read any more, by anybody."""

    code = "shredded"
