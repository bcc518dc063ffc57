"""The hospital of the console's tests on every store, with its facts drawn."""

from __future__ import annotations

from typing import Any, cast

import pytest

from engine.store import Store
from service.application import Application
from service.history.figures import Asking, figures
from service.history.reader import HistoryReader
from storage.history.questions import Period
from storage.registers import HistoryRegister, Registers
from tests.console.seed import Seed, seeded

EVER = Period("2000-01-01", "2099-12-31")


def registers_of(seed: Seed) -> Registers:
    assert seed.wired.registers is not None
    return seed.wired.registers


def history_of(seed: Seed) -> HistoryRegister:
    return registers_of(seed).history


def reader_of(seed: Seed) -> HistoryReader:
    return HistoryReader(cast(Application, seed.wired.application))


async def drawn(seed: Seed) -> None:
    """Number what is new, and let the reader take all of it in."""
    while await seed.desk.hub.publish():
        pass
    reader = reader_of(seed)
    while await reader.work():
        pass


async def rows(seed: Seed, topic: str, period: Period = EVER, **more: Any) -> list[dict[str, Any]]:
    return (await figures(topic, Asking(history_of(seed), period, **more))).rows


@pytest.fixture
async def hospital(store: Store) -> Seed:
    """The hospital on the store that the test is parametrised with."""
    seed = await seeded(store=store)
    await drawn(seed)
    return seed
