"""Journals are sealed under a key for each visit: what is in the database, who opens it, how old rows get there."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.engine import Connection

from engine.environment import SECOND
from engine.errors import LeaseLost, Shredded, StoreError
from engine.store import Append, NewVisit, Snapshot, Status, Store, StoredEvent, VisitFilter
from storage import SealBroken, SqlStore, Vault, open_store
from storage.dialects import dialect_of
from storage.keyring import SERVICE, is_sealed, visit_keys
from storage.registers import Approval, AskedRequest, AuditEntry, Batch, Delivery, PatientOf, open_registers
from storage.sealed_columns import ALL
from storage.sql_store import events, visits
from storage.vault import KeyMissing
from tests.conftest import DURABLE, TEST_KEY
from tests.storage.test_contract import append, claimed, event, opened, projection
from tests.storage.test_sql import raw
from tests.storage.test_upgrade import REVISIONS, empty_url, in_flight, to_revision, write_down  # noqa: F401
from tests.toy import ToyAdapter
from tests.world import World

every_durable_store = pytest.mark.parametrize("store_url", DURABLE, indirect=True)

VISIT = projection().visit_id
SECRET = '{"name":"TOP-SECRET"}'
OTHER = "other:" + base64.b64encode(bytes(range(1, 33))).decode()


async def told(store: Store, number: int = 1) -> None:
    """Open a visit and write two events and a snapshot, all with something to hide."""
    made = projection(number)
    await store.open(NewVisit(made, (StoredEvent(1, 1, "opened", SECRET),), "print"))
    claim = await claimed(store, number)
    moved = replace(made, seq=3)
    news = (StoredEvent(2, 2, "opened", SECRET), StoredEvent(3, 3, "opened", SECRET))
    snapshot = Snapshot(2, SECRET)
    await store.append(Append(claim.lease, 1, news, moved, release=True, snapshot=snapshot))


def payloads(connection: Connection) -> list[str]:
    return list(connection.execute(select(events.c.payload)).scalars())


@every_durable_store
async def test_what_a_visit_holds_is_sealed_and_read_as_it_was(store: SqlStore, store_url: str) -> None:
    await told(store)
    with raw(store_url) as connection:
        kept = [*payloads(connection), connection.execute(select(visits.c.snapshot_body)).scalar_one()]
        assert len(kept) == 4
        assert all(map(is_sealed, kept))
        assert len(set(kept)) == 4, "the same text is not sealed alike twice"
        decoded = b"".join(base64.b64decode(each[2:]) for each in kept)
    assert b"SECRET" not in decoded
    assert [each.payload for each in await store.journal(VISIT)] == [SECRET] * 3
    history = await store.history(VISIT)
    assert (history.snapshot, [each.seq for each in history.events]) == (Snapshot(2, SECRET), [3])
    assert (await claimed(store)).history == history
    registers = open_registers(store)
    while await registers.feed.publish():
        pass
    assert [each.payload for each in await registers.feed.read(0, 10)] == [SECRET] * 3


@every_durable_store
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET payload = (SELECT payload FROM events WHERE visit_id = '{a}' AND seq = 1)"
        " WHERE visit_id = '{a}' AND seq = 2",
        "UPDATE events SET payload = (SELECT payload FROM events WHERE visit_id = '{b}' AND seq = 2)"
        " WHERE visit_id = '{a}' AND seq = 2",
        "UPDATE events SET payload = '{{\"name\":\"forged\"}}' WHERE visit_id = '{a}' AND seq = 2",
        "UPDATE events SET payload = '1:AAAA' WHERE visit_id = '{a}' AND seq = 2",
        "UPDATE events SET payload = '1:' WHERE visit_id = '{a}' AND seq = 2",
        "UPDATE visit_keys SET body = (SELECT body FROM visit_keys WHERE visit_id = '{b}') WHERE visit_id = '{a}'",
        "DELETE FROM visit_keys WHERE visit_id = '{a}'",
    ],
    ids=["another place", "another visit", "plain text", "short", "empty", "another visit's key", "no key"],
)
async def test_what_was_put_there_from_elsewhere_is_found_out(store: SqlStore, store_url: str, change: str) -> None:
    await told(store, 1)
    await told(store, 2)
    with raw(store_url) as connection:
        connection.exec_driver_sql(change.format(a=VISIT, b=projection(2).visit_id))
    with pytest.raises(SealBroken) as caught:
        await store.journal(VISIT)
    assert VISIT in caught.value.message
    assert "SECRET" not in caught.value.message
    assert len(await store.journal(projection(2).visit_id)) == 3, "the other is not touched"


@every_durable_store
async def test_a_forged_snapshot_is_found_out(store: SqlStore, store_url: str) -> None:
    await told(store)
    for forged in ('{"name":"forged"}', "1:AAAA"):
        with raw(store_url) as connection:
            connection.execute(update(visits).values(snapshot_body=forged))
        with pytest.raises(SealBroken):
            await store.snapshot(VISIT)


@every_durable_store
async def test_a_visit_that_cannot_be_read_stops_where_people_look_and_the_others_go_on(
    store: SqlStore, store_url: str
) -> None:
    world = await World(store=store).start()
    broken, sound = await world.open("broken", invoice="I1"), await world.open("sound", invoice="I2")
    with raw(store_url) as connection:
        body = connection.execute(select(visit_keys.c.body).where(visit_keys.c.visit_id == sound)).scalar_one()
        connection.execute(update(visit_keys).where(visit_keys.c.visit_id == broken).values(body=body))
    await world.run()
    assert (await world.get(sound)).status is Status.CLOSED
    stopped = await world.get(broken)
    assert (stopped.status, stopped.cause) == (Status.STUCK, "engine_error")


@every_durable_store
async def test_an_event_that_cannot_be_read_holds_up_no_reader_of_the_feed(store: SqlStore, store_url: str) -> None:
    await told(store, 1)
    await told(store, 2)
    feed = open_registers(store).feed
    while await feed.publish():
        pass
    with raw(store_url) as connection:
        connection.execute(update(events).where(events.c.visit_id == VISIT).values(payload="{}"))
    other = projection(2).visit_id
    first = await feed.read(0, 1)
    assert [each.visit_id for each in first] == [other], "pages in which nothing can be read are passed over"
    assert [each.visit_id for each in await feed.read(0, 100)] == [other] * 3
    assert await feed.read((await feed.ends())[1], 100) == []


# -- keys that are made with the first write
@every_durable_store
async def test_a_key_that_was_rolled_back_seals_nothing(store_url: str, vault: Vault) -> None:
    """An open and an append that shared a failed transaction are written again, under the key that is kept then."""
    failing: list[str] = []

    def fault(point: str) -> None:
        if failing and point == "before_commit":
            raise failing.pop() and OSError("the disk is full")

    store = open_store(store_url, vault, fault=fault)
    await store.start()
    made = projection()
    await opened(store)
    claim = await claimed(store)
    with raw(store_url) as connection:  # as a visit of before there were keys
        connection.execute(visit_keys.delete())
        connection.execute(
            insert(visit_keys).values(visit_id=made.visit_id, key_id="", plain_until=1, shredded_at=None)
        )
        connection.execute(update(events).values(payload="{}"))
    store.keys.let_go(made.visit_id)  # type: ignore[attr-defined]
    failing.append("once")
    with pytest.raises(StoreError):
        await store.append(append(claim))
    await store.append(append(claim))
    await store.close()
    again = open_store(store_url, vault)
    await again.start()
    assert [each.payload for each in await again.journal(made.visit_id)] == ["{}", '{"n":"x"}']
    await again.close()


@every_durable_store
async def test_a_stale_append_in_a_batch_costs_no_key(store: SqlStore) -> None:
    """A batch that is done again one by one, because one job in it was refused, makes the keys of the others anew."""
    await opened(store, 1)
    stale = await claimed(store, 1, now=5000, until=6000)
    await claimed(store, 1, worker="w2", now=7000)
    made = [NewVisit(projection(number), (event(1),), "p") for number in (2, 3)]
    results = await asyncio.gather(
        store.open(made[0]), store.append(append(stale)), store.open(made[1]), return_exceptions=True
    )
    assert isinstance(results[1], LeaseLost)
    for number in (2, 3):
        claim = await claimed(store, number)
        assert claim.history.events == [event(1)]
        await store.append(append(claim))
        assert len(await store.journal(projection(number).visit_id)) == 2


# -- keys of the vault
@every_durable_store
async def test_without_its_key_the_store_does_not_start_and_says_what_to_do(store: SqlStore, store_url: str) -> None:
    await told(store)
    await store.close()
    with pytest.raises(KeyMissing) as caught:
        await open_store(store_url, Vault.parse(OTHER)).start()
    assert "put test:... back into VISITFLOW_EXCHANGE_KEYS" in caught.value.message
    another = "test:" + OTHER.partition(":")[2]
    with pytest.raises(SealBroken, match="another key has this name"):
        await open_store(store_url, Vault.parse(another)).start()
    both = open_store(store_url, Vault.parse(f"{OTHER},{TEST_KEY}"))
    await both.start()
    assert len(await both.journal(VISIT)) == 3
    await both.close()


@every_durable_store
async def test_visits_of_a_key_that_a_process_does_not_have_yet_are_left_to_those_who_have(
    store: SqlStore, store_url: str
) -> None:
    """One process has the new key already, one not yet: the second must not take the first one's visits for damaged."""
    ahead = open_store(store_url, Vault.parse(f"{OTHER},{TEST_KEY}"))
    await ahead.start()
    await opened(ahead, 1)
    await opened(store, 2)
    assert [each.lease.visit_id for each in await store.claim_due("w", 9000, 9999, 10)] == [projection(2).visit_id]
    with pytest.raises(KeyMissing):
        await store.claim_due("w", 9000, 9999, 10)
    with pytest.raises(KeyMissing):
        await claimed(store, 1)
    assert [each.lease.visit_id for each in await ahead.claim_due("w2", 9000, 9999, 10)] == [VISIT]
    await ahead.close()


# -- what is there already
@pytest.fixture
def old_url(empty_url: str) -> Iterator[str]:  # noqa: F811
    """A database of the schema before there were keys."""
    to_revision(empty_url, REVISIONS[0])
    yield empty_url


async def test_old_journals_are_read_moved_and_sealed_a_little_at_a_time(old_url: str, vault: Vault) -> None:
    before, ids = await in_flight()
    engine = dialect_of(old_url).engine()
    with engine.connect() as connection, connection.begin():
        write_down(connection, before.store.everything(), await before.store.flows())  # type: ignore[attr-defined]
        connection.execute(
            update(visits).where(visits.c.visit_id == ids["closed"]).values(snapshot_seq=1, snapshot_body="{}")
        )
    engine.dispose()
    to_revision(old_url, "head")
    store = open_store(old_url, vault)
    assert isinstance(store, SqlStore)
    await store.start()
    world = await World(store=store, environment=before.environment, adapter=ToyAdapter(before.peer)).start()
    plain = {visit: await store.journal(visit) for visit in ids.values()}
    await world.run()  # journals that begin plain and go on sealed
    moved = {visit: await store.journal(visit) for visit in ids.values()}
    assert any(len(moved[visit]) > len(plain[visit]) for visit in plain)
    old = sum(map(len, plain.values()))
    assert await store.to_reseal() == old
    assert await store.reseal(3) == 3
    assert await store.reseal(1) == 1
    await store.close()

    again = open_store(old_url, vault)  # broken off, and begun again
    assert isinstance(again, SqlStore)
    await again.start()
    assert await again.to_reseal() == old - 4
    assert {visit: await again.journal(visit) for visit in ids.values()} == moved
    done = 0
    while count := await again.reseal(4):
        assert count <= 4
        done += count
    assert (done, await again.to_reseal()) == (old - 4, 0)
    assert {visit: await again.journal(visit) for visit in ids.values()} == moved
    assert await again.snapshot(ids["closed"]) == Snapshot(1, "{}")
    with raw(old_url) as connection:
        assert all(map(is_sealed, payloads(connection)))
        connection.execute(update(events).where(events.c.seq == 1).values(payload="{}"))
    with pytest.raises(SealBroken):
        await again.journal(ids["closed"])
    await again.close()


async def test_a_moving_visit_is_sealed_meanwhile(old_url: str, vault: Vault) -> None:
    """Sealing what a visit held, and writing on, at the same time: nothing of either is lost."""
    engine = dialect_of(old_url).engine()
    with engine.connect() as connection, connection.begin():
        stored = [StoredEvent(seq, seq, "opened", SECRET) for seq in range(1, 301)]
        write_down(connection, [(projection(seq=300), stored)], [])
    engine.dispose()
    to_revision(old_url, "head")
    writing, sealing = open_store(old_url, vault), open_store(old_url, vault)
    await writing.start()
    await sealing.start()
    claim = await claimed(writing)

    async def write() -> None:
        now = claim
        for _ in range(40):
            await writing.append(append(now))
            now = replace(now, projection=replace(now.projection, seq=now.projection.seq + 1))
            assert len(await writing.journal(VISIT)) >= 300

    async def seal() -> None:
        while await sealing.reseal(11):
            assert len(await sealing.journal(VISIT)) >= 300

    await asyncio.gather(write(), seal())
    found = [each.payload for each in await writing.journal(VISIT)]
    assert found == [SECRET] * 300 + ['{"n":"x"}'] * 40
    with raw(old_url) as connection:
        assert all(map(is_sealed, payloads(connection)))
    await writing.close()
    await sealing.close()


# -- what the service keeps
APPROVAL = Approval("a1", VISIT, "resolve", '{"x":"TOP-SECRET"}', "asked", "li", 1, "TOP-SECRET", "api", 10**18, 1)
DELIVERY = Delivery("d1", "his", VISIT, 1, 1, "opened", '{"x":"TOP-SECRET"}', "pending", 1, 1)
ASKED = AskedRequest("scope", "key", "print", "r1", 1, 10**18)
BATCH = Batch("b1", "resume", '{"x":"TOP-SECRET"}', "{}", "TOP-SECRET", "li", "api", "token", "previewed", 1, 10**18)
AUDIT = AuditEntry("e1", 1, "li", "admin", "unmask", "v", "TOP-SECRET", "api", "done")


@every_durable_store
async def test_what_the_service_keeps_is_sealed_too(store: SqlStore, store_url: str) -> None:
    await told(store)
    registers = open_registers(store)
    await registers.approvals.ask(APPROVAL)
    await registers.feed.begin("his", 0)
    assert await registers.deliveries.enqueue("his", 0, 1, [DELIVERY])
    asked, _ = await registers.requests.begin(ASKED)
    await registers.requests.answer(asked, 200, '{"x":"TOP-SECRET"}')
    await registers.batches.add(BATCH, [])
    await registers.audit.add(AUDIT)
    assert await registers.approvals.decide("a1", "approved", "wang", 2, "TOP-SECRET remark")
    with raw(store_url) as connection:
        for each in ALL:
            rows = [row._mapping for row in connection.execute(select(each.table))]
            assert rows, each.table.name
            assert "SECRET" not in str(rows), each.table.name
    decided = await registers.approvals.get("a1")
    assert decided is not None
    assert (decided.arguments, decided.reason, decided.remark) == (
        APPROVAL.arguments,
        "TOP-SECRET",
        "TOP-SECRET remark",
    )
    assert [each.body for each in await registers.deliveries.claim("his", 5, 9, 1)] == [DELIVERY.body]
    found = await registers.requests.find("scope", "key")
    assert found is not None
    assert (found.status, found.body) == (200, '{"x":"TOP-SECRET"}')
    assert await registers.batches.all(None, 5) == [BATCH]
    assert await registers.audit.all(None, None, None, 5) == [AUDIT]


@every_durable_store
async def test_old_rows_of_the_service_are_read_as_they_are_and_sealed(store: SqlStore, store_url: str) -> None:
    await told(store)
    answered = replace(ASKED, status=200, body='"1: TOP-SECRET"')
    awkward = replace(APPROVAL, approval_id="a2", reason="1:TOP-SECRET is what he said")
    rows = {"approvals": [APPROVAL, awkward], "deliveries": [DELIVERY], "batches": [BATCH], "audit": [AUDIT]}
    with raw(store_url) as connection:
        for each in ALL:
            for row in rows.get(each.table.name, [answered]):
                connection.execute(insert(each.table).values(asdict(row)))  # type: ignore[call-overload]
    registers = open_registers(store)

    async def read() -> tuple[object, ...]:
        return (
            await registers.approvals.all(None, None, None, 5),
            await registers.deliveries.all(None, None, None, 5),
            await registers.requests.find("scope", "key"),
            await registers.batches.get("b1"),
            await registers.audit.all(None, None, None, 5),
        )

    plain = await read()
    assert plain == ([awkward, APPROVAL], [DELIVERY], answered, BATCH, [AUDIT])
    assert await store.to_reseal() == 6
    counts = []
    while count := await store.reseal(1):
        counts.append(count)
    assert counts == [1] * 6
    assert await read() == plain
    with raw(store_url) as connection:
        kept = str([connection.execute(select(each.table)).all() for each in ALL if each.table.name != "approvals"])
    assert "SECRET" not in kept


# -- rotation
@every_durable_store
async def test_rotation_seals_a_short_row_for_each_visit(store: SqlStore, store_url: str) -> None:
    for number in (1, 2, 3):
        await told(store, number)
    await open_registers(store).audit.add(AUDIT)
    with raw(store_url) as connection:
        before = payloads(connection)
    both = open_store(store_url, Vault.parse(f"{OTHER},{TEST_KEY}"))
    assert isinstance(both, SqlStore)
    await both.start()
    await told(both, 4)
    assert await both.to_reseal() == 4, "three visits and the service's own"
    assert [await both.reseal(3), await both.reseal(3), await both.reseal(3)] == [3, 1, 0]
    await both.close()
    only = open_store(store_url, Vault.parse(OTHER))
    await only.start()
    for projection_ in await only.visits(VisitFilter()):
        assert [each.payload for each in await only.journal(projection_.visit_id)] == [SECRET] * 3
    assert await open_registers(only).audit.all(None, None, None, 5) == [AUDIT]
    await only.close()
    with raw(store_url) as connection:
        assert payloads(connection)[: len(before)] == before, "no event was written anew"


async def test_what_was_plain_is_not_left_in_the_file(tmp_path: Path, vault: Vault) -> None:
    """Sealed rows take the place of plain ones; the pages and the log they leave are wiped."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    to_revision(url, REVISIONS[0])
    engine = dialect_of(url).engine()
    with engine.connect() as connection, connection.begin():
        stored = [StoredEvent(seq, seq, "opened", SECRET + " " * 3000) for seq in range(1, 60)]
        write_down(connection, [(projection(seq=59), stored)], [])
    engine.dispose()
    to_revision(url, "head")
    store = open_store(url, vault)
    await store.start()
    while await store.reseal(7):
        pass
    await store.close()
    for file in tmp_path.iterdir():
        assert b"SECRET" not in file.read_bytes(), file.name


# -- shredding
@every_durable_store
async def test_nobody_reads_what_was_shredded_and_everybody_is_told(store: SqlStore, store_url: str) -> None:
    world = await World(store=store).start()
    closed = await world.open("closed", invoice="I1")
    await world.run()
    waiting = await world.open("waiting")
    await world.run(patience=60 * SECOND)
    registers = open_registers(store)
    while await registers.feed.publish():
        pass
    await registers.feed.begin("patients", 0)
    await registers.feed.note_patients("patients", 0, 1, [PatientOf("hash", closed), PatientOf("hash", waiting)])
    delivery = replace(DELIVERY, visit_id=closed, state="delivered", done_at=5)
    await registers.feed.begin("his", 0)
    await registers.deliveries.enqueue("his", 0, 1, [delivery])
    await registers.approvals.ask(replace(APPROVAL, visit_id=closed, state="done"))
    line = await world.get(closed)

    before = world.environment.now() + 1
    assert await registers.retention.count("journals", before) == 1
    assert await registers.retention.shred(before, before) == [closed]
    assert await registers.retention.shred(before, before) == []
    for reading in (store.journal, store.history, store.exchanges):
        with pytest.raises(Shredded) as caught:
            await reading(closed)
        assert caught.value.details == {"visit": closed}
    with pytest.raises(Shredded):
        await world.commands.report(closed)
    with pytest.raises(Shredded):
        await store.claim(closed, "w", before, before + SECOND)
    with pytest.raises(Shredded):
        await registers.deliveries.get("d1")
    with pytest.raises(Shredded):
        await registers.deliveries.resend("d1", before)
    assert [each.body for each in await registers.deliveries.all(None, None, None, 5)] == [""]
    assert [(each.arguments, each.reason) for each in await registers.approvals.all(None, None, None, 5)] == [
        ("{}", "")
    ]
    assert {each.visit_id for each in await registers.feed.read(0, 1000)} == {waiting}
    assert await registers.feed.visits_of("hash", 5) == [waiting]
    assert await world.get(closed) == line, "its line stays, for counting"
    assert len(await store.journal(waiting)) > 0
    with raw(store_url) as connection:
        row = connection.execute(select(visit_keys).where(visit_keys.c.visit_id == closed)).one()
        assert (row.key_id, row.body, row.shredded_at) == (None, None, before)
        assert (
            connection.execute(text("SELECT count(*) FROM exchanges WHERE visit_id = :v"), {"v": closed}).scalar() == 0
        )


@every_durable_store
async def test_only_what_is_over_and_said_and_sealed_is_shredded(store: SqlStore, store_url: str) -> None:
    world = await World(store=store).start()
    names = ("lately", "undelivered", "undecided", "plain", "leased", "over")
    ids = {name: await world.open(name, invoice=f"I{name}") for name in names}
    await world.run()
    over = world.environment.now() + 1
    registers = open_registers(store)
    await registers.feed.begin("his", 0)
    await registers.deliveries.enqueue("his", 0, 1, [replace(DELIVERY, visit_id=ids["undelivered"])])
    await registers.approvals.ask(replace(APPROVAL, visit_id=ids["undecided"]))
    with raw(store_url) as connection:
        for name, changes in {"lately": {"updated_at": over}, "leased": {"lease_worker": "w"}}.items():
            connection.execute(update(visits).where(visits.c.visit_id == ids[name]).values(changes))
        connection.execute(update(visit_keys).where(visit_keys.c.visit_id == ids["plain"]).values(plain_until=1))
    assert await registers.retention.shred(over, over) == [ids["over"]]
    assert SERVICE not in ids.values()
    for name in names[:-1]:
        assert await store.journal(ids[name]), name
