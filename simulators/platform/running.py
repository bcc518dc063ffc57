"""Plays: one at a time for whoever asks, or many at random from a seed at a rate."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulators.platform.outgoing import Hospital
from simulators.platform.platform import Platform
from simulators.platform.plays import PLAYS
from simulators.platform.plays.stage import Nothing, Stage
from simulators.platform.settling import Settling

_MIX = {"pay_bill": 5, "top_up": 3, "deposit": 1}
_KEPT = 1000  #: results of single plays


@dataclass
class Run:
    """Many businesses at random."""

    count: int
    seed: int
    started: int = 0
    finished: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def told(self) -> dict[str, Any]:
        """Return how far it is."""
        rate = self.finished / self.seconds if self.seconds else 0.0
        return {
            "count": self.count,
            "seed": self.seed,
            "started": self.started,
            "finished": self.finished,
            "done": self.finished == self.count,
            "fates": dict(self.fates),
            "seconds": round(self.seconds, 3),
            "per_second": round(rate, 1),
        }


class Runner:
    """Starts businesses; those of one patient one after the other."""

    def __init__(self, platform: Platform, hospital: Hospital) -> None:
        """Nothing runs yet."""
        self.platform, self.hospital = platform, hospital
        self.stage = Stage(platform, hospital, Settling(platform, hospital))
        self.plays: dict[str, dict[str, Any]] = {}
        self.runs: list[Run] = []
        self._busy: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def play(self, body: Any) -> dict[str, Any]:
        """``POST /play``: ``business``, ``patient`` (1 or P1), its options; ``wait`` false: see ``GET /plays``."""
        options = dict(body) if isinstance(body, dict) else {}
        business, patient = str(options.pop("business", "")), _patient(options.pop("patient", 1))
        if business not in PLAYS:
            raise ValueError(f"business must be one of {', '.join(sorted(PLAYS))}")
        wait = options.pop("wait", True)
        number = f"PLAY{len(self.plays) + 1}"
        self.plays[number] = {"play": number, "business": business, "patient": patient, "fate": "running"}
        task = self._start(self._one(number, business, patient, options))
        if not wait:
            return self.plays[number]
        await task
        return self.plays[number]

    async def _one(self, number: str, business: str, patient: int, options: Mapping[str, Any]) -> None:
        shown = self.plays[number]
        try:
            async with self._busy[patient]:
                shown |= await PLAYS[business](self.stage, patient, options)
        except Nothing as nothing:
            shown |= {"fate": "nothing", "reason": nothing.reason, "code": nothing.code}
        except (ValueError, LookupError, TypeError) as error:
            shown |= {"fate": "error", "reason": f"{type(error).__name__}: {error}"}
        if len(self.plays) > _KEPT:
            self.plays.pop(next(iter(self.plays)))

    def run(self, body: Any) -> dict[str, Any]:
        """``POST /run``: ``count``, ``rate`` a second (0: as fast as it goes), ``seed``, ``concurrency``, ``mix``."""
        options = dict(body) if isinstance(body, dict) else {}
        mix = {str(name): int(weight) for name, weight in options.get("mix", _MIX).items()}
        if unknown := set(mix) - set(PLAYS):
            raise ValueError(f"no such business: {', '.join(sorted(unknown))}")
        run = Run(int(options.get("count", 100)), int(options.get("seed", 1)))
        self.runs.append(run)
        rate, width = float(options.get("rate", 0)), int(options.get("concurrency", 64))
        self._start(self._many(run, mix, rate, width))
        return run.told()

    async def _many(self, run: Run, mix: Mapping[str, int], rate: float, width: int) -> None:
        dice, loop = random.Random(run.seed), asyncio.get_running_loop()  # noqa: S311 - dice, not secrets
        begun, gate = loop.time(), asyncio.Semaphore(width)
        patients = list(self.platform.people)
        names, weights = list(mix), list(mix.values())

        async def one(business: str, patient: int) -> None:
            try:
                async with self._busy[patient]:
                    result = await PLAYS[business](self.stage, patient, {})
                run.fates[str(result["fate"])] += 1
            except (Nothing, ValueError, LookupError, TypeError) as error:
                run.fates[type(error).__name__] += 1
            finally:
                gate.release()
                run.finished += 1
                run.seconds = loop.time() - begun

        for number in range(run.count):
            await gate.acquire()
            if rate and (ahead := begun + number / rate - loop.time()) > 0:
                await asyncio.sleep(ahead)
            [business], patient = dice.choices(names, weights), dice.choice(patients)
            run.started += 1
            self._start(one(business, patient))

    def resume(self) -> int:
        """Go on with what was under way when the platform stopped."""
        unfinished = self.stage.settling.unfinished()
        for each in unfinished:
            self._start(each)
        return len(unfinished)

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _patient(value: Any) -> int:
    return int(str(value).removeprefix("P"))
