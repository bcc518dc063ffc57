"""The service asked for sixteen times what it can do: it says so, keeps what it accepted, and does not grow."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.loading.asking import Asker, ask, open_visits
from benchmarks.loading.found import missing
from benchmarks.loading.served import prepared, serving

pytestmark = pytest.mark.slow


def test_too_much_work_is_turned_away_and_what_is_accepted_is_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'load.db'}"
    site = prepared(tmp_path, url, 0)
    askers = [Asker(n, "") for n in range(48)]
    with serving(site, requests_at_once="6", requests_per_second="1000000", requests_burst="1000000") as served:
        asyncio.run(open_visits(served.host, served.port, askers, 2, "load"))
        calm = asyncio.run(ask(served.host, served.port, askers[:4], 1.5))
        flood = asyncio.run(ask(served.host, served.port, askers, 4.0, 16 * calm.rate))
        before, after = (max(served.memory.between(each.began, each.ended)) for each in (calm, flood))
    assert set(calm.statuses) <= {"200", "202", "409"}, "who asks for little is not turned away"
    assert set(flood.statuses) <= {"200", "202", "409", "503"}
    assert flood.statuses["503"] > 0, "48 at once, and 6 are let in"
    assert flood.without_retry_after == 0
    assert len(flood.accepted) > 0, "turning away is not all that it does"
    assert missing(url, tmp_path / "data" / "exchange.key", calm.accepted + flood.accepted) == []
    assert after < 1.25 * before
