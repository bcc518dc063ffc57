"""The flow that is asked for transitions: it calls no peer, so that all work is the service's own."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

FLOW = "bench.load"
#: What is asked for in a state, so that a visit can be asked for ever.
TRIGGERS = ("go", "back")


class Nothing(BaseModel):
    """A visit that knows nothing."""

    model_config = ConfigDict(extra="forbid")


def definition() -> dict[str, Any]:
    """Return the flow as a site writes it."""
    here = f"{__name__}:Nothing"
    return {
        "flow": FLOW,
        "version": 1,
        "adapters": {},
        "data": here,
        "opening": here,
        "initial": "here",
        "final": ["done"],
        "cancelled": "gone",
        "states": {name: {} for name in ("here", "there", "done", "gone")},
        "transitions": [
            {"trigger": "go", "from": "here", "to": "there"},
            {"trigger": "back", "from": "there", "to": "here"},
            {"trigger": "finish", "from": "here", "to": "done"},
        ],
    }
