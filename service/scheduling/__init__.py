"""Runs what flows.yaml schedules (ADR 35).

One process at a time keeps the time (``scheduler``, ``timekeeping``: APScheduler over our own job store); how far each
schedule has come and every run are rows. ``runs`` makes a run once, whoever asks; ``judging`` says what becomes of
moments that were missed; ``hand`` is what persons do; ``standing`` is what they see; ``checking`` comes before all.
"""

from service.scheduling.checking import check_schedules, day_before, visit_of
from service.scheduling.hand import pause, resume, run_now, schedule_named
from service.scheduling.runs import Ran
from service.scheduling.scheduler import Scheduler
from service.scheduling.standing import ScheduleStanding, standings

__all__ = [
    "Ran",
    "ScheduleStanding",
    "Scheduler",
    "check_schedules",
    "day_before",
    "pause",
    "resume",
    "run_now",
    "schedule_named",
    "standings",
    "visit_of",
]
