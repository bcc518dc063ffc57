"""Who may what: every role at every route, against the one table."""

from __future__ import annotations

import pytest
from fastapi import APIRouter

from engine import errors
from service import api as service_api
from service import errors as service_errors
from service.access.matrix import ANYONE, KNOWN, MatrixError, matrix
from service.api import build_api, routes
from service.api.problems import status_of, table
from tests.service.wired import Wired
from tests.world import World

ROUTES = sorted(set(routes()))


@pytest.fixture
async def wired() -> Wired:
    return Wired(await World().start())


def filled(path: str) -> str:
    names = ("visit", "exchange", "approval", "batch", "delivery", "file", "flow", "schedule", "asset", "topic", "peer")
    for name in names:
        path = path.replace(f"{{{name}}}", "nothing")
    assert "{" not in path, f"{path}: say here what to put in"
    return path


def test_every_route_has_an_entry_and_every_entry_a_route() -> None:
    assert {f"{method} {path}" for method, path in ROUTES} == set(matrix().routes)


def test_every_permission_guards_something() -> None:
    inner = {"visits.data"}  # decides what is masked
    assert set(matrix().permissions) - inner <= set(matrix().routes.values())


async def test_a_route_without_an_entry_does_not_start(monkeypatch: pytest.MonkeyPatch, wired: Wired) -> None:
    forgotten = APIRouter()
    forgotten.add_api_route("/api/v1/forgotten", lambda: None)
    monkeypatch.setattr(service_api, "ROUTERS", (*service_api.ROUTERS, forgotten))
    with pytest.raises(MatrixError, match="GET /api/v1/forgotten"):
        build_api(wired.application)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_role_at_every_route(wired: Wired, method: str, path: str) -> None:
    needed = matrix().routes[f"{method} {path}"]
    wired.desk.hub.close()  # streams end at once
    for role in matrix().roles:
        async with wired.client(await wired.key(role)) as client:
            code = (await client.request(method, filled(path), content=b"{}")).status_code
        allowed = needed in (ANYONE, KNOWN) or role in matrix().permissions[needed]
        told = f"{role} {method} {path}: {code}"
        assert code not in (401, 500) or path == "/api/v1/session", told
        assert (code != 403) == allowed, told
    async with wired.client() as client:
        code = (await client.request(method, filled(path), content=b"{}")).status_code
    assert (code == 401) == (needed != ANYONE), f"nobody {method} {path}: {code}"


def test_every_error_has_a_row_in_the_table() -> None:
    for module in (errors, service_errors):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, errors.VisitflowError):
                assert kind.code in table(), f"{kind.__name__} ({kind.code}) has no row in problems.yaml"
                assert status_of(kind()) == table()[kind.code].status
