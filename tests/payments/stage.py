"""Three processes on loopback: the platform, our service, the HIS. Each may be killed and comes back with its books."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from engine import tables
from engine.facts import dumps, loads
from flows import load_site
from service import demo
from service.settings import Settings
from tests.conftest import TEST_KEY
from tests.jiangsu import ROOT

PATIENTS = 480
SITE = ROOT / "docs/examples/platform.yaml"
HIS, PLATFORM, OURS = "his", "platform", "ours"
_SOON = {"first": "100ms", "factor": 2, "cap": "3s"}
#: Late originals come :data:`LATE` seconds late at the most, so this is patience enough.
_SETTLING = {"first_look": "500ms", "look_again": "1s", "late_look": "3s", "tries": 20, "backoff": _SOON}
#: No look tells the card's new balance: a person is asked in the end, and may as well be asked soon.
_SOONER = {"platform.card_refund": {"tries": 6}}
#: How late the HIS's late originals are, in seconds.
LATE = 0.2
#: The platform's patience, in seconds of its own clock.
_SWITCHES = {
    "notice_every": "1",
    "deposit_every": "1",
    "queries": "5",
    "query_every": "1",
    "job_every": "1",
    "job_rounds": "100",
    "limit": "10",
}
_NOTICED = ("platform.outpatient_payment", "platform.card_topup")
#: Seconds until a process answers; a busy machine takes its time.
_START = 180.0
#: Seconds until our answer is 40004, shorter than the platform's limit.
_WAIT = 4


class Gone(Exception):
    """A process does not answer: it is being killed, or starts again."""


@dataclass
class Stage:
    """The three, and the ways to talk to them."""

    folder: Path
    processes: Mapping[str, demo.Process]
    settings: Settings
    client: httpx.AsyncClient

    async def control(self, name: str, method: str, path: str, body: Any = None) -> Any:
        """Call a simulator's control port. Raises Gone, or ValueError with its error."""
        answer = await self._call(method, f"{self.processes[name].ready['control']}{path}", body, {})
        return self._said(answer)

    async def api(self, method: str, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
        """Call our API; ``key``: the Idempotency-Key. Returns status and body. Raises Gone."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self._call(method, f"{self.processes[OURS].ready['url']}{path}", body, headers)
        return answer.status_code, loads(answer.content)

    async def _call(self, method: str, url: str, body: Any, headers: Mapping[str, str]) -> httpx.Response:
        content = None if body is None else dumps(body).encode()
        kind = {} if body is None else {"content-type": "application/json"}
        try:
            return await self.client.request(method, url, content=content, headers={**headers, **kind})
        except httpx.TransportError as error:
            raise Gone(f"{method} {url}: {type(error).__name__}") from None

    @staticmethod
    def _said(answer: httpx.Response) -> Any:
        said = loads(answer.content)
        if answer.status_code >= 400:
            raise ValueError(said["error"])
        return said

    async def kill(self, name: str, pause: float) -> int:
        """End a process as a power cut would, and start it again ``pause`` seconds later. Returns how it ended."""
        process = self.processes[name]
        child = process.child
        assert child is not None
        process.kill()
        await asyncio.sleep(pause)
        await asyncio.to_thread(process.start)
        assert child.returncode is not None
        return child.returncode


@asynccontextmanager
async def stage(folder: Path, store: str = "", *, blind: bool = False) -> AsyncIterator[Stage]:
    """Start the three with empty books; stop them at the end. ``store``: URL of an empty database, default SQLite.

    ``blind``: the site believes, wrongly, that this HIS knows a repeat, and asks again whatever is in doubt.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ports = _free_ports(6)
    settings = Settings(
        data=folder / "data",
        store=store,
        site=folder / "flows.yaml",
        exchange_keys=TEST_KEY,
        _env_file=None,
    )
    _write_site(folder / "flows.yaml", his=ports[0], platform=ports[2], blind=blind)
    endpoint = f"http://127.0.0.1:{ports[5]}/hospital/{{name}}"
    endless = ("--patients", str(PATIENTS), "--capacity", "1000000", "--switch", "endless_bills=true")
    processes = {
        HIS: _simulator(
            folder, "hospital", HIS, ports[0:2], *endless, "--switch", f"paid_lines={'take' if blind else 'refuse'}"
        ),
        PLATFORM: _simulator(
            folder, "platform", PLATFORM, ports[2:4], "--patients", str(PATIENTS), "--hospital", endpoint
        ),
        OURS: _service(folder, store, ports[4], ports[5]),
    }
    upgrade = [sys.executable, "-m", "service", "db", "upgrade"]
    await asyncio.to_thread(
        subprocess.run, upgrade, cwd=ROOT, env=processes[OURS].environment, check=True, capture_output=True
    )
    async with AsyncExitStack() as stack:
        for process in processes.values():
            stack.push_async_callback(asyncio.to_thread, process.stop)
            await asyncio.to_thread(process.start)
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=60, trust_env=False))
        found = Stage(folder, processes, settings, client)
        await found.control(PLATFORM, "PUT", "/switches", _SWITCHES)
        yield found


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _environment() -> dict[str, str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("VISITFLOW_")}
    return bare | {"PYTHONPATH": str(ROOT)}


def _simulator(folder: Path, module: str, name: str, ports: list[int], *words: str) -> demo.Process:
    ready = folder / f"{name}.ready"
    command = [sys.executable, "-m", f"simulators.{module}", "--port", str(ports[0]), "--control-port", str(ports[1])]
    command += ["--data", str(folder / name), "--ready-file", str(ready), *words]
    return demo.Process(name, command, _environment(), folder / f"{name}.log", ready, _START)


def _service(folder: Path, store: str, port: int, platform_port: int) -> demo.Process:
    ready = folder / "ours.ready"
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), "--platform-port", str(platform_port)]
    environment = _environment() | {
        "VISITFLOW_DATA": str(folder / "data"),
        "VISITFLOW_STORE": store,
        "VISITFLOW_SITE": str(folder / "flows.yaml"),
        "VISITFLOW_EXCHANGE_KEYS": TEST_KEY,
        "VISITFLOW_PLATFORM_WAIT": str(_WAIT),
        "VISITFLOW_REQUESTS_PER_SECOND": "1000",
        "VISITFLOW_REQUESTS_BURST": "5000",
    }
    return demo.Process(OURS, [*command, "--ready-file", str(ready)], environment, folder / "ours.log", ready, _START)


def _write_site(path: Path, *, his: int, platform: int, blind: bool) -> None:
    """Write the example's site with the two addresses and with little patience, so that doubts take seconds."""
    site = tables.load(SITE.read_text(encoding="utf-8"))
    site["schedules"] = []  # the campaign compares the books when it is over
    peers = {"platform": platform, "hospital": his} | ({"hospital_keyed": his} if blind else {})
    site["adapters"] = {
        name: {"url": f"http://127.0.0.1:{port}", "connect_timeout": 10.0, "read_timeout": 10.0}
        for name, port in peers.items()
    }
    site["overrides"] = {
        each.flow: {
            **(
                {"settling": _SETTLING | _SOONER.get(each.flow, {})}
                if any(way.doubt for way in each.transitions)
                else {}
            ),
            **({"policies": policies} if (policies := _patience(each.policies)) else {}),
        }
        for each in load_site(SITE).definitions
        if each.flow not in ("platform.reference", "platform.push")
    }
    for flow in _NOTICED if blind else ():
        site["overrides"][flow] |= {
            "adapters": {"his": "hospital_keyed"},
            "transitions": {"book": {"doubt": ["repeat", "ask"]}},
        }
    with path.open("w", encoding="utf-8") as file:
        yaml.safe_dump(site, file, allow_unicode=True, sort_keys=False)


def _settling(flow: str) -> dict[str, Any]:
    return _SETTLING | _SOONER.get(flow, {})


def _patience(policies: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: _SOON for name in policies if name != "default"}
