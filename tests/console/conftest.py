"""A seeded hospital, and clients that have signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest

from tests.console.seed import Seed, seeded
from tests.service.wired import PASSWORD

SignedIn = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
async def seed() -> Seed:
    return await seeded()


@pytest.fixture
def signed_in(seed: Seed) -> SignedIn:
    @asynccontextmanager
    async def sign_in(name: str = "wang", language: str = "zh") -> AsyncIterator[httpx.AsyncClient]:
        async with seed.wired.client() as client:
            form = {"name": name, "password": PASSWORD, "next": "/console"}
            assert (await client.post("/console/login", data=form)).status_code == 303
            await client.post("/console/language", data={"language": language, "next": "/console"})
            yield client

    return sign_in
