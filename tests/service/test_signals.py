"""Being told to stop, also by a loop that takes no signal handlers (Windows)."""

from __future__ import annotations

import asyncio
import signal

import pytest

from service.cli.serve import stop_on_signals
from tests.patience import PATIENCE


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("windows", [False, True])
async def test_a_signal_stops(monkeypatch: pytest.MonkeyPatch, name: signal.Signals, windows: bool) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    if windows:

        def refuse(*_: object) -> None:
            raise NotImplementedError

        monkeypatch.setattr(loop, "add_signal_handler", refuse)
    try:
        stop_on_signals(loop, stop)
        signal.raise_signal(name)
        await asyncio.wait_for(stop.wait(), PATIENCE)
    finally:
        for each, handler in before.items():
            if not windows:
                loop.remove_signal_handler(each)
            signal.signal(each, handler)
