"""The store as a process sees it: slow, refusing, full, or gone just after it has written."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from engine.errors import StoreError
from storage import MemoryStore
from tests.simulation.fate import Fate

_WRITES = (
    *("open", "append", "claim", "claim_due", "claim_among", "renew", "release", "register", "expire_worker"),
    *("save_flow", "reserve", "replace_projection"),
)
_FAULTS = ("refused", "answer_lost")


class Disk:
    """One process's connection to the shared store; every method of the store, with a way there and a way back."""

    def __init__(self, store: MemoryStore, fate: Fate, name: str) -> None:
        self._store = store
        self._fate = fate
        self._name = name
        self.figures = store.figures
        self.full_until = 0.0

    def __getattr__(self, method: str) -> Callable[..., Any]:
        ordinary = getattr(self._store, method)
        if not inspect.iscoroutinefunction(ordinary):
            return ordinary  # type: ignore[no-any-return]
        writes = method in _WRITES

        async def call(*arguments: Any) -> Any:
            fate, place = self._fate, f"{self._name}.{method}"
            await asyncio.sleep(fate.between("disk", 0.0002, 0.004))
            if asyncio.get_running_loop().time() < self.full_until and writes and not fate.healed:
                raise StoreError("the disk is full")
            fault = fate.fault(place, 0.01 if writes else 0.002, _FAULTS)
            if fault == "refused":
                raise StoreError("the write was refused")
            result = await ordinary(*arguments)
            await asyncio.sleep(fate.between("disk", 0.0002, 0.004))
            if fault == "answer_lost":
                raise StoreError("the connection was lost")
            return result

        return call
