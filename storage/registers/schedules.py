"""How far schedules have come, and a record of their runs.

That no schedule runs twice at once is the database's own word: ``open_key`` is unique, and holds the schedule's name
while a run is under way. A run of the clock is begun only by the process that holds the lease of the clock, looked at
in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import case, delete, select, update
from sqlalchemy.engine import Connection

from engine.environment import Micros
from storage.registers.database import Database, one, records, table_of, touched
from storage.registers.leases import Lease, held
from storage.service_tables import ScheduleRow, ScheduleRunRow

_schedules: Any = table_of(ScheduleRow)
_runs: Any = table_of(ScheduleRunRow)

#: Who makes the runs that nobody asked for.
CLOCK = "clock"
#: What a run whose process ended came to, where nobody makes it again.
BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """How far a schedule has come, and who has paused it."""

    name: str
    through: Micros
    next_at: Micros | None = None
    paused_at: Micros | None = None
    paused_by: str | None = None
    paused_why: str | None = None


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """One run. ``result`` is None while it is under way."""

    run_id: str
    schedule: str
    due_at: Micros
    made_by: str
    reason: str
    began_at: Micros
    holder: str
    held_until: Micros
    attempts: int = 1
    ended_at: Micros | None = None
    result: str | None = None
    told: str = ""


class Begun(StrEnum):
    """What became of the wish to begin a run."""

    BEGUN = "begun"
    NOT_OURS = "not_ours"  #: another process keeps the time by now
    PAUSED = "paused"
    BUSY = "busy"  #: another run of this schedule is under way
    BEFORE = "before"  #: the run of this moment has been made


class ScheduleRegister:
    """States and runs of schedules."""

    def __init__(self, database: Database) -> None:
        """Keep them in ``database``."""
        self._database = database

    # -- states
    async def states(self) -> dict[str, ScheduleState]:
        """Return what is known of schedules, by name; also of ones that flows.yaml does not declare any more."""
        found = await self._database.read(lambda connection: records(ScheduleState, connection, select(_schedules)))
        return {each.name: each for each in found}

    async def declare(self, state: ScheduleState) -> None:
        """Write down a schedule that this store has not seen; one that it has stays as it is."""
        fresh = self._database.insert(_schedules).values(asdict(state))
        statement = fresh.on_conflict_do_nothing(index_elements=["name"])
        await self._database.write(lambda connection: touched(connection, statement))

    async def plan(self, lease: Lease, now: Micros, next_at: Mapping[str, Micros | None]) -> None:
        """Write down when schedules run next, as the process that keeps the time has planned it."""

        def work(connection: Connection) -> None:
            if held(self._database, connection, lease, now):
                for name, at in next_at.items():
                    connection.execute(update(_schedules).where(_schedules.c.name == name).values(next_at=at))

        await self._database.write(work)

    async def set_through(self, name: str, through: Micros) -> None:
        """Say how far a schedule has come: back, when the clock was set back."""
        statement = update(_schedules).where(_schedules.c.name == name).values(through=through)
        await self._database.write(lambda connection: touched(connection, statement))

    async def pause(self, name: str, now: Micros, by: str, reason: str) -> bool:
        """Pause a schedule; False when it is paused already. It must have been declared."""
        statement = (
            update(_schedules)
            .where(_schedules.c.name == name, _schedules.c.paused_at.is_(None))
            .values(paused_at=now, paused_by=by, paused_why=reason)
        )
        return await self._database.write(lambda connection: touched(connection, statement))

    async def resume(self, name: str, now: Micros) -> bool:
        """Let a paused schedule go on; what fell into the pause is not caught up with. False when it is not paused."""
        statement = (
            update(_schedules)
            .where(_schedules.c.name == name, _schedules.c.paused_at.is_not(None))
            .values(
                paused_at=None,
                paused_by=None,
                paused_why=None,
                through=case((_schedules.c.through > now, _schedules.c.through), else_=now),
            )
        )
        return await self._database.write(lambda connection: touched(connection, statement))

    # -- runs
    async def begin(self, run: ScheduleRun, lease: Lease | None) -> tuple[Begun, ScheduleRun | None]:
        """Begin a run: of the clock under its ``lease``, of a person with None.

        A run of the same moment whose process is silent is taken over, and returned as it stands then.
        """

        def work(connection: Connection) -> tuple[Begun, ScheduleRun | None]:
            if lease is not None:
                if not held(self._database, connection, lease, run.began_at):
                    return Begun.NOT_OURS, None
                paused = select(_schedules.c.paused_at).where(_schedules.c.name == run.schedule)
                if connection.execute(paused).scalar() is not None:
                    return Begun.PAUSED, None
            same = select(_runs).where(_runs.c.schedule == run.schedule, _runs.c.due_at == run.due_at)
            if (found := one(ScheduleRun, connection, same)) is not None:
                return self._again(connection, found, run)
            connection.execute(_broken(run.began_at).where(_runs.c.schedule == run.schedule))
            fresh = self._database.insert(_runs).values(asdict(run) | {"open_key": run.schedule})
            if not touched(connection, fresh.on_conflict_do_nothing(index_elements=["open_key"])):
                return Begun.BUSY, None
            connection.execute(update(_schedules).where(_schedules.c.name == run.schedule).values(last_run=run.run_id))
            return Begun.BEGUN, run

        return await self._database.write(work)

    def _again(self, connection: Connection, found: ScheduleRun, run: ScheduleRun) -> tuple[Begun, ScheduleRun | None]:
        if found.result not in (None, BROKEN):
            return Begun.BEFORE, found
        other = select(_runs.c.run_id).where(_runs.c.open_key == run.schedule, _runs.c.run_id != found.run_id)
        under_way = found.result is None and found.held_until > run.began_at
        if under_way or connection.execute(other).first() is not None:
            return Begun.BUSY, None
        changes: dict[str, Any] = {
            "holder": run.holder,
            "held_until": run.held_until,
            "attempts": found.attempts + 1,
            "ended_at": None,
            "result": None,
        }
        as_found = (_runs.c.run_id == found.run_id, _runs.c.attempts == found.attempts)
        taken = update(_runs).where(*as_found).values(**changes, open_key=run.schedule)
        return (Begun.BEGUN, replace(found, **changes)) if touched(connection, taken) else (Begun.BUSY, None)

    async def hold(self, run: ScheduleRun, until: Micros) -> bool:
        """Say that a run is still under way; False when another process has taken it over or given it up."""
        statement = update(_runs).where(*_mine(run)).values(held_until=until)
        return await self._database.write(lambda connection: touched(connection, statement))

    async def end(self, run: ScheduleRun, now: Micros, result: str, told: str, through: Micros | None) -> bool:
        """Write down what a run came to and, with ``through``, how far its schedule has come; False if not ours."""
        ended = {"ended_at": now, "result": result, "told": told, "open_key": None}

        def work(connection: Connection) -> bool:
            if not touched(connection, update(_runs).where(*_mine(run)).values(ended)):
                return False
            if through is not None:
                connection.execute(_come(run.schedule, through))
            return True

        return await self._database.write(work)

    async def pass_by(self, run: ScheduleRun | None, name: str, through: Micros, lease: Lease, now: Micros) -> bool:
        """Go past moments without running them; ``run``, if given, records why. False when the lease is lost."""

        def work(connection: Connection) -> bool:
            if not held(self._database, connection, lease, now):
                return False
            if run is not None:
                insert = self._database.insert(_runs).values(asdict(run) | {"open_key": None})
                connection.execute(insert.on_conflict_do_nothing())
            connection.execute(_come(name, through))
            return True

        return await self._database.write(work)

    async def give_up(self, now: Micros) -> int:
        """End runs of persons whose process is silent: nobody makes them again. Return how many."""
        statement = _broken(now).where(_runs.c.made_by != CLOCK)
        return await self._database.write(lambda connection: int(connection.execute(statement).rowcount))

    async def runs(self, schedule: str | None, before: str | None, limit: int) -> list[ScheduleRun]:
        """Return runs, newest first."""
        statement = select(_runs).order_by(_runs.c.run_id.desc()).limit(limit)
        if schedule is not None:
            statement = statement.where(_runs.c.schedule == schedule)
        if before is not None:
            statement = statement.where(_runs.c.run_id < before)
        return await self._database.read(lambda connection: records(ScheduleRun, connection, statement))

    async def last(self) -> dict[str, ScheduleRun]:
        """Return the newest run of each schedule, under way or not; of those that were made, not left out."""
        statement = select(_runs).join(_schedules, _schedules.c.last_run == _runs.c.run_id)
        found = await self._database.read(lambda connection: records(ScheduleRun, connection, statement))
        return {each.schedule: each for each in found}

    async def forget(self, before: Micros) -> None:
        """Forget runs that ended before; the newest of each schedule stays."""
        newest = select(_schedules.c.last_run).where(_schedules.c.last_run.is_not(None))
        statement = delete(_runs).where(_runs.c.ended_at < before, _runs.c.run_id.not_in(newest))
        await self._database.write(lambda connection: touched(connection, statement))


def _mine(run: ScheduleRun) -> tuple[Any, ...]:
    """Return what tells that a run is still this holder's: whoever takes it over counts one attempt more."""
    return (
        _runs.c.run_id == run.run_id,
        _runs.c.holder == run.holder,
        _runs.c.attempts == run.attempts,
        _runs.c.result.is_(None),
    )


def _broken(now: Micros) -> Any:
    """Return what ends runs whose process has been silent."""
    ended = {"ended_at": now, "result": BROKEN, "told": "", "open_key": None}
    return update(_runs).where(_runs.c.result.is_(None), _runs.c.held_until <= now).values(ended)


def _come(name: str, through: Micros) -> Any:
    return update(_schedules).where(_schedules.c.name == name, _schedules.c.through < through).values(through=through)
