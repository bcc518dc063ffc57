"""Whether all that was accepted stands in the journals, read by the store itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from engine.events import Triggered, decode
from storage import Vault, open_store


def missing(store_url: str, key_file: Path, accepted: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the accepted requests, by visit and name, that no journal holds."""
    wanted: dict[str, set[str]] = {}
    for visit, name in accepted:
        wanted.setdefault(visit, set()).add(name)

    keys = key_file.read_text(encoding="ascii").strip()

    async def look() -> list[tuple[str, str]]:
        store = open_store(store_url, Vault.parse(keys))
        await store.start()
        gone: list[tuple[str, str]] = []
        try:
            for visit, names in wanted.items():
                events = [decode(stored.payload) for stored in await store.journal(visit)]
                by = {event.by.rpartition("/")[2] for event in events if isinstance(event, Triggered)}
                gone += [(visit, name) for name in sorted(names - by)]
        finally:
            await store.close()
        return gone

    return asyncio.run(look())
