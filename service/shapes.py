"""What the HTTP API answers, as models: the OpenAPI document shows them, ``service.client`` returns them.

Members may be added; a client keeps what it does not know. Times are ISO 8601 with zone, amounts text.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(extra="allow", frozen=True)


class VisitLine(Shape):
    """A visit as lists show it."""

    visit: str = Field(examples=["01JD8Q2V7M3XK0C5R9T4W6YZAB"], description="the engine's id, 26 characters")
    flow: str = Field(examples=["jiangsu.outpatient"])
    version: str = Field(description="content hash of the flow's version")
    key: str = Field(examples=["MZ20261120001"], description="the hospital's own number")
    state: str = Field(examples=["registered"])
    status: Literal["ready", "waiting", "stuck", "closed"]
    cause: str | None = Field(default=None, examples=["refused"])
    waiting_for: str | None = None
    due_at: str | None = None
    opened_at: str
    updated_at: str
    events: int = Field(description="length of the journal")


class PeerLine(Shape):
    """How a peer stands."""

    peer: str = Field(examples=["jiangsu_gateway"])
    state: Literal["closed", "paused", "trial", "held"] = Field(
        description="closed: it is called; paused: it did not answer and is left alone; held: somebody stopped it"
    )
    since: str | None = None
    next_trial_at: str | None = None
    failures_in_a_row: int
    visits_waiting: int = Field(description="visits that wait for it in the store")
    concurrent: int | None = None
    rate: float | None = Field(default=None, description="calls a second")


class LegalAction(Shape):
    """What may be done now."""

    action: str
    target: str = ""
    needs: list[str] = []
    sends: list[str] = []


class Trouble(Shape):
    """Why a visit is stuck."""

    cause: str
    message: str
    since: str
    event: int
    evidence: dict[str, Any]


class Visit(VisitLine):
    """A visit with its data, cause and legal actions. Without ``visits.data`` personal values are masked."""

    data: dict[str, Any]
    stuck: Trouble | None = None
    open_call: dict[str, Any] | None = None
    path: list[str] = []
    actions: list[LegalAction] = []
    approvals: list[Approval] = []


class Approval(Shape):
    """A request that waits for, or has had, a second person."""

    approval: str
    visit: str
    action: str
    target: str = ""
    state: Literal["asked", "approved", "done", "failed", "refused", "expired"]
    asked_by: str
    asked_at: str
    reason: str
    expires_at: str
    decided_by: str | None = None
    decided_at: str | None = None
    remark: str | None = None


class Exchange(Shape):
    """One raw exchange with a peer; ``request`` and ``reply`` only where they were asked for."""

    exchange: str
    call: str
    at: str
    adapter: str
    operation: str
    status: str
    request_bytes: int
    reply_bytes: int | None = None
    request: str | None = None
    reply: str | None = None


class BatchPreview(Shape):
    """What a batch would do, and the token that confirms it."""

    batch: str
    state: str
    legal: int
    not_legal: int
    approval: int = Field(description="of the legal ones, how many need a second person")
    sample: list[str]
    token: str
    expires_at: str


class Batch(Shape):
    """A batch and how far it is."""

    batch: str
    action: str
    target: str = ""
    state: Literal["previewed", "running", "done", "stopped"]
    asked_by: str
    reason: str
    created_at: str
    finished_at: str | None = None
    counts: dict[str, int] = {}


class BatchItem(Shape):
    """What became of one visit of a batch."""

    number: int
    visit: str
    state: Literal["waiting", "done", "refused", "failed", "left_out", "approval"]
    code: str | None = None
    message: str | None = None
    at: str | None = None


class Delivery(Shape):
    """One message of the webhook."""

    delivery: str
    visit: str
    number: int
    seq: int
    event: str
    state: Literal["pending", "delivered", "dead"]
    attempts: int
    created_at: str
    next_at: str | None = None
    done_at: str | None = None


class ScheduleRan(Shape):
    """What a run that a person asked for came to."""

    result: Literal["opened", "already", "done"]
    told: str


class ScheduleRun(Shape):
    """One run of a schedule: of a moment, by ``clock`` or by a person."""

    run: str
    schedule: str
    due: str
    by: str
    reason: str
    began: str
    ended: str | None = None
    attempts: int
    result: Literal["running", "opened", "already", "done", "refused", "failed", "skipped", "broken"]
    told: str


class SchedulePaused(Shape):
    """Since when a schedule is paused, by whom and why."""

    at: str
    by: str
    reason: str


class ScheduleShown(Shape):
    """A schedule of flows.yaml: when it runs next, what the last run came to, who has paused it."""

    model_config = ConfigDict(extra="allow")  #: what flows.yaml declares of it stands beside

    name: str
    next_run: str | None = None
    moved_from: str | None = None
    moved_because: str | None = None
    paused: SchedulePaused | None = None
    late_seconds: int
    last_due: str
    last_key: str | None = None
    last_visit: dict[str, Any] | None = None
    last_run: ScheduleRun | None = None


class Session(Shape):
    """Who is signed in, and what they may do."""

    name: str
    role: str
    kind: Literal["key", "person", "open"]
    permissions: list[str]
    csrf: str | None = None


class Problem(Shape):
    """An error (RFC 9457). ``code`` is stable; ``title`` is for people."""

    type: str = Field(examples=["urn:visitflow:trigger_not_legal"])
    title: str
    status: int
    code: str = Field(examples=["trigger_not_legal"])
    field: str | None = Field(default=None, description="what is at fault")


class PatientHash(Shape):
    """A patient as the lists know one."""

    patient: str = Field(description="64 hex digits, for GET /visits?patient=")


Visit.model_rebuild()
