"""What befalls a fleet, and when: drawn from a seed before anything runs, so that the same seed brings the same again.

The seed fixes the troubles, their times, and the visits. Processes, disks and networks are real: what they do in
between is not the seed's.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

#: How often each trouble is drawn, relative to the others.
_WORKER: Mapping[str, int] = {"kill": 30, "stop": 25, "cut": 20, "hold": 15}
_CABLE: Mapping[str, int] = {"unplug": 20}  #: only where workers have networks of their own
_DATABASE: Mapping[str, int] = {"kill_database": 1, "stop_database": 1}
#: Seconds between two troubles of workers, and of the database.
_GAP, _DATABASE_GAP = (1.0, 4.0), (25.0, 45.0)
#: What goes wrong at the centre, beside: the first and the last answer of a write.
_FAULTS = ("lose_reply", "lose_request", "late_reply", "garbage", "http_500")
_WRITES = ("2201", "2204", "2207", "2208", "2202")


@dataclass(frozen=True, slots=True)
class Trouble:
    """``at`` seconds after the beginning, for ``lasts`` seconds; ``worker`` counts from 0."""

    at: float
    kind: str
    worker: int
    lasts: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a seed comes to."""

    seconds: float
    troubles: list[Trouble]
    faults: list[tuple[float, dict[str, object]]]  #: set at the centre, and when
    opened: dict[str, float]  #: keys of visits, and when the HIS opens them
    by_worker: frozenset[str]  #: of these, opened at a worker; others at a process that moves none
    cancelled: frozenset[str]
    workers: int
    lease: float


def plan(seed: int, *, seconds: float, visits: int, workers: int, lease: float, cables: bool = False) -> Plan:
    """Draw a plan; troubles end a while before ``seconds`` are over."""
    fate = random.Random(f"fleet {seed}")
    kinds = {**_WORKER, **_CABLE} if cables else _WORKER
    troubles: list[Trouble] = []
    at = 2.0
    while (at := at + fate.uniform(*_GAP)) < seconds:
        kind = fate.choices(list(kinds), list(kinds.values()))[0]
        lasts = fate.uniform(1.2, 3.0) * lease if kind in ("stop", "unplug") else fate.uniform(0.3, 6.0)
        troubles.append(Trouble(at, kind, fate.randrange(workers), lasts))
    at = 0.0
    while (at := at + min(fate.uniform(*_DATABASE_GAP), seconds / 2)) < seconds:
        kind = fate.choices(list(_DATABASE), list(_DATABASE.values()))[0]
        troubles.append(Trouble(at, kind, 0, fate.uniform(0.2, 3.0)))
    faults: list[tuple[float, dict[str, object]]] = []
    at = 0.0
    while (at := at + fate.uniform(0.5, 2.0)) < seconds:
        fault = {"fault": fate.choice(_FAULTS), "transaction": fate.choice(_WRITES), "times": fate.randint(1, 3)}
        faults.append((at, fault | {"delay": round(fate.uniform(0.2, 2.5), 2)}))
    opened = {f"F{number:05d}": fate.uniform(0, seconds * 0.9) for number in range(visits)}
    return Plan(
        seconds,
        sorted(troubles, key=lambda each: each.at),
        faults,
        dict(sorted(opened.items(), key=lambda each: each[1])),
        frozenset(key for key in opened if fate.random() < 0.3),
        frozenset(key for key in opened if fate.random() < 0.2),
        workers,
        lease,
    )
