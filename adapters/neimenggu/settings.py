"""What flows.yaml says of this centre. The settings are explained in docs/neimenggu-session.md."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from adapters.neimenggu.contracts import Strictness
from engine.definitions import Duration, known_zone
from engine.environment import HOUR, MINUTE, SECOND, Micros

_VARIABLE = r"^[A-Z][A-Z0-9_]*$"


class Verb(StrEnum):
    """How calls are asked (N30)."""

    POST = "POST"
    GET = "GET"


class Carrier(StrEnum):
    """Where the encrypted text stands in a call (N30)."""

    FORM = "form"  #: a field ``message`` of a form
    QUERY = "query"  #: ``?message=``
    JSON = "json"  #: ``{"message": "..."}``
    BODY = "body"  #: the body is the encrypted text and nothing else


class Encrypted(StrEnum):
    """Whether answers are encrypted (N31)."""

    NO = "no"
    YES = "yes"
    AUTO = "auto"  #: JSON is taken as it is, anything else is decrypted


class NeimengguSettings(BaseModel):
    """One centre, one user."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]  #: what stands before ``public/sendHis/...``
    username: Annotated[str, Field(min_length=1, max_length=64)]
    password_variable: Annotated[str, Field(pattern=_VARIABLE)] = "VISITFLOW_NEIMENGGU_PASSWORD"  # noqa: S105
    key_variable: Annotated[str, Field(pattern=_VARIABLE)] = "VISITFLOW_NEIMENGGU_KEY"
    message_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{6}$")] = "NM0001"
    timezone: str = "Asia/Shanghai"  #: the centre's, for the key of the day

    verb: Verb = Verb.POST
    carrier: Carrier = Carrier.FORM
    encrypted_answers: Encrypted = Encrypted.NO
    connect_timeout: Annotated[Duration, Field(gt=0)] = 5 * SECOND
    log_in_timeout: Annotated[Duration, Field(gt=0, le=10 * MINUTE)] = 30 * SECOND
    busy_wait: Annotated[Duration, Field(gt=0)] = 30 * SECOND  #: after "in use, please wait"
    largest_answer: Annotated[int, Field(ge=1024)] = 32 * 1024 * 1024  #: bytes

    lengths: Literal["characters", "bytes"] = "characters"  #: how the contracts count (N23)
    traceability: bool = True  #: demand traceability codes of drugs (N12)
    record: bool = True  #: demand a medical record at discharge (N26)

    session_life: Annotated[Duration, Field(ge=MINUTE)] = 2 * HOUR  #: of a session, from its last use (002, 4.1)
    session_margin: Duration = 5 * MINUTE  #: so much earlier we take it for expired
    log_out_after: Annotated[Duration, Field(gt=0)] | None = MINUTE  #: without a call; null: never by itself
    conflict_wait: Annotated[Duration, Field(gt=0)] = 5 * MINUTE  #: between two tries while 21003 stands
    log_out_unknown: bool = False  #: on 21003, try 4.2 with user and password alone (N35)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return known_zone(value)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.verb is Verb.GET and self.carrier is not Carrier.QUERY:
            raise ValueError("verb GET has no body: carrier must be query")
        if self.session_margin >= self.session_life:
            raise ValueError("session_margin must be shorter than session_life")
        return self

    @property
    def strictness(self) -> Strictness:
        """Return what the site decides about what is sent."""
        return Strictness(self.lengths, self.traceability, self.record)

    @property
    def usable(self) -> Micros:
        """Return for how long after its last use a session is taken to stand."""
        return self.session_life - self.session_margin

    @property
    def note_every(self) -> Micros:
        """Return how often at most a use is written down: often enough that no other process takes us for idle."""
        return min(self.log_out_after or self.session_margin, 2 * MINUTE) // 4
