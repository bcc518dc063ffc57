"""The composition root: store, flows, adapters, commands and, where wanted, a runner, from one set of settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from adapters.equipment import Equipped
from engine import faultpoints
from engine.adapter import Adapter
from engine.catalogue import Catalogue
from engine.commands import Commands
from engine.environment import SECOND, Environment, SystemEnvironment
from engine.peers import Peers
from engine.registry import Registry
from engine.runner import Runner, RunnerSettings
from engine.store import Store
from flows import Site, load_catalogue, load_site, prove
from service.dispatch import choose
from service.limiting.keeper import Keeper
from service.sessions import Sessions
from service.settings import Settings
from service.watching.tally import Tally, Watches
from service.watching.tracing import Tracing
from service.watching.watching import Watching
from storage import Books, Vault, open_books, open_store
from storage.registers import Registers, open_registers

log = structlog.get_logger("visitflow.service")


@dataclass(slots=True)
class Application:
    """Everything of one process, wired."""

    settings: Settings
    site: Site
    store: Store
    catalogue: Catalogue
    registry: Registry
    adapters: Mapping[str, Adapter]
    environment: Environment
    commands: Commands
    runner: Runner
    sessions: Sessions
    books: Books
    registers: Registers
    watching: Watching
    peers: Keeper


def build_adapters(catalogue: Catalogue, configured: Mapping[str, Mapping[str, Any]]) -> dict[str, Adapter]:
    """Make the adapters that the site configures. Raises UnknownName or pydantic's ValidationError."""
    return {name: catalogue.adapter(name).from_settings(settings) for name, settings in configured.items()}


def equip(adapters: Mapping[str, Adapter], books: Books) -> None:
    """Hand the books to the adapters that want them, before their first call."""
    for adapter in adapters.values():
        if isinstance(adapter, Equipped):
            adapter.equip(books.equipment)


@asynccontextmanager
async def application(
    settings: Settings,
    *,
    site: Site | None = None,
    environment: Environment | None = None,
    hook: faultpoints.Hook = faultpoints.nothing,
    prove_new: bool = False,
) -> AsyncIterator[Application]:
    """Open everything; close it in order. The runner is made but not started.

    ``prove_new`` explores flow versions that this store has not seen, before any visit can begin on them (G11).

    Raises:
        InvalidFlow: flows.yaml or a flow in it is not valid, or a guarantee does not hold for it.
        SchemaOutdated: the database needs ``visitflow db upgrade``.
    """
    environment = environment or SystemEnvironment()
    site = site or load_site(settings.site)
    catalogue = load_catalogue()
    chosen = choose(settings, environment)
    store = open_store(settings.store_url, Vault.parse(settings.keys_text()), wakes=chosen.wakes)
    await store.start()
    await asyncio.to_thread(chosen.check)
    adapters: dict[str, Adapter] = {}
    tracing = Tracing.of(settings, environment)
    try:
        registry = Registry(store, catalogue, environment, site.limits.by_flow())
        if prove_new:
            await _prove_new(site, catalogue, store)
        await registry.load(site.definitions)
        adapters = build_adapters(catalogue, site.adapters)
        books = open_books(store)
        equip(adapters, books)
        registers = open_registers(store)
        tally = Tally()
        watch = tally if tracing is None else Watches(tally, tracing)
        peers = Peers(site.limits, environment, waiting=max(20, settings.in_flight // 4))
        peers.know(adapters)
        runner = Runner(
            store,
            registry.version,
            adapters,
            environment,
            settings=RunnerSettings(
                in_flight=settings.in_flight,
                lease=int(settings.lease_seconds * SECOND),
                margin=int(settings.lease_seconds * SECOND) // 6,
                grace=int(settings.grace_seconds * SECOND),
            ),
            hook=hook,
            watch=watch,
            gate=peers,
            weights=site.limits.weights.by_priority(),
            dispatch=chosen.dispatch,
        )
        keeper = Keeper(peers, registers.peers, store, environment, runner.worker, runner.wake)
        commands = Commands(store, registry, environment, runner.worker, runner.wake, runner, watch)
        sessions = Sessions(commands, store, environment)
        sessions.listen(adapters, site.definitions)
        try:
            yield Application(
                settings,
                site,
                store,
                catalogue,
                registry,
                adapters,
                environment,
                commands,
                runner,
                sessions,
                books,
                registers,
                Watching(settings, environment, store, registers, adapters, runner, tally, peers),
                keeper,
            )
        finally:
            await sessions.close()
    finally:
        for adapter in adapters.values():
            await adapter.close()
        await store.close()
        if tracing is not None:
            await tracing.close()


async def _prove_new(site: Site, catalogue: Catalogue, store: Store) -> None:
    """Explore each flow version that neither this store nor the list of shipped proofs knows. Raises InvalidFlow."""
    seen = {record.version for record in await store.flows()}
    for definition in site.definitions:
        if definition.content_hash() not in seen:
            found = await prove(definition, catalogue)
            if found is not None:
                figures = {"situations": found.situations, "seconds": round(found.seconds, 1)}
                log.info("flow_proven", flow=definition.flow, version=definition.content_hash(), **figures)
