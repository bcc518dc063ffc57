"""A typed client of the HTTP API: one description of each call, carried out by :class:`Client` or :class:`AsyncClient`.

    with Client("http://127.0.0.1:8320", key) as client:
        visit = client.do(calls.open_visit("jiangsu.outpatient", "MZ0001", data))
        client.do(calls.trigger(visit.visit, "settle", {"invoice_no": "FP1"}))

A call that changes something carries an Idempotency-Key of its own, made once: it is sent again after a lost answer, a
dead connection or "try again later", and is carried out once all the same. A call that has none (confirming a batch,
approving) is never repeated by itself. What is refused raises :class:`ApiError`, which carries the problem.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar

import httpx
from pydantic import TypeAdapter

from engine.facts import dumps, normalise
from service import shapes

T = TypeVar("T")

#: How often a call is tried in all, and the longest pause between two tries, seconds.
TRIES, LONGEST_PAUSE = 5, 10.0
_AGAIN = frozenset((429, 502, 503, 504))
_AGAIN_CODES = frozenset(("visit_busy", "request_in_progress"))


class ApiError(Exception):
    """The service refused; ``problem`` says why, ``problem.code`` is stable."""

    def __init__(self, problem: shapes.Problem) -> None:
        super().__init__(f"{problem.status} {problem.code}: {problem.title}")
        self.problem = problem


class Unreachable(Exception):
    """No answer after all tries. A call with an Idempotency-Key may be made again with the same :class:`Plan`."""


@dataclass(frozen=True, slots=True)
class Plan(Generic[T]):
    """One call: what is sent, and what is expected. Doing the same plan again is the same request."""

    method: str
    path: str
    answer: TypeAdapter[T]
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str | int] = field(default_factory=dict)
    key: str | None = None  #: Idempotency-Key
    repeatable: bool = False  #: harmless to send again without a key

    @property
    def may_repeat(self) -> bool:
        """Tell whether sending it twice does it once."""
        return self.repeatable or self.key is not None


class calls:
    """The calls of the API. Each returns a plan; nothing is sent before a client does it."""

    @staticmethod
    def open_visit(flow: str, key: str, data: Mapping[str, Any], by: str = "") -> Plan[shapes.VisitLine]:
        """Open a visit: idempotent by flow and key."""
        body = {"flow": flow, "key": key, "data": dict(data), "by": by}
        return Plan("POST", "/visits", _LINE, body, repeatable=True)

    @staticmethod
    def visits(cursor: str | None = None, limit: int = 100, **chosen: str) -> Plan[list[shapes.VisitLine]]:
        """List visits; ``chosen``: flow, state, status, cause, key, patient, idle_for, older_than, younger_than."""
        query: dict[str, str | int] = {"limit": limit, **chosen}
        if cursor is not None:
            query["cursor"] = cursor
        return Plan("GET", "/visits", _LINES, query=query, repeatable=True)

    @staticmethod
    def visit(visit: str) -> Plan[shapes.Visit]:
        """Show a visit."""
        return Plan("GET", f"/visits/{visit}", _VISIT, repeatable=True)

    @staticmethod
    def journal(visit: str) -> Plan[list[dict[str, Any]]]:
        """Show a visit's events."""
        return Plan("GET", f"/visits/{visit}/journal", _OBJECTS, repeatable=True)

    @staticmethod
    def hand_over(
        visit: str, fees: Sequence[Mapping[str, Any]], void: Sequence[str] = (), by: str = ""
    ) -> Plan[shapes.VisitLine]:
        """Hand fee lines over."""
        body = {"fees": [dict(each) for each in fees], "void": list(void), "by": by}
        return Plan("POST", f"/visits/{visit}/fees", _LINE, body, key=new_key())

    @staticmethod
    def trigger(
        visit: str, trigger: str, data: Mapping[str, Any] | None = None, by: str = "", key: str | None = None
    ) -> Plan[shapes.VisitLine]:
        """Ask for a transition. ``key``: your own name for this request; default: a new one."""
        body = {"trigger": trigger, "data": dict(data or {}), "by": by}
        return Plan("POST", f"/visits/{visit}/trigger", _LINE, body, key=key or new_key())

    @staticmethod
    def act(
        visit: str, action: str, reason: str, by: str = "", **more: Any
    ) -> Plan[shapes.VisitLine | shapes.Approval]:
        """Resume, settle (verdict, data), reverse (state), cancel, correct (changes) or migrate (version) a visit.

        The answer is an Approval where another person has to agree first.
        """
        body = {"by": by, "reason": reason, **more}
        return Plan("POST", f"/visits/{visit}/{action}", _LINE_OR_APPROVAL, body, key=new_key())

    @staticmethod
    def approve(approval: str, reason: str, by: str = "") -> Plan[shapes.Approval]:
        """Approve what somebody else has asked for."""
        return Plan("POST", f"/approvals/{approval}/approve", _APPROVAL, {"reason": reason, "by": by})

    @staticmethod
    def preview(
        action: str, chosen: Mapping[str, str], reason: str, target: str = "", by: str = "", **data: Any
    ) -> Plan[shapes.BatchPreview]:
        """Look at what an action over a filter would do."""
        body = {"action": action, "filter": dict(chosen), "target": target, "data": data, "reason": reason, "by": by}
        return Plan("POST", "/batches", _PREVIEW, body, repeatable=True)

    @staticmethod
    def confirm(preview: shapes.BatchPreview, by: str = "") -> Plan[shapes.Batch]:
        """Let a preview run."""
        return Plan("POST", f"/batches/{preview.batch}/confirm", _BATCH, {"token": preview.token, "by": by})

    @staticmethod
    def batch(batch: str) -> Plan[shapes.Batch]:
        """Show how far a batch is."""
        return Plan("GET", f"/batches/{batch}", _BATCH, repeatable=True)

    @staticmethod
    def schedules() -> Plan[list[shapes.ScheduleShown]]:
        """List schedules: next run, last result, who has paused one."""
        return Plan("GET", "/schedules", _SCHEDULES, repeatable=True)

    @staticmethod
    def schedule_runs(schedule: str, cursor: str | None = None, limit: int = 100) -> Plan[list[shapes.ScheduleRun]]:
        """List a schedule's runs, newest first; ``cursor``: ``run`` of the last one that was seen."""
        query: dict[str, str | int] = {"limit": limit} | ({} if cursor is None else {"cursor": cursor})
        return Plan("GET", f"/schedules/{schedule}/runs", _RUNS, query=query, repeatable=True)

    @staticmethod
    def pause_schedule(schedule: str, reason: str, by: str = "") -> Plan[shapes.ScheduleShown]:
        """Pause a schedule in all processes."""
        return Plan("POST", f"/schedules/{schedule}/pause", _SCHEDULE, {"reason": reason, "by": by}, repeatable=True)

    @staticmethod
    def resume_schedule(schedule: str, reason: str, by: str = "") -> Plan[shapes.ScheduleShown]:
        """Let a schedule go on with its next moment."""
        return Plan("POST", f"/schedules/{schedule}/resume", _SCHEDULE, {"reason": reason, "by": by}, repeatable=True)

    @staticmethod
    def run_schedule(schedule: str, reason: str, by: str = "") -> Plan[shapes.ScheduleRan]:
        """Make a run of this moment; not repeated by itself, for a job has no key as a visit has."""
        return Plan("POST", f"/schedules/{schedule}/run", _RAN, {"reason": reason, "by": by})

    @staticmethod
    def patient_hash(number: str) -> Plan[shapes.PatientHash]:
        """Turn an identity number, a personal number or a name into what lists are filtered by."""
        return Plan("POST", "/patients/hash", TypeAdapter(shapes.PatientHash), {"number": number}, repeatable=True)


def new_key() -> str:
    """Return a new Idempotency-Key."""
    return secrets.token_urlsafe(18)


_LINE = TypeAdapter(shapes.VisitLine)
_LINES = TypeAdapter(list[shapes.VisitLine])
_VISIT = TypeAdapter(shapes.Visit)
_OBJECTS = TypeAdapter(list[dict[str, Any]])
_APPROVAL = TypeAdapter(shapes.Approval)
_LINE_OR_APPROVAL: TypeAdapter[shapes.VisitLine | shapes.Approval] = TypeAdapter(shapes.VisitLine | shapes.Approval)
_PREVIEW = TypeAdapter(shapes.BatchPreview)
_BATCH = TypeAdapter(shapes.Batch)
_SCHEDULE = TypeAdapter(shapes.ScheduleShown)
_SCHEDULES = TypeAdapter(list[shapes.ScheduleShown])
_RUNS = TypeAdapter(list[shapes.ScheduleRun])
_RAN = TypeAdapter(shapes.ScheduleRan)


class _Exchange(Generic[T]):
    """One plan being carried out: what to send, and what to make of what came back. Shared by both clients."""

    def __init__(self, plan: Plan[T]) -> None:
        self.plan = plan
        self.headers = {} if plan.key is None else {"Idempotency-Key": plan.key}
        self.content: bytes | None = None
        if plan.body is not None:
            self.headers["Content-Type"] = "application/json"
            self.content = dumps(normalise(dict(plan.body))).encode()
        self.left = TRIES if plan.may_repeat else 1

    def pause_after(self, response: httpx.Response | None) -> float | None:
        """Return the seconds to wait before the next try, or None when this was the last."""
        self.left -= 1
        if self.left <= 0 or (response is not None and not _is_transient(response)):
            return None
        told = "" if response is None else response.headers.get("retry-after", "")
        backed_off = 0.2 * 2 ** (TRIES - self.left)
        return min(LONGEST_PAUSE, float(told) if told.isdecimal() else backed_off) * random.uniform(0.8, 1.2)  # noqa: S311

    def result(self, response: httpx.Response) -> T:
        """Return the answer. Raises ApiError."""
        if response.is_success:
            return self.plan.answer.validate_json(response.content)
        try:
            problem = shapes.Problem.model_validate_json(response.content)
        except ValueError:  # a proxy's page, not ours
            status = response.status_code
            problem = shapes.Problem(type="about:blank", title="no problem document", status=status, code="unknown")
        raise ApiError(problem)


def _is_transient(response: httpx.Response) -> bool:
    if response.status_code in _AGAIN:
        return True
    return response.status_code == 409 and any(f'"{code}"' in response.text for code in _AGAIN_CODES)


class Client:
    """Carries plans out, one at a time."""

    def __init__(self, url: str, key: str = "", *, transport: httpx.BaseTransport | None = None) -> None:
        """``key``: the API key; ``transport`` is for tests."""
        self._http = httpx.Client(base_url=f"{url}/api/v1", headers=_headers(key), timeout=30, transport=transport)

    def do(self, plan: Plan[T]) -> T:
        """Carry a plan out. Raises ApiError, Unreachable."""
        exchange = _Exchange(plan)
        while True:
            response = None
            try:
                response = self._http.request(
                    plan.method, plan.path, params=plan.query, content=exchange.content, headers=exchange.headers
                )
            except httpx.TransportError as error:
                if (pause := exchange.pause_after(None)) is None:
                    raise Unreachable(type(error).__name__) from error
            else:
                if response.is_success or (pause := exchange.pause_after(response)) is None:
                    return exchange.result(response)
            time.sleep(pause)

    def every_visit(self, **chosen: str) -> Iterator[shapes.VisitLine]:
        """Yield all visits that a filter finds, page by page."""
        cursor = None
        while page := self.do(calls.visits(cursor, 500, **chosen)):
            yield from page
            cursor = page[-1].visit

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class AsyncClient:
    """Carries plans out, many at a time."""

    def __init__(self, url: str, key: str = "", *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``key``: the API key; ``transport`` is for tests."""
        self._http = httpx.AsyncClient(base_url=f"{url}/api/v1", headers=_headers(key), timeout=30, transport=transport)

    async def do(self, plan: Plan[T]) -> T:
        """Carry a plan out. Raises ApiError, Unreachable."""
        exchange = _Exchange(plan)
        while True:
            response = None
            try:
                response = await self._http.request(
                    plan.method, plan.path, params=plan.query, content=exchange.content, headers=exchange.headers
                )
            except httpx.TransportError as error:
                if (pause := exchange.pause_after(None)) is None:
                    raise Unreachable(type(error).__name__) from error
            else:
                if response.is_success or (pause := exchange.pause_after(response)) is None:
                    return exchange.result(response)
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


__all__ = ["ApiError", "AsyncClient", "Client", "Plan", "Unreachable", "calls", "new_key"]
