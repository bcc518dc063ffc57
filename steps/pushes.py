"""What a visit of ``platform.push`` knows: one message for a patient, and how often it was tried (P54)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from adapters.platform.contracts import INTERFACES, Direction, Kind, Misfit, build_request


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Push(_Model):
    """A push of 003: the number of its interface (19.1.3) and its members as the document has them."""

    operation: str
    request: dict[str, Any]

    @model_validator(mode="after")
    def _fits(self) -> Push:
        interface = INTERFACES.get(self.operation)
        if interface is None or (interface.direction, interface.kind) != (Direction.PLATFORM, Kind.NOTIFY):
            raise ValueError("operation: expected the number of a push of 003, such as 19.1.3")
        try:
            build_request(interface, self.request)
        except Misfit as error:
            members = ", ".join(dict.fromkeys(each.member or "request" for each in error.problems))
            raise ValueError(f"request: {error.code}, {members}") from None
        return self


class Visit(Push):
    """The push, and what became of it."""

    tries: Annotated[int, Field(ge=0)] = 0
    code: str = ""
    reason: str = ""


class Tried(_Model):
    """What a try came to."""

    tries: Annotated[int, Field(ge=1)]
    code: str = ""
    reason: str = ""
