"""The same seven-step visit as a handler of Restate's, in processes apart: ``python -m benchmarks.restate_run JSON``.

It needs Restate's server (npm: ``@restatedev/restate-server``; VISITFLOW_BENCH_RESTATE names the program) and the
packages ``restate-sdk`` and ``hypercorn``. A visit is a key of a virtual object, which Restate moves one call at a
time; a step is a ``run`` block, durable when its result is. Nothing is written before the call. The measured time
begins with the first request and ends with the last answer.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from benchmarks.apart import tree_cpu
from benchmarks.flow import STEPS

_READY = 60.0


@dataclass(frozen=True, slots=True)
class RestateLoad:
    """How many visits, and how many at once."""

    visits: int
    concurrency: int


def server() -> str | None:
    """Return the program of Restate's server, None where it or its packages are not installed."""
    if find_spec("restate") is None or find_spec("hypercorn") is None:
        return None
    return shutil.which(os.environ.get("VISITFLOW_BENCH_RESTATE", "restate-server"))


def version() -> str:
    """Return what the server says of itself."""
    program = server()
    assert program is not None
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()


@dataclass(frozen=True, slots=True)
class RestateMeasured:
    """What came of it."""

    rate: float  #: steps per second
    micros: float  #: of processor a step: the server's, the service's and the caller's


def measure(load: RestateLoad) -> RestateMeasured:
    """Run ``load`` in new processes. Raises RuntimeError when it fails."""
    command = [sys.executable, "-m", "benchmarks.restate_run", json.dumps(asdict(load))]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(__file__).parents[1], timeout=600, check=False
    )
    if done.returncode:
        raise RuntimeError(f"Restate: {done.stderr.strip().splitlines()[-1:]}")
    return RestateMeasured(**json.loads(done.stdout.splitlines()[-1]))


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _application() -> Any:
    import restate

    visit = restate.VirtualObject("visit")

    async def step() -> dict[str, str]:
        return {"number": "M000001"}

    @visit.handler()
    async def move(context: restate.ObjectContext, request: dict[str, str]) -> dict[str, str]:
        data: dict[str, str] = {}
        for number in range(STEPS):
            data |= await context.run_typed(f"s{number}", step)
        return data

    return restate.app([visit])


async def _serve(port: int, stop: asyncio.Event) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind, config.loglevel = [f"127.0.0.1:{port}"], "ERROR"
    await serve(_application(), config, shutdown_trigger=stop.wait)


async def _run(load: RestateLoad) -> RestateMeasured:
    folder = tempfile.mkdtemp(prefix="visitflow-restate-")
    service, ingress, admin, node = (_port() for _ in range(4))
    stop = asyncio.Event()
    serving = asyncio.create_task(_serve(service, stop))
    environment = os.environ | {
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_BIND_ADDRESS": f"127.0.0.1:{node}",
        "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}",
        "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
        "DO_NOT_TRACK": "1",
    }
    program = server()
    assert program is not None
    with (Path(folder) / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - it is started before anything is timed
            [program, "--no-logo", "--base-dir", folder], env=environment, stdout=log, stderr=log
        )
    try:
        limits = httpx.Limits(max_connections=load.concurrency)
        async with httpx.AsyncClient(timeout=120, trust_env=False, limits=limits) as client:
            await _register(client, f"http://127.0.0.1:{admin}", f"http://127.0.0.1:{service}")
            url = f"http://127.0.0.1:{ingress}/visit"
            await _post(client, f"{url}/warm/move")
            places = asyncio.Semaphore(load.concurrency)

            async def one(number: int) -> None:
                async with places:
                    await _post(client, f"{url}/K{number}/move")

            used = time.process_time() + tree_cpu(process.pid)
            began, steps = time.perf_counter(), load.visits * STEPS
            await asyncio.gather(*(one(number) for number in range(load.visits)))
            rate = steps / (time.perf_counter() - began)
            used = time.process_time() + tree_cpu(process.pid) - used
            return RestateMeasured(rate, 1e6 * used / steps)
    finally:
        process.terminate()
        process.wait(30)
        stop.set()
        with suppress(Exception):
            await serving
        shutil.rmtree(folder, ignore_errors=True)


async def _register(client: httpx.AsyncClient, admin: str, service: str) -> None:
    deadline = time.monotonic() + _READY
    while True:
        with suppress(httpx.HTTPError):
            answer = await client.post(f"{admin}/deployments", json={"uri": service})
            if answer.status_code in (200, 201):
                return
        if time.monotonic() > deadline:
            raise RuntimeError("Restate did not get ready")
        await asyncio.sleep(0.3)


async def _post(client: httpx.AsyncClient, url: str) -> None:
    for _ in range(100):
        answer = await client.post(url, json={})
        if answer.status_code == 200:
            return
        await asyncio.sleep(0.1)
    raise RuntimeError(f"Restate answered {answer.status_code}: {answer.text[:200]}")


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_run(RestateLoad(**json.loads(sys.argv[1])))))))
