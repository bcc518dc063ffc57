"""Requests made from the OpenAPI document: whatever is sent, no fault of ours, and only what is documented."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from service.access.secrets import digest, key_text, token
from service.settings import Settings
from storage.registers import ApiKey
from tests.patience import PATIENCE
from tests.service.wired import Wired
from tests.world import World

pytestmark = [
    pytest.mark.slow,
    # of the generator's own dependencies, not of what is tested
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Skipped test cases with unsupported payload:UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


async def _wired() -> Wired:
    generous = Settings(_env_file=None, patient_key="test", requests_per_second=1e6, requests_burst=10**6)  # type: ignore[call-arg]
    return Wired(await World().start(), generous)


DOCUMENT: dict[str, Any] = asyncio.run(_wired()).api.openapi()
#: Streams never end; signing out would end the key's turn.
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT).exclude(path_regex="/events$")


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[str, str]]:
    """The API in a thread of its own, with a visit in it; yields its address and an administrator's key."""
    secret, ready = token(), threading.Event()
    found: dict[str, Any] = {}

    async def serve() -> None:
        wired = await _wired()
        await wired.desk.door.access.add_key(ApiKey("K", "test", "admin", digest(secret), 0, "test"))
        await wired.world.open()
        await wired.world.run()
        server = uvicorn.Server(uvicorn.Config(wired.api, port=0, log_level="error", lifespan="off"))
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        found.update(server=server, url=f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
        ready.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    yield found["url"], key_text("K", secret)
    found["server"].should_exit = True
    thread.join(PATIENCE)


@SCHEMA.parametrize()
@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_is_answered_as_documented(case: schemathesis.Case, service: tuple[str, str]) -> None:
    url, key = service
    case.call_and_validate(
        base_url=url,
        headers={"Authorization": f"Bearer {key}"},
        checks=[not_a_server_error, status_code_conformance, content_type_conformance],
    )
