"""What a flow is: the pydantic models behind the YAML. Structure only; ``engine.machine`` compiles it.

Every model refuses unknown keys. Nothing in a definition is evaluated: steps and conditions are names.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from enum import StrEnum
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from engine.environment import DAY, HOUR, MINUTE, SECOND, Micros
from engine.facts import dumps

_DURATION = re.compile(r"(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m(?!s))?(?:(?P<s>\d+)s)?(?:(?P<ms>\d+)ms)?")
_UNITS = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": 1000}


def parse_duration(value: object) -> Micros:
    """Read ``"1d2h3m4s5ms"`` (any part may be missing) as microseconds.

    Raises:
        ValueError: anything else; a bare number is refused because its unit would be a guess.
    """
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)) and value:
        return sum(int(count) * _UNITS[unit] for unit, count in match.groupdict().items() if count)
    raise ValueError("expected a duration such as 30s, 5m, 2h, 1d or 1h30m")


def format_duration(value: Micros) -> str:
    """Return the text that :func:`parse_duration` reads as ``value``."""
    parts = []
    for unit, size in _UNITS.items():
        count, value = divmod(value, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


Duration = Annotated[
    Micros,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema(
        {"type": "string", "pattern": r"^(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$", "examples": ["30s", "1h30m"]}
    ),
]


def known_zone(value: str) -> str:
    """Return the name of a time zone that there is. Raises ValueError."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("expected an IANA time zone such as Asia/Shanghai") from error
    return value


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Dotted = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][\w]*(\.[A-Za-z_][\w]*)*(:[A-Za-z_]\w*)?$", max_length=200)
]


class Model(BaseModel):
    """Base of all definition models."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(Model):
    """Words for people, Chinese first."""

    zh: str = ""
    en: str = ""


class Retry(Model):
    """Back-off with jitter: try again after ``first``, then ``factor`` times longer, never above ``cap``."""

    first: Annotated[Duration, Field(ge=1000)] = SECOND  #: at least a millisecond: no hot loops
    factor: float = Field(default=2.0, ge=1.0, le=10.0)
    cap: Annotated[Duration, Field(ge=1000)] = 5 * MINUTE
    total: Duration = HOUR  #: give up (stuck) when the transition began longer ago than this
    attempts: int | None = Field(default=None, ge=1)  #: give up after so many calls
    jitter: float = Field(default=0.2, ge=0.0, le=1.0)  #: take off up to this share, by chance


class RetryClass(StrEnum):
    """Outcomes after which the same call may be made again."""

    NOT_SENT = "not_sent"
    LATER = "later"  #: refused with "occupied, try again"
    READ = "read"  #: a read whose answer was lost


class Settling(Model):
    """How patiently a doubt is settled, before a person is asked."""

    first_look: Duration = 5 * SECOND  #: a look right after a time-out may be too early
    look_again: Duration = 20 * SECOND  #: between two looks that both say "not applied"
    looks: int = Field(default=2, ge=1, le=10)  #: how many in a row make "not applied" believed
    tries: int = Field(default=6, ge=1)  #: failed tries of one method before the next (ISO 8583 practice: 6)
    backoff: Retry = Retry.model_validate({"first": "5s"})
    late_look: Duration = 60 * SECOND  #: after "not applied" or "reversed": earliest last look for a late original


class SettleKind(StrEnum):
    """Ways to settle a doubt."""

    PROBE = "probe"
    INQUIRE = "inquire"  #: a probe by a keyed call: it leaves something at the peer, so nobody looks so once more later
    REVERSE = "reverse"
    REPEAT = "repeat"
    ASK = "ask"


#: Ways that name a step.
BY_STEP = (SettleKind.PROBE, SettleKind.INQUIRE, SettleKind.REVERSE)


class SettleMethod(Model):
    """One way to settle a doubt; ``probe``, ``inquire`` and ``reverse`` name a step."""

    kind: SettleKind
    step: Dotted | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        """Accept ``ask``, ``repeat``, ``{probe: step}``, ``{inquire: step}`` and ``{reverse: step}``."""
        if isinstance(value, str):
            return {"kind": value}
        if isinstance(value, dict) and len(value) == 1 and (kind := next(iter(value))) in BY_STEP:
            return {"kind": kind, "step": value[kind]}
        return value

    @model_validator(mode="after")
    def _step_where_needed(self) -> Self:
        if (self.step is not None) != (self.kind in BY_STEP):
            raise ValueError("expected ask, repeat, {probe: step}, {inquire: step} or {reverse: step}")
        return self


class UndoEdge(Model):
    """The way back over a transition: by a step, by nothing (the peer keeps nothing), or not at all."""

    trigger: Name | None = None
    step: Dotted | None = None
    to: Name | None = None  #: default: the state that the transition came from
    doubt: tuple[SettleMethod, ...] = ()
    retry: dict[RetryClass, Name] | Name | None = None
    timeout: Duration = 30 * SECOND
    nothing: str | None = None  #: why no call is needed
    impossible: str | None = None  #: why there is no way back
    warning: Text | None = None  #: what a person should know before this way back is taken

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if sum(value is not None for value in (self.step, self.nothing, self.impossible)) != 1:
            raise ValueError("expected exactly one of step, nothing (with the reason), impossible (with the reason)")
        if self.step is not None and self.trigger is None:
            raise ValueError("an undo with a step needs a trigger name")
        return self


class Transition(Model):
    """An edge: ``trigger`` leads from each state of ``source`` to ``dest`` by running ``step``."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    trigger: Name
    source: tuple[Name, ...] = Field(alias="from")
    dest: Name = Field(alias="to")
    title: Text = Text()
    step: Dotted | None = None
    auto: bool = False
    when: tuple[Dotted, ...] = ()  #: conditions that must hold
    unless: tuple[Dotted, ...] = ()  #: conditions that must not hold
    input: Dotted | None = None  #: pydantic model of the data that the trigger brings
    retry: dict[RetryClass, Name] | Name | None = None
    deadline: Duration | None = None  #: from the moment the transition begins; no new attempt after it
    timeout: Duration = 30 * SECOND  #: one call
    doubt: tuple[SettleMethod, ...] = ()
    undo: UndoEdge | None = None
    rounds: Annotated[int, Field(ge=1, le=100_000)] | None = None  #: how often in a row it may go round (default 20)

    @field_validator("source", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class State(Model):
    """A state; ``wait`` is how long a visit may stand here before somebody is told."""

    title: Text = Text()
    wait: Duration | None = None


class Timer(Model):
    """Fires ``trigger`` in one of ``states``: once ``after`` a time, ``every`` so often, or daily ``at``."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Name
    states: tuple[Name, ...] = Field(alias="in")
    trigger: Name
    after: Duration | None = None
    every: Duration | None = None
    at: datetime.time | None = None

    @field_validator("states", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if sum(value is not None for value in (self.after, self.every, self.at)) != 1:
            raise ValueError("expected exactly one of after, every, at")
        if self.every is not None and self.every < SECOND:
            raise ValueError("every: at least 1s")
        return self


class FlowDefinition(Model):
    """A whole flow, one version of it."""

    flow: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=100)]
    version: Annotated[int, Field(ge=1)]
    title: Text = Text()
    adapters: dict[Name, Name]  #: the role that steps speak of → the adapter that plays it here
    data: Dotted  #: pydantic model of what a visit knows
    opening: Dotted  #: pydantic model of what a visit is opened with
    initial: Name
    final: tuple[Name, ...] = Field(min_length=1)
    cancelled: Name  #: the final state of a visit that was undone to its beginning
    wait: Duration = 7 * DAY  #: default of ``states.*.wait``
    timezone: str = "Asia/Shanghai"
    settings: dict[str, str | int | bool] = {}  #: handed to steps
    policies: dict[Name, Retry] = Field(default={}, validate_default=True)
    settling: Settling = Settling()
    states: dict[Name, State]
    transitions: tuple[Transition, ...] = Field(min_length=1)
    timers: tuple[Timer, ...] = ()
    migrates: dict[Name, Name] = {}  #: states of earlier versions that are called otherwise here

    @field_validator("states", mode="before")
    @classmethod
    def _empty_state(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: {} if state is None else state for name, state in value.items()}
        return value

    @field_validator("policies", mode="before")
    @classmethod
    def _default_policy(cls, value: Any) -> Any:
        return {"default": {}} | value if isinstance(value, dict) else value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        return known_zone(value)

    def canonical(self) -> str:
        """Return the definition as canonical JSON: the text that is hashed, stored, and read back.

        Defaults are written out, so that a later release with other defaults does not change a running visit (G7).
        """
        return dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))

    def content_hash(self) -> str:
        """Return the first 16 hex digits of the SHA-256 of :meth:`canonical`: the identity of this version (G7)."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()[:16]

    def wait_in(self, state: str) -> Micros:
        """Return how long a visit may wait in ``state``."""
        own = self.states[state].wait
        return self.wait if own is None else own
