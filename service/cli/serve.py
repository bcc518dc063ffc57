"""``visitflow serve``: the runner and the HTTP API in one process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvicorn

from engine.errors import BadInput
from service.api import build_api
from service.application import application
from service.cli.console import out, settings
from service.schedules import Scheduler
from service.settings import Settings
from service.tuning import tune_collector

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; loopback only, for now.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 picks a free one.")] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Write {pid, url} here once the service answers; for supervisors and tests.")
    ] = None,
) -> None:
    """Run the engine and the HTTP API until SIGTERM or Ctrl-C; then finish or park what is in the air.

    Example: `visitflow serve --port 8320`
    """
    chosen = settings()
    if host is not None:
        chosen.host = host
    if port is not None:
        chosen.port = port
    if chosen.host not in LOOPBACK:
        message = f"{chosen.host}: there is no authentication yet, so serve listens on loopback only"
        raise BadInput(message, field="host")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=False),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    asyncio.run(_serve(chosen, ready_file))


async def _serve(chosen: Settings, ready_file: Path | None) -> None:
    log = structlog.get_logger("visitflow.service")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with application(chosen, prove_new=True) as wired:
        schedules = Scheduler(wired)
        config = uvicorn.Config(
            build_api(wired),
            host=chosen.host,
            port=chosen.port,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
        server = _Server(config)
        listening = asyncio.create_task(server.serve())
        while not server.started:
            if listening.done():
                await listening
                raise BadInput(f"cannot listen on {chosen.host}:{chosen.port}", field="port")
            await asyncio.sleep(0.02)
        url = f"http://{chosen.host}:{server.servers[0].sockets[0].getsockname()[1]}"
        tune_collector()
        await wired.runner.start()
        schedules.start()
        log.info("serving", url=url, flows=wired.registry.names, took_over=wired.runner.figures.taken_over)
        if ready_file is not None:
            partial = ready_file.with_suffix(".partial")
            partial.write_text(json.dumps({"pid": os.getpid(), "url": url}), encoding="utf-8")
            partial.replace(ready_file)
        out.print(f"visitflow {url}  ({', '.join(wired.registry.names)})", markup=False)
        await stop.wait()
        log.info("stopping", in_flight=wired.runner.in_flight)
        await schedules.stop()
        await wired.runner.stop()
        server.should_exit = True
        await listening
        log.info("stopped")


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers of its own: stopping is the service's business."""

    def install_signal_handlers(self) -> None:
        """Install none."""
