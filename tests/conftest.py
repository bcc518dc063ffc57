"""Fixtures for all tests: stores of every kind, a simulated centre as a process of its own."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from engine.store import Store
from storage import Vault, open_store, upgrade
from tests import postgres

pytest_plugins = ["tests.leaks", "pytester"]

# How long an example takes says something about the machine, not about the code: speed is measured in benchmarks/.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

TEST_KEY = "test:" + base64.b64encode(bytes(range(32))).decode()

STORES = ["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
DURABLE = STORES[1:]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with postgres.server() as url:
        yield url


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty store of the kind that the test is parametrised with (``indirect``), schema up to date."""
    match request.param:
        case "memory":
            yield "memory://"
        case "sqlite":
            url = f"sqlite:///{tmp_path / 'visitflow.db'}"
            upgrade(url)
            yield url
        case "postgres":
            with postgres.database(request.getfixturevalue("postgres_server")) as url:
                upgrade(url)
                yield url


@pytest.fixture
def vault() -> Vault:
    return Vault.parse(TEST_KEY)


@pytest.fixture
async def store(store_url: str, vault: Vault) -> AsyncIterator[Store]:
    opened = open_store(store_url, vault)
    await opened.start()
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shared library like the centre's, compiled from C."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        pytest.skip("no C compiler (cc, gcc, clang) is installed: the shared library of these tests cannot be built")
    source = Path(__file__).parent / "adapters" / "dll" / "library.c"
    built = tmp_path_factory.mktemp("library") / "libsi.so"
    flags = ["-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([compiler, *flags, "-o", str(built), str(source)], check=True)
    return built
