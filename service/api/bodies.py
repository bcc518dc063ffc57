"""What the HTTP API takes, as models with examples, and how the OpenAPI document shows it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.shapes import Problem

KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[\\x21-\\x7e]+$"},
    "description": "the same key and body again are answered, not carried out, again; another body gets 422",
    "example": "his-7f3a-000123",
}


class Body(BaseModel):
    """Base of all bodies: what is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class OpenVisit(Body):
    """Open a visit."""

    flow: str = Field(examples=["jiangsu.outpatient"])
    key: str = Field(examples=["MZ20261120001"], description="the hospital's own number of the visit")
    data: dict[str, Any] = Field(default_factory=dict, examples=[{"psn_no": "P0001"}])
    by: str = Field(default="", max_length=64, examples=["desk 3"], description="for whom a machine asks")


class Trigger(Body):
    """Ask for a transition."""

    trigger: str = Field(examples=["settle"])
    data: dict[str, Any] = Field(default_factory=dict, examples=[{"invoice_no": "FP20261120001"}])
    by: str = Field(default="", max_length=64)


class HandOver(Body):
    """Hand fee lines over: as a list or by id, and ids of lines to void."""

    fees: list[dict[str, Any]] | dict[str, Any] = Field(default_factory=list, examples=[[{"line_id": "L1"}]])
    void: list[str] = Field(default_factory=list, max_length=10_000)
    trigger: str = Field(default="hand_over", description="the flow's trigger that takes lines")
    by: str = Field(default="", max_length=64)


class Attributed(Body):
    """Who acts, and why. A person who has signed in acts in their own name, whatever ``by`` says."""

    by: str = Field(default="", max_length=64, examples=["wang"])
    reason: str = Field(max_length=1000, examples=["the centre has no record, asked by telephone"])


class SettleByHand(Attributed):
    """What became of a call in doubt."""

    verdict: Literal["applied", "not_applied"]
    data: dict[str, Any] = Field(default_factory=dict)


class ReverseTo(Attributed):
    """How far to go back."""

    state: str = Field(examples=["registered"])


class Correct(Attributed):
    """Fields to change; null takes a field away."""

    changes: dict[str, Any] = Field(examples=[{"phone": None}])


class Migrate(Attributed):
    """Which flow version to go to; default: the current one."""

    version: str | None = None


class Reasoned(Body):
    """Why."""

    reason: str = Field(min_length=1, max_length=1000, examples=["dispute 77 of the centre"])
    by: str = Field(default="", max_length=64)


class SignIn(Body):
    """Who signs in."""

    name: str = Field(max_length=64, examples=["wang"])
    password: str = Field(max_length=1000)


class PatientNumber(Body):
    """An identity number, to be turned into a hash and forgotten."""

    number: str = Field(min_length=1, max_length=64)


class Chosen(Body):
    """Which visits; every member narrows. Ages as 30s, 15m, 4h, 2d."""

    flow: str | None = Field(default=None, examples=["jiangsu.outpatient"])
    state: str | None = None
    status: Literal["ready", "waiting", "stuck", "closed"] | None = Field(default=None, examples=["stuck"])
    cause: str | None = Field(default=None, examples=["retries_exhausted"])
    idle_for: str | None = Field(default=None, examples=["2h"], description="no event for at least so long")
    older_than: str | None = Field(default=None, description="opened at least so long ago")


class NewBatch(Attributed):
    """An action over all visits that a filter finds."""

    filter: Chosen
    action: Literal["trigger", "resume", "settle", "reverse", "cancel", "correct", "migrate"]
    target: str = Field(default="", description="trigger, verdict, state or version")
    data: dict[str, Any] = Field(default_factory=dict)


class ConfirmBatch(Body):
    """The token of the preview."""

    token: str
    by: str = Field(default="", max_length=64)


def documented(model: type[BaseModel], *, keyed: bool = False) -> dict[str, Any]:
    """Return the OpenAPI description of a body that is read by hand; ``keyed``: it takes an Idempotency-Key."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    inner: dict[str, Any] = model.model_json_schema().get("$defs", {})
    if inner:  # few and small: shown in place
        schema = _inlined(schema, inner)
    shown: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
    return shown | ({"parameters": [KEY_HEADER]} if keyed else {})


def _inlined(value: Any, inner: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            return _inlined(inner[value["$ref"].rsplit("/", 1)[-1]], inner)
        return {name: _inlined(item, inner) for name, item in value.items()}
    return [_inlined(item, inner) for item in value] if isinstance(value, list) else value


#: How every route may fail; docs/api.md lists the codes.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": words, "content": {"application/problem+json": {}}}
    for status, words in (
        (401, "not recognised"),
        (403, "not allowed"),
        (404, "not there"),
        (409, "not now"),
        (413, "too large"),
        (422, "not valid"),
        (429, "too often"),
        (503, "try again"),
    )
}
