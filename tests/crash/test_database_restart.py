"""The database server dies under a working worker and is started again: the worker goes on, no money moves twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from storage import upgrade
from tests import postgres
from tests.crash.hospital import eventually, hospital
from tests.postgres import OwnServer

LEASE = 1.5
MANY = 6


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("end", [OwnServer.kill, OwnServer.stop_immediately])
async def test_a_worker_outlives_its_database(tmp_path: Path, end: Callable[[OwnServer], None]) -> None:
    """Twice in one life, while settlements and their cancellations are in the air."""
    with postgres.own_server() as server, postgres.database(server.url) as url:
        upgrade(url)
        cancelled: set[str] = set()
        async with hospital(tmp_path, url) as place:
            worker = place.nursery.spawn(lease=LEASE)
            for life in range(2):
                paid = [f"PAID{life}{number}" for number in range(MANY)]
                for key in paid:
                    worker.order(key)
                    worker.wait_for("opened", key=key)
                await place.all_closed()
                struck, failed = place.struck("late_reply"), worker.figure("failed")
                for transaction in ("2207", "2208"):
                    place.fault(fault="late_reply", transaction=transaction, delay=0.8, times=MANY)
                for key in paid:
                    worker.order(key, cancel=True)
                cancelled |= set(paid)
                for key in (f"NEW{life}{number}" for number in range(MANY)):
                    worker.order(key)
                    worker.wait_for("opened", key=key)
                for key in paid:
                    worker.wait_for("cancelling", key=key)

                async def in_the_air(so_far: int = struck) -> bool:
                    return place.struck("late_reply") - so_far >= MANY

                await eventually(in_the_air, "settlements and cancellations are in the air")
                end(server)
                worker.wait_until(lambda line, so_far=failed: line.get("failed", 0) > so_far, "a commit fails")
                worker.order(f"WITHOUT{life}")
                assert "failed" in worker.wait_for("refused", key=f"WITHOUT{life}")["error"]
                server.start()
                await place.all_closed()
                place.control("DELETE", "/faults")
                assert await place.unannounced() == []
            worker.stop()
            await place.check(cancelled=frozenset(cancelled))
