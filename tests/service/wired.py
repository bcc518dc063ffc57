"""The HTTP API around a toy world, for tests: one process without a runner, time that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import httpx
from fastapi import FastAPI

from engine.dispatch import Polling
from engine.peers import Limits, Peers
from engine.runner import Runner, RunnerFigures
from flows import Site
from service.access.secrets import digest, hashed, key_text, token
from service.api import build_api
from service.api.desk import Desk
from service.application import Application
from service.limiting.keeper import Keeper
from service.settings import Settings
from service.watching.tally import Tally
from service.watching.watching import Watching
from storage import memory_books
from storage.registers import Account, ApiKey, Registers, open_registers
from tests.world import World

PASSWORD = "correct horse battery"
BASE = "http://localhost"
_hashed = cache(hashed)  # slow on purpose


def settings(**changes: Any) -> Settings:
    """Settings that read nothing from outside."""
    return Settings(_env_file=None, patient_key="test", **changes)  # type: ignore[call-arg]


@dataclass
class Wired:
    """World, registers and API of one process."""

    world: World
    settings: Settings = field(default_factory=settings)
    registers: Registers | None = None
    worker: str = "test"
    tally: Tally = field(default_factory=Tally)  #: give it to the world as its watch, too
    site: Site | None = None  #: default: the world's flows

    def __post_init__(self) -> None:
        self.registers = self.registers or open_registers(self.world.store)
        gate = self.world.gate
        self.peers = gate if isinstance(gate, Peers) else Peers(Limits(), self.world.environment)
        self.peers.know(self.world.adapters)
        figures = RunnerFigures(turned_at=self.world.environment.monotonic())
        self.runner = SimpleNamespace(in_flight=0, worker=self.worker, figures=figures, dispatch=Polling())
        self.application = cast(
            Application,
            SimpleNamespace(
                commands=self.world.commands,
                store=self.world.store,
                environment=self.world.environment,
                registers=self.registers,
                registry=self.world.registry,
                catalogue=self.world.catalogue,
                adapters=self.world.adapters,
                site=self.site or Site("flows.yaml", self.world.definitions, {}),
                books=memory_books(),
                settings=self.settings,
                runner=self.runner,
            ),
        )
        self.application.watching = Watching(
            self.settings,
            self.world.environment,
            self.world.store,
            self.registers,
            self.world.adapters,
            cast(Runner, self.runner),
            self.tally,
            self.peers,
        )
        self.application.peers = Keeper(
            self.peers, self.registers.peers, self.world.store, self.world.environment, self.worker, lambda: None
        )
        self.api: FastAPI = build_api(self.application)

    @property
    def desk(self) -> Desk:
        desk: Desk = self.api.state.desk
        return desk

    async def key(self, role: str, name: str = "") -> str:
        """Add a key and return it."""
        assert self.registers is not None
        secret, environment = token(), self.world.environment
        made = ApiKey(environment.new_id(), name or role, role, digest(secret), environment.now(), "test")
        await self.registers.access.add_key(made)
        return key_text(made.key_id, secret)

    async def user(self, name: str, role: str) -> None:
        """Add a person with PASSWORD."""
        assert self.registers is not None
        now = self.world.environment.now()
        await self.registers.access.add_account(Account(name, role, _hashed(PASSWORD), now, "test", now))

    @asynccontextmanager
    async def client(self, key: str = "", address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
        """A client of the API, with a key."""
        transport = httpx.ASGITransport(app=self.api, raise_app_exceptions=False, client=(address, 1))
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as made:
            yield made


async def opened(client: httpx.AsyncClient, key: str = "K1", **data: Any) -> str:
    """Open a toy visit and return its id."""
    body = {"flow": "toy.visit", "key": key, "data": {"patient": "invented", **data}}
    response = await client.post("/api/v1/visits", json=body)
    assert response.status_code == 201, response.text
    visit: str = response.json()["visit"]
    return visit
