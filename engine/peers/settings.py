"""What may be declared about peers: a site's ``limits`` in flows.yaml. Not part of a flow's version."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from engine.definitions import Duration, Model, Name
from engine.environment import MINUTE, SECOND
from engine.gate import Priority

FlowName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=100)]
TriggerName = Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]*|\*)$", max_length=64)]
PriorityName = Literal["urgent", "normal", "background"]


class BreakerSettings(Model):
    """When a peer is left alone: after so many calls in a row without an answer."""

    failures: int = Field(default=5, ge=1, le=1000)  #: not sent or in doubt, in a row; a refusal is an answer
    pause: Annotated[Duration, Field(ge=SECOND)] = 15 * SECOND  #: before the first trial
    factor: float = Field(default=2.0, ge=1.0, le=10.0)  #: each pause so many times longer than the one before
    longest: Annotated[Duration, Field(ge=SECOND)] = 5 * MINUTE


class PeerLimits(Model):
    """What one peer bears, from all processes of the site together. What is not said is not limited."""

    concurrent: int | None = Field(default=None, ge=1, le=10_000)  #: calls in the air
    rate: float | None = Field(default=None, gt=0, le=100_000)  #: calls a second, sustained
    burst: int | None = Field(default=None, ge=1, le=100_000)  #: calls at once after a rest; default: a second's worth
    breaker: BreakerSettings | None = None  #: without one a peer that does not answer is asked on and on

    @model_validator(mode="after")
    def _burst_of_a_rate(self) -> Self:
        if self.burst is not None and self.rate is None:
            raise ValueError("burst: needs a rate")
        return self

    @property
    def at_once(self) -> int:
        """Return the burst."""
        return self.burst or max(1, math.ceil(self.rate or 1))

    @property
    def limited(self) -> bool:
        """Tell whether calls are counted."""
        return self.concurrent is not None or self.rate is not None


class Weights(Model):
    """How places are divided when there are not enough: so many of each in turn."""

    urgent: int = Field(default=8, ge=1, le=1000)
    normal: int = Field(default=4, ge=1, le=1000)
    background: int = Field(default=1, ge=1, le=1000)

    def by_priority(self) -> dict[Priority, int]:
        """Return the weights."""
        return dict(zip(Priority, (self.urgent, self.normal, self.background), strict=True))


class Limits(Model):
    """What a site declares."""

    default: PeerLimits = PeerLimits()  #: of peers that are not named
    peers: dict[Name, PeerLimits] = Field(default={})
    #: By flow and trigger; ``*``: all others of the flow.
    priorities: dict[FlowName, dict[TriggerName, PriorityName]] = Field(default={})
    weights: Weights = Weights()

    def of(self, peer: str) -> PeerLimits:
        """Return what holds for a peer."""
        return self.peers.get(peer, self.default)

    def by_flow(self) -> dict[str, dict[str, Priority]]:
        """Return the declared priorities."""
        return {
            flow: {trigger: Priority[name.upper()] for trigger, name in named.items()}
            for flow, named in self.priorities.items()
        }
