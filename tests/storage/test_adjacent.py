"""Programs of two adjacent versions on one database: which migrations allow it, and what then holds (ADR 37)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import inspect

from engine.environment import SystemEnvironment
from engine.errors import SchemaOutdated
from engine.processes import SystemProcesses
from engine.store import Status, Store, VisitFilter
from service.cli.database import changes
from storage import Vault, open_store, schema, upgrade
from storage.backups.workers import WorkersRun
from storage.dialects import dialect_of
from tests.conftest import DURABLE, TEST_KEY
from tests.world import World

NEXT = '''"""What the next version adds."""
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
{more}

def upgrade() -> None:
    op.add_column("visits", sa.Column("ward", sa.String(20)))
    op.create_table("wards", sa.Column("ward", sa.String(20), primary_key=True))
'''


class Versions:
    """This program, and the one after it, whose only difference is a migration."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, shared: bool) -> None:
        self._own, self._later = schema._MIGRATIONS, folder / "migrations"
        self._patch = monkeypatch
        shutil.copytree(self._own, self._later, ignore=shutil.ignore_patterns("__pycache__"))
        number = schema.needed()
        self.next = f"{int(number) + 1:03d}"
        told = NEXT.format(
            revision=self.next, before=number, more=f'works_with = "{number}"' if shared else "down = None"
        )
        (self._later / "versions" / f"v{self.next}_wards.py").write_text(told, encoding="utf-8")

    def later(self) -> None:
        """Be the next version from now on."""
        self._patch.setattr(schema, "_MIGRATIONS", self._later)

    def own(self) -> None:
        """Be this version again."""
        self._patch.setattr(schema, "_MIGRATIONS", self._own)


def opened(url: str) -> Store:
    return open_store(url, Vault.parse(TEST_KEY))


@pytest.fixture
def url(store_url: str) -> str:
    upgrade(store_url)
    return store_url


@pytest.mark.parametrize("store_url", DURABLE, indirect=True)
async def test_two_versions_move_visits_of_one_database(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = Versions(tmp_path, monkeypatch, shared=True)
    old = World(store=opened(url))
    await old.store.start()
    await old.start()
    for number in range(6):
        await old.open(f"K{number}")
    await register(old.store, "old")
    versions.later()
    assert changes(url, SystemEnvironment().now())  # nobody has to stop
    assert upgrade(url) == (f"{int(versions.next) - 1:03d}", versions.next)
    new = World(store=opened(url), environment=old.environment, adapter=old.adapter)
    await new.store.start()
    await new.start()
    for number in range(6, 12):
        await new.open(f"K{number}")
    while await old.step() + await new.step():
        pass
    await old.run()
    await new.run()
    found = await new.store.visits(VisitFilter())
    assert len(found) == 12 and {each.status for each in found} == {Status.WAITING}
    await old.store.close()
    versions.own()  # and the old version may be started once more, on the database of the new one
    again = opened(url)
    await again.start()
    assert await again.visits(VisitFilter()) == found
    await again.close()
    await new.store.close()


@pytest.mark.parametrize("store_url", DURABLE, indirect=True)
async def test_what_the_version_before_cannot_bear_stops_it(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = Versions(tmp_path, monkeypatch, shared=False)
    store = opened(url)
    await store.start()
    await register(store, "old")
    versions.later()
    with pytest.raises(WorkersRun, match="stop them first"):
        changes(url, SystemEnvironment().now())
    await store.close()
    upgrade(url)
    versions.own()
    with pytest.raises(SchemaOutdated):
        await opened(url).start()


@pytest.mark.parametrize("store_url", DURABLE, indirect=True)
async def test_a_program_two_versions_back_is_not_let_in(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = Versions(tmp_path, monkeypatch, shared=True)
    versions.later()
    upgrade(url)
    versions.own()
    monkeypatch.setattr(schema, "needed", lambda: f"{int(versions.next) - 2:03d}")
    engine = dialect_of(url).engine()
    with engine.connect() as connection:
        assert not schema.is_usable(connection, schema.current(connection))
        assert inspect(connection).has_table("wards")
    engine.dispose()


async def register(store: Store, name: str) -> None:
    """Tell of this process as a worker, as a runner does."""
    await store.register(SystemProcesses().described(name, SystemEnvironment().now()))
