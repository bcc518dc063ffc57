"""How due visits find a worker: looked for by each worker (embedded), or told by jobs in PostgreSQL (procrastinate)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from engine.dispatch import Dispatch, Polling
from engine.environment import Environment
from engine.errors import BadInput
from service.settings import Settings
from storage import Wakes


@dataclass(frozen=True, slots=True)
class Chosen:
    """A dispatch, and whom the store tells what it makes due."""

    dispatch: Dispatch
    wakes: Wakes | None = None
    check: Callable[[], None] = lambda: None  #: raises SchemaOutdated where the tables of its jobs are not as needed


def choose(settings: Settings, environment: Environment) -> Chosen:
    """Return what the settings ask for. Raises BadInput where that cannot work here."""
    if settings.dispatch == "embedded":
        return Chosen(Polling())
    require_fleet(settings)
    from service.dispatch.fleet import Fleet, FleetSettings
    from service.dispatch.jobs import Jobs
    from service.dispatch.schema import require_jobs

    url, fleet = settings.store_url, FleetSettings(stalled=max(5.0, settings.lease_seconds))
    jobs = Jobs(environment.now, horizon=fleet.horizon)
    return Chosen(Fleet(url, environment, fleet), jobs, lambda: require_jobs(url))


def require_fleet(settings: Settings) -> None:
    """Raise BadInput unless jobs can be kept beside the visits."""
    if not settings.store_url.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        raise BadInput("dispatch by procrastinate needs a store on PostgreSQL", field="VISITFLOW_DISPATCH")
    if sys.platform == "win32":  # psycopg's asynchronous connections do not work on the loop that services have there
        raise BadInput("dispatch by procrastinate does not run on Windows", field="VISITFLOW_DISPATCH")
    if find_spec("procrastinate") is None:
        raise BadInput("procrastinate is not installed: pip install 'visitflow[fleet]'", field="VISITFLOW_DISPATCH")


__all__ = ["Chosen", "choose", "require_fleet"]
