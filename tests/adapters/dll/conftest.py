"""A shared library, compiled for the tests, and desks that use it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.jiangsu.dll import JiangsuDll
from simulators.common.http import Handler, Server
from tests.adapters.dll.peer import Desk, Peer

MakeDesk = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def make_desk(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeDesk]:
    opened: list[Desk] = []

    async def make(handler: Handler | None = None, **settings: Any) -> Desk:
        peer = Peer()
        server = Server(handler or peer.handle)
        monkeypatch.setenv("VF_DLL_PORT", str(await server.start("127.0.0.1", 0)))
        monkeypatch.setenv("VF_DLL_FAULTS", str(tmp_path / "faults"))
        given = {"library": str(library), "fixmedins_code": "H32132200561", "shortest_call": 0.1} | settings
        desk = Desk(JiangsuDll.from_settings(given), peer, tmp_path / "faults", server)
        opened.append(desk)
        return desk

    yield make
    for desk in opened:
        await desk.adapter.close()
        await desk.server.stop()


@pytest.fixture
async def desk(make_desk: MakeDesk) -> Desk:
    return await make_desk()
