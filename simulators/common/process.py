"""A simulator as a process: two ports, one ready line, until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from simulators.common.http import Handler, Server


def arguments(program: str, description: str, epilog: str, port: int) -> argparse.ArgumentParser:
    """Return the parser of what every simulator takes; ``port`` and the next are the defaults."""
    parser = argparse.ArgumentParser(
        *(program, None, description, epilog), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port, help="the protocol; 0 picks a free port")
    parser.add_argument("--control-port", type=int, default=port + 1, help="faults and ledger; 0 picks a free port")
    parser.add_argument("--data", type=Path, help="folder of the centre's books; without it, memory only")
    parser.add_argument("--ready-file", type=Path, help="write the ready line here as well")
    return parser


def run(
    given: argparse.Namespace,
    protocol: Handler,
    control: Handler,
    urls: Callable[[str], Mapping[str, str]],
    begin: Callable[[], object] | None = None,
) -> None:
    """Serve until SIGTERM. ``urls`` says what the ready line tells of the protocol's address.

    ``begin`` is called once it serves: a peer that does something of its own accord goes on with it.
    """
    asyncio.run(_serve(given, protocol, control, urls, begin))


async def _serve(
    given: argparse.Namespace,
    protocol: Handler,
    control: Handler,
    urls: Callable[[str], Mapping[str, str]],
    begin: Callable[[], object] | None,
) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    servers = Server(protocol), Server(control)
    port = await servers[0].start(given.host, given.port)
    control_port = await servers[1].start(given.host, given.control_port)
    ready: dict[str, Any] = {
        "event": "ready",
        "pid": os.getpid(),
        **urls(f"http://{given.host}:{port}"),
        "control": f"http://{given.host}:{control_port}",
    }
    _tell(json.dumps(ready), given.ready_file)
    if begin is not None:
        begin()
    await stop.wait()
    for server in servers:
        await server.stop()


def _tell(ready: str, path: Path | None) -> None:
    print(ready, flush=True)
    if path is not None:
        partial = path.with_suffix(".partial")
        partial.write_text(ready, encoding="utf-8")
        partial.replace(path)
