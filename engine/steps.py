"""What the engine asks of a step: to build a request from the visit, and to fold the reply into it.

Steps are pure: same view, same answer. They do no I/O, look at no clock and keep nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from engine.environment import Micros
from engine.outcomes import Effect, InDoubt, Refused


@dataclass(frozen=True, slots=True)
class CallInfo:
    """A call that was made: enough to ask a peer about it or to reverse it."""

    call: str
    trigger: str
    operation: str
    effect: Effect
    message_id: str
    request: Mapping[str, Any]
    at: Micros


@dataclass(frozen=True, slots=True)
class View:
    """What a step may know.

    ``subject`` is the call in doubt (probe, reverse, repeat) or, for an undo, the call that is undone; otherwise None.
    ``lost`` are the calls of the visit that were judged not to have happened and may still arrive.
    """

    visit_id: str
    flow: str
    key: str
    state: str
    data: Mapping[str, Any]
    settings: Mapping[str, Any]
    now: Micros
    subject: CallInfo | None = None
    lost: tuple[CallInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Sums that must agree and do not (G9)."""

    what: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What a reply adds to the visit. With disagreements the visit moves, keeps the reply, and stops (G9)."""

    data: Mapping[str, Any] = field(default_factory=dict)
    disagreements: tuple[Disagreement, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """The call in doubt took effect; ``progress`` is what its reply would have brought."""

    progress: Progress = Progress()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NotApplied:
    """The call in doubt did not take effect, as far as can be seen now."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reversed:
    """The peer acknowledged the reversal."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unclear:
    """This look does not tell."""

    reason: str = ""


Judgement = Applied | NotApplied | Reversed | Unclear


class Step(Protocol):
    """The step of a transition or of an undo edge."""

    name: ClassVar[str]
    role: ClassVar[str]  #: which of the flow's adapters
    operation: ClassVar[str]
    by_hand: ClassVar[type[BaseModel] | None]  #: what a person must hand over to settle it as applied

    def request(self, view: View) -> Mapping[str, Any]:
        """Build the request. Decimal, never float."""

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Read the reply. Raise when it cannot be read: the call is then in doubt (G8)."""

    def refused(self, view: View, refusal: Refused) -> Progress | InDoubt | None:
        """Return progress when this refusal means that the goal is reached already; otherwise None.

        ``InDoubt``: it may be, because an earlier call was lost: the doubt is settled as the flow declares.
        """

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Return the progress of what a person says happened; ``told`` has passed ``by_hand``."""


class SettlingStep(Protocol):
    """The step of a probe (operation must be ``read``) or of a reversal (``keyed``)."""

    name: ClassVar[str]
    role: ClassVar[str]
    operation: ClassVar[str]

    def request(self, view: View) -> Mapping[str, Any]:
        """Build the request about ``view.subject``."""

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Say what the reply tells about ``view.subject``."""

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """Say what a refusal tells about ``view.subject``."""

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Probe only: last look for a late original. Applied means that it happened after all."""

    def recheck_refused(self, view: View, refusal: Refused) -> Judgement:
        """Probe only: say what a refusal of the last look tells."""


class BaseStep:
    """Defaults for :class:`Step`: a refusal is a refusal, nothing to hand over by hand."""

    by_hand: ClassVar[type[BaseModel] | None] = None

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Add nothing."""
        return Progress()

    def refused(self, view: View, refusal: Refused) -> Progress | InDoubt | None:
        """Take the refusal as what it is."""
        return None

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Keep what was said. A step whose sums must agree checks them here as well (G9)."""
        return Progress(told)


class BaseProbe:
    """Defaults for a probe: a refusal tells nothing, and the last look judges like the first."""

    def judge(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Say what the reply tells."""
        raise NotImplementedError

    def refused(self, view: View, refusal: Refused) -> Judgement:
        """Tell nothing."""
        return Unclear(f"the probe was refused: {refusal.code}")

    def recheck(self, view: View, reply: Mapping[str, Any]) -> Judgement:
        """Judge as before. A probe of an undo must say more: by now another undo may have done it rightly."""
        return self.judge(view, reply)

    def recheck_refused(self, view: View, refusal: Refused) -> Judgement:
        """Judge as before."""
        return self.refused(view, refusal)
