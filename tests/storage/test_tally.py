"""Counting visits: the same figures from every store."""

from __future__ import annotations

from typing import Any

import pytest

from engine.store import Status, Store
from storage.tally import Tally, tally
from tests.conftest import STORES
from tests.toy import refuse
from tests.world import World


@pytest.mark.parametrize("store_url", STORES, indirect=True)
async def test_visits_are_counted_by_flow_version_state_status_and_cause(store: Store) -> None:
    assert await tally(store) == []
    world = await World(store=store).start()
    for number in range(3):
        await world.open(f"K{number}")
    await world.run()
    world.peer.fail("register", refuse)
    await world.open("K9")
    await world.run()
    version = world.registry.current("toy.visit").version
    common: dict[str, Any] = {"flow": "toy.visit", "version": version}
    assert await tally(store) == [
        Tally(**common, state="read", status=Status.STUCK, cause="refused", visits=1),
        Tally(**common, state="registered", status=Status.WAITING, cause=None, visits=3),
    ]
