"""The service asked for sixteen times what it can do: it says so, keeps what it accepted, and does not grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.parts.load import Size, measured

pytestmark = pytest.mark.slow


def test_too_much_work_is_turned_away_and_what_is_accepted_is_kept(tmp_path: Path) -> None:
    size = Size(seconds=2, search=1, askers=48, clients=1, visits=2)
    found = measured("SQLite", f"sqlite:///{tmp_path / 'load.db'}", tmp_path, size, requests_at_once="6")
    most = found.phases[-1]
    assert set(most.statuses) <= {"200", "202", "409", "429", "503"}
    assert most.statuses["429"] + most.statuses["503"] > 0, "48 at once, and 6 are let in"
    assert sum(phase.without_retry_after for phase in found.phases) == 0
    assert len(most.accepted) > 0, "turning away is not all that it does"
    assert found.missing == 0
    assert found.memory[-1][1] < 1.25 * found.memory[0][1]
