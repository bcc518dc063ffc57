"""Alert rules: data in YAML, checked before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from engine.definitions import Duration
from engine.environment import HOUR, MINUTE
from engine.errors import BadInput, InvalidFlow
from flows.source import read_yaml

SHIPPED = Path(__file__).with_name("alerts.yaml")

Watched = Literal[
    "stuck",
    "doubt_age",
    "audit",
    "due_delay",
    "peer_failures",
    "peer_paused",
    "refused",
    "clock",
    "disk_free",
    "timer_idle",
    "deliveries_dead",
    "schedule",
    "schedule_late",
    "schedule_paused",
    "calendar_days",
]


class Rule(BaseModel):
    """When somebody is told, and how often."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    watch: Watched
    above: float | None = None
    below: float | None = None
    for_: Duration = Field(default=0, alias="for")
    repeat: Duration = Field(default=4 * HOUR, ge=MINUTE)
    clear: Duration = 5 * MINUTE
    severity: Literal["warning", "critical"] = "warning"
    causes: tuple[str, ...] = ()  #: of ``stuck``: only these
    trigger: str | None = None  #: of ``timer_idle``
    older_than: Duration | None = None  #: of ``timer_idle``
    zh: str
    en: str

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("expected either above or below")
        if (self.watch == "timer_idle") != (self.trigger is not None and self.older_than is not None):
            raise ValueError("timer_idle, and nothing else, needs trigger and older_than")
        return self

    def holds(self, value: float) -> bool:
        """Tell whether ``value`` is a reason to tell somebody."""
        return value > self.above if self.above is not None else value < (self.below or 0)


_RULES = TypeAdapter(tuple[Rule, ...])


def load_rules(path: Path | None = None) -> tuple[Rule, ...]:
    """Return the rules of a site, or those that are shipped. Raises BadInput, naming line, rule and field."""
    file = path or SHIPPED
    try:
        source = read_yaml(file, str(file))
        rules = _RULES.validate_python(source.data)
    except InvalidFlow as error:
        raise BadInput(str(error), field="VISITFLOW_ALERT_RULES") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{source.mark(first['loc'])}: {place}: {first['msg']}", field="VISITFLOW_ALERT_RULES") from None
    names = [rule.name for rule in rules]
    if doubles := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"{file}: twice: {', '.join(doubles)}", field="VISITFLOW_ALERT_RULES")
    return rules
