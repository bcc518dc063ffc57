"""``python -m simulators.jiangsu``: the process."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from pathlib import Path

from simulators.jiangsu.book import Book
from simulators.jiangsu.control import Control
from simulators.jiangsu.faults import Faults
from simulators.jiangsu.gateway import Gateway
from simulators.jiangsu.http import Request, Response, Server
from simulators.jiangsu.numbers import read_json, write_json

PATH = "/api/entry/workinjury"


def main() -> None:
    """Read the command line and serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="simulators.jiangsu", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8321, help="gateway protocol; 0 picks a free port")
    parser.add_argument("--control-port", type=int, default=8322, help="faults and ledger; 0 picks a free port")
    parser.add_argument("--data", type=Path, help="folder of the centre's books; without it, memory only")
    parser.add_argument("--ready-file", type=Path, help="write the ready line here as well")
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> None:
    gateway = Gateway(book=None if arguments.data is None else Book(arguments.data))
    faults = Faults()

    async def protocol(request: Request) -> Response | None:
        if request.method != "POST" or request.path != PATH:
            return Response(b"not found", status=404, content_type="text/plain")
        try:
            body = read_json(request.body)
        except (ValueError, RecursionError):
            body = None
        fault = faults.take(body)
        if fault is not None:
            return await faults.strike(fault, lambda: gateway.handle(body))
        return Response(write_json(gateway.handle(body)).encode())

    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    servers = Server(protocol), Server(Control(gateway, faults).handle)
    port = await servers[0].start(arguments.host, arguments.port)
    control = await servers[1].start(arguments.host, arguments.control_port)
    ready = json.dumps(
        {
            "event": "ready",
            "pid": os.getpid(),
            "url": f"http://{arguments.host}:{port}{PATH}",
            "control": f"http://{arguments.host}:{control}",
        }
    )
    print(ready, flush=True)
    if arguments.ready_file is not None:
        partial = arguments.ready_file.with_suffix(".partial")
        partial.write_text(ready, encoding="utf-8")
        partial.replace(arguments.ready_file)
    await stop.wait()
    for server in servers:
        await server.stop()


if __name__ == "__main__":
    main()
