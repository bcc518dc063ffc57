"""``visitflow serve``: the runner and the HTTP API in one process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import structlog
import typer
import uvicorn

from engine.errors import BadInput
from flows import load_site
from service.api import build_api
from service.api.desk import Desk
from service.application import application
from service.background import Background
from service.cli.console import out, settings
from service.gateway.endpoint import PATH, build_gateway
from service.logs import configure_service
from service.platform.endpoint import build_platform
from service.platform.methods import Methods, UnknownOperation
from service.platform.pushes import Outbox
from service.scheduling import Scheduler
from service.settings import Settings
from service.signed_post import Endpoint
from service.tuning import tune_collector
from service.watching.rules import load_rules
from storage.registers.access import AccessRegister

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; beyond loopback only with keys or users.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 picks a free one.")] = None,
    gateway_port: Annotated[
        int | None, typer.Option(help="Port of the gateway endpoint (interface 000: 8321); 0 turns it off.")
    ] = None,
    platform_port: Annotated[
        int | None, typer.Option(help="Port of the endpoint that the patient platform calls (003); 0 turns it off.")
    ] = None,
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
    if gateway_port is not None:
        chosen.gateway_port = gateway_port
    if platform_port is not None:
        chosen.platform_port = platform_port
    check_gateway(chosen)
    check_platform(chosen)
    check_tls(chosen)
    check_webhook(chosen)
    check_alerts(chosen)
    configure_service()
    asyncio.run(_serve(chosen, ready_file))


async def _serve(chosen: Settings, ready_file: Path | None) -> None:
    log = structlog.get_logger("visitflow.service")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    stop_on_signals(loop, stop)
    site = load_site(chosen.site)
    check_peers(chosen, site.adapters)
    async with application(chosen, site=site, prove_new=True) as wired:
        await check_host(chosen, wired.registers.access)
        schedules, outbox = Scheduler(wired), Outbox(wired)
        api = build_api(wired)
        desk: Desk = api.state.desk
        background = Background(wired, desk.hub, desk.acting)
        servers = [await _listen(api, chosen, chosen.host, chosen.port, "port", tls=True)]
        ready = {"pid": os.getpid(), "url": servers[0].url}
        if chosen.gateway_port:
            gateway = build_gateway(wired, chosen)
            servers.append(await _listen(gateway, chosen, chosen.gateway_host, chosen.gateway_port, "gateway_port"))
            ready["gateway"] = f"{servers[1].url}{PATH}"
        if chosen.platform_port:
            platform = build_platform(wired, chosen)
            servers.append(await _listen(platform, chosen, chosen.platform_host, chosen.platform_port, "platform_port"))
            ready["platform"] = f"{servers[-1].url}{chosen.platform_base}"
        url = servers[0].url
        tune_collector()
        await wired.peers.look()  # what others have of the peers' limits, before the first call
        await wired.runner.start()
        await schedules.start()
        wired.watching.start()
        outbox.start()
        background.start()
        if chosen.host not in LOOPBACK and chosen.tls_certificate is None and not chosen.proxies:
            log.warning("no_tls", told="keys and passwords cross the network readable: docs/security.md")
        log.info(
            "serving",
            url=url,
            gateway=ready.get("gateway"),
            platform=ready.get("platform"),
            flows=wired.registry.names,
            took_over=wired.runner.figures.taken_over,
        )
        announce(ready, wired.registry.names, ready_file)
        await stop.wait()
        log.info("stopping", in_flight=wired.runner.in_flight)
        await outbox.stop()
        await schedules.stop()
        await background.stop()
        await desk.headcount.close()
        await wired.watching.stop()
        await wired.runner.stop()
        await wired.peers.close()
        for server in servers:
            await server.end()
        log.info("stopped")


def announce(ready: Mapping[str, object], flows: list[str], ready_file: Path | None) -> None:
    """Say where the service answers: on the screen, and in ``ready_file`` for programs."""
    if ready_file is not None:
        partial = ready_file.with_suffix(".partial")
        partial.write_text(json.dumps(ready), encoding="utf-8")
        partial.replace(ready_file)
    out.print(f"visitflow {ready['url']}  ({', '.join(flows)})", markup=False)
    for endpoint in ("gateway", "platform"):
        if endpoint in ready:
            out.print(f"{endpoint} {ready[endpoint]}", markup=False)


def stop_on_signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Set ``stop`` on SIGTERM and Ctrl-C; on Windows, whose loops take no handlers, by the interpreter's own."""
    for name in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(name, stop.set)
        except NotImplementedError:
            signal.signal(name, lambda *_: loop.call_soon_threadsafe(stop.set))


async def check_host(chosen: Settings, access: AccessRegister) -> None:
    """Raise BadInput where anybody on the network could do anything: without a key or an account."""
    if chosen.host not in LOOPBACK and not await access.anybody():
        message = (
            f"{chosen.host}: beyond loopback somebody has to be set up first: `visitflow keys add his --role his` for a"
            " machine, `visitflow users add NAME --role admin` for a person"
        )
        raise BadInput(message, field="host")


def check_tls(chosen: Settings) -> None:
    """Raise BadInput where one half of the certificate is missing."""
    if (chosen.tls_certificate is None) != (chosen.tls_key is None):
        raise BadInput("a certificate needs its key, and a key its certificate", field="tls_certificate")


def check_webhook(chosen: Settings) -> None:
    """Raise BadInput where deliveries could not be signed: an address without a secret would be silently ignored."""
    if chosen.webhook_url and Endpoint.of(chosen) is None:
        message = "the webhook needs VISITFLOW_WEBHOOK_SECRET, which signs what is sent"
        raise BadInput(message, field="VISITFLOW_WEBHOOK_SECRET")


def check_alerts(chosen: Settings) -> None:
    """Raise BadInput where alerts could not be signed, or their rules are not valid."""
    if chosen.alert_url and not Endpoint.of_alerts(chosen):
        raise BadInput("alerts need VISITFLOW_ALERT_SECRET, which signs what is sent", field="VISITFLOW_ALERT_SECRET")
    load_rules(chosen.alert_rules)


def check_gateway(chosen: Settings) -> None:
    """Raise BadInput where the gateway endpoint would be open to everybody on the network."""
    guarded = bool(chosen.gateway_token.get_secret_value() or chosen.gateway_allow)
    if chosen.gateway_port and chosen.gateway_host not in LOOPBACK and not guarded:
        message = (
            f"{chosen.gateway_host}: beyond loopback the gateway endpoint needs VISITFLOW_GATEWAY_TOKEN or"
            " VISITFLOW_GATEWAY_ALLOW (networks that may call)"
        )
        raise BadInput(message, field="gateway_host")


def check_platform(chosen: Settings) -> None:
    """Raise BadInput where the platform's endpoint would be open to everybody on the network, or is named wrongly."""
    guarded = bool(chosen.platform_token.get_secret_value() or chosen.platform_allow)
    if chosen.platform_port and chosen.platform_host not in LOOPBACK and not guarded:
        message = (
            f"{chosen.platform_host}: beyond loopback the platform's endpoint needs VISITFLOW_PLATFORM_TOKEN or"
            " VISITFLOW_PLATFORM_ALLOW (networks that may call)"
        )
        raise BadInput(message, field="platform_host")
    if chosen.platform_port:
        try:
            Methods.of(chosen.platform_names)
        except UnknownOperation as error:
            raise BadInput(str(error), field="platform_names") from None


def check_peers(chosen: Settings, adapters: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise BadInput where an adapter's peer is an endpoint of our own: it would call itself for ever."""
    ours = (
        (chosen.gateway_host, chosen.gateway_port, "gateway_port"),
        (chosen.platform_host, chosen.platform_port, "platform_port"),
    )
    for name, configured in adapters.items():
        peer = urlsplit(str(configured.get("url", "")))
        asked = peer.port or (443 if peer.scheme == "https" else 80)
        for host, port, field in ours:
            if port and port == asked and (peer.hostname in LOOPBACK or peer.hostname == host):
                message = (
                    f"{host}:{port} is where flows.yaml says that {name} is: visitflow would call itself."
                    " Move the peer to another port or machine, and say so in flows.yaml"
                )
                raise BadInput(message, field=field)


async def _listen(api: Any, chosen: Settings, host: str, port: int, field: str, *, tls: bool = False) -> _Server:
    """Return a server that answers. Raises BadInput."""
    server = _Server(
        uvicorn.Config(
            api,
            host=host,
            port=port,
            access_log=False,
            log_config=None,  # what it has to say goes where all lines go
            lifespan="off",
            timeout_graceful_shutdown=5,
            proxy_headers=bool(chosen.proxies),  # else any caller on this machine could choose its address
            forwarded_allow_ips=chosen.proxies,
            server_header=False,
            ssl_certfile=chosen.tls_certificate if tls else None,
            ssl_keyfile=chosen.tls_key if tls else None,
        )
    )
    server.listening = asyncio.create_task(_serve_one(server))
    while not server.started:
        if server.listening.done():
            raise BadInput(f"cannot listen on {host}:{port}", field=field)
        await asyncio.sleep(0.02)
    return server


async def _serve_one(server: _Server) -> None:
    with suppress(SystemExit):  # uvicorn's way of saying that the address is taken; the log names the reason
        await server.serve()


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers of its own: stopping is the service's business."""

    listening: asyncio.Task[None]

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    @property
    def url(self) -> str:
        """Return the address, with the port that was given."""
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        scheme = "https" if self.config.is_ssl else "http"
        return f"{scheme}://{host}:{self.servers[0].sockets[0].getsockname()[1]}"

    async def end(self) -> None:
        """Stop taking requests, finish those that are there."""
        self.should_exit = True
        await self.listening
