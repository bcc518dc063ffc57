"""Schedules: how they stand, what their runs came to, and what persons do to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request

from service.api.bodies import Reasoned, documented
from service.api.desk import caller_of, desk_of, read
from service.application import Application
from service.scheduling import pause, resume, run_now, schedule_named, standings
from service.scheduling.standing import run_view, standing_view
from service.shapes import ScheduleRan, ScheduleRun, ScheduleShown

router = APIRouter(prefix="/api/v1", tags=["schedules"])
T = TypeVar("T")


@router.get("/schedules", responses={200: {"model": list[ScheduleShown]}})
async def list_schedules(request: Request) -> list[dict[str, Any]]:
    """List schedules: when each runs next, what the last run came to, who has paused it."""
    return [standing_view(each) for each in await standings(desk_of(request).application)]


@router.get("/schedules/{schedule}/runs", responses={200: {"model": list[ScheduleRun]}})
async def list_runs(
    request: Request,
    schedule: str,
    cursor: Annotated[str | None, Query(max_length=26)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """List a schedule's runs, newest first."""
    wired = desk_of(request).application
    schedule_named(wired, schedule)
    return [run_view(each) for each in await wired.registers.schedules.runs(schedule, cursor, limit)]


@router.post(
    "/schedules/{schedule}/pause", openapi_extra=documented(Reasoned), responses={200: {"model": ScheduleShown}}
)
async def pause_schedule(request: Request, schedule: str) -> dict[str, Any]:
    """Pause a schedule in all processes, across restarts; a run that is under way goes on."""
    await _done(request, "pause_schedule", schedule, pause)
    return await _shown(request, schedule)


@router.post(
    "/schedules/{schedule}/resume", openapi_extra=documented(Reasoned), responses={200: {"model": ScheduleShown}}
)
async def resume_schedule(request: Request, schedule: str) -> dict[str, Any]:
    """Let a schedule go on with its next moment; what fell into the pause is left out."""
    await _done(request, "resume_schedule", schedule, resume)
    return await _shown(request, schedule)


@router.post("/schedules/{schedule}/run", openapi_extra=documented(Reasoned), responses={200: {"model": ScheduleRan}})
async def run_schedule(request: Request, schedule: str) -> dict[str, Any]:
    """Make a run of this moment; its key holds the day, so that twice does no harm."""
    ran = await _done(request, "run_schedule", schedule, run_now)
    return {"result": ran.result, "told": ran.told}


async def _done(
    request: Request, action: str, schedule: str, deed: Callable[[Application, str, str, str], Awaitable[T]]
) -> T:
    body, desk, caller = await read(request, Reasoned), desk_of(request), caller_of(request)
    done = await deed(desk.application, schedule, caller.acting_for(body.by) or "open", body.reason)
    await desk.audit.by(caller, action, schedule, body.reason, told=body.by)
    return done


async def _shown(request: Request, schedule: str) -> dict[str, Any]:
    found = await standings(desk_of(request).application)
    return next(standing_view(each) for each in found if each.schedule.name == schedule)
