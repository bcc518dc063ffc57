"""What storage.books and adapters.equipment promise, held against every store."""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.equipment import FileMissing, KeptSession
from engine.environment import MINUTE
from engine.store import Store
from storage import Books, CatalogueHead, Entry, SealBroken, SqlStore, Vault, open_books, open_store, upgrade
from tests.conftest import DURABLE, STORES, TEST_KEY
from tests.people import name as somebody
from tests.storage.test_sql import raw

every_store = pytest.mark.parametrize("store_url", STORES, indirect=True)
every_durable_store = pytest.mark.parametrize("store_url", DURABLE, indirect=True)

PDF = b"%PDF-1.7\n" + bytes(range(256))
NEW_KEY = "new:" + base64.b64encode(bytes(range(1, 33))).decode()
DAY = datetime.date(2026, 11, 20)


@pytest.fixture
def books(store: Store) -> Books:
    return open_books(store)


@pytest.fixture
async def others(store: Store, store_url: str, vault: Vault) -> AsyncIterator[Books]:
    """The books of another process on the same database."""
    other = open_store(store_url, vault)
    await other.start()
    yield open_books(other)
    await other.close()


# -- sessions
@every_store
async def test_a_session_is_read_back_and_each_write_is_a_version(books: Books) -> None:
    sessions = books.sessions
    assert await sessions.read("nm", "u1") is None
    first = await sessions.write("nm", "u1", "8280", 5, "open", 0)
    assert first == await sessions.read("nm", "u1") == KeptSession("8280", 1, 5, "open")
    assert await sessions.write("nm", "u1", "8280", 9, "closed", 1) == KeptSession("8280", 2, 9, "closed")
    assert await sessions.read("nm", "u1") == KeptSession("8280", 2, 9, "closed")
    assert await sessions.read("nm", "u2") is None
    assert await sessions.read("other", "u1") is None


@every_store
@pytest.mark.parametrize("expected", [0, 2, 7])
async def test_a_session_is_not_written_over_another_version(books: Books, expected: int) -> None:
    await books.sessions.write("nm", "u1", "8280", 5, "open", 0)
    assert await books.sessions.write("nm", "u1", "9999", 6, "open", expected) is None
    assert await books.sessions.read("nm", "u1") == KeptSession("8280", 1, 5, "open")


@every_store
async def test_a_first_session_expects_no_row(books: Books) -> None:
    assert await books.sessions.write("nm", "u1", "8280", 5, "open", 1) is None
    assert await books.sessions.read("nm", "u1") is None


@every_store
async def test_of_many_writers_at_once_one_wins(books: Books) -> None:
    made = await asyncio.gather(*(books.sessions.write("nm", "u1", str(n), n, "open", 0) for n in range(20)))
    winners = [each for each in made if each is not None]
    assert winners == [await books.sessions.read("nm", "u1")]


@every_store
async def test_the_lease_is_one_owners_until_it_ends(books: Books) -> None:
    sessions = books.sessions
    assert await sessions.hold("nm", "u1", "a", 0, MINUTE)
    assert await sessions.read("nm", "u1") is None  # a lease is no session
    assert not await sessions.hold("nm", "u1", "b", MINUTE - 1, 9 * MINUTE)
    assert await sessions.hold("nm", "u2", "b", 0, MINUTE)  # another user's
    assert await sessions.hold("nm", "u1", "a", MINUTE - 1, 2 * MINUTE)  # taken again
    assert not await sessions.hold("nm", "u1", "b", MINUTE, 9 * MINUTE)
    assert await sessions.hold("nm", "u1", "b", 2 * MINUTE, 3 * MINUTE)
    await sessions.release("nm", "u1", "a")  # no longer a's
    assert not await sessions.hold("nm", "u1", "a", 2 * MINUTE, 3 * MINUTE)
    await sessions.release("nm", "u1", "b")
    assert await sessions.hold("nm", "u1", "a", 2 * MINUTE, 3 * MINUTE)


@every_store
async def test_a_lease_and_the_session_do_not_touch_each_other(books: Books) -> None:
    sessions = books.sessions
    assert await sessions.hold("nm", "u1", "a", 0, MINUTE)
    assert (await sessions.write("nm", "u1", "8280", 5, "open", 0)) == KeptSession("8280", 1, 5, "open")
    assert not await sessions.hold("nm", "u1", "b", 1, MINUTE)
    await sessions.release("nm", "u1", "a")
    assert await sessions.hold("nm", "u1", "b", 1, MINUTE)
    assert await sessions.read("nm", "u1") == KeptSession("8280", 1, 5, "open")


@every_durable_store
async def test_a_session_is_shared_by_processes(books: Books, others: Books) -> None:
    await books.sessions.write("nm", "u1", "8280", 5, "open", 0)
    assert await others.sessions.read("nm", "u1") == KeptSession("8280", 1, 5, "open")
    assert await others.sessions.write("nm", "u1", "8281", 6, "open", 0) is None
    held = await asyncio.gather(*(each.sessions.hold("nm", "u1", str(id(each)), 1, 9) for each in (books, others)))
    assert sorted(held) == [False, True]


def test_a_session_id_is_not_shown_by_accident() -> None:
    assert "8280" not in repr(KeptSession("8280", 1, 5, "open"))


# -- files
@every_store
async def test_a_file_is_kept_once_under_its_digest(books: Books) -> None:
    kept, created = await books.files.add(PDF, "application/pdf", "发票.pdf", 7)
    assert created
    assert kept.file_id == hashlib.sha256(PDF).hexdigest()
    assert (kept.kind, kept.size, kept.added_at, kept.name) == ("application/pdf", len(PDF), 7, "发票.pdf")
    assert await books.files.add(PDF, "application/pdf", "again.pdf", 9) == (kept, False)
    assert await books.files.about(kept.file_id) == kept
    assert await books.files.read(kept.file_id) == PDF


@every_store
async def test_a_file_that_is_not_there_says_how_it_gets_there(books: Books) -> None:
    for asked in (books.files.read, books.files.about):
        with pytest.raises(FileMissing, match="visitflow files add"):
            await asked("0" * 64)


async def test_nothing_secret_is_in_the_database_file(tmp_path: Path, vault: Vault) -> None:
    url = f"sqlite:///{tmp_path / 'v.db'}"
    upgrade(url)
    store = open_store(url, vault)
    await store.start()
    books = open_books(store)
    await books.sessions.write("nm", "u1", "828001230123", 5, "open", 0)
    await books.files.add(PDF + b"SECRET-DIAGNOSIS", "application/pdf", f"{somebody()}.pdf", 7)
    await store.close()
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in (b"828001230123", b"SECRET-DIAGNOSIS", b"%PDF", somebody().encode()):
        assert secret not in stored


@every_durable_store
async def test_keys_rotate_for_sessions_and_files_too(store: Store, store_url: str) -> None:
    books = open_books(store)
    await books.sessions.write("nm", "u1", "8280", 5, "open", 0)
    await books.sessions.hold("nm", "u2", "a", 0, MINUTE)  # a lease without a session has nothing to seal
    for number in range(2):
        await books.files.add(PDF + bytes([number]), "application/pdf", "x.pdf", 7)
    both = open_store(store_url, Vault.parse(f"{NEW_KEY},{TEST_KEY}"))
    await both.start()
    assert [await both.reseal(), await both.reseal(), await both.reseal(), await both.reseal()] == [1, 1, 1, 0]
    await both.close()
    only_new = open_store(store_url, Vault.parse(NEW_KEY))
    await only_new.start()
    again = open_books(only_new)
    assert await again.sessions.read("nm", "u1") == KeptSession("8280", 1, 5, "open")
    for number in range(2):
        content = PDF + bytes([number])
        assert await again.files.read(hashlib.sha256(content).hexdigest()) == content
        assert (await again.files.about(hashlib.sha256(content).hexdigest())).name == "x.pdf"
    await only_new.close()


@every_durable_store
async def test_rows_shown_as_others_are_found_out(store: SqlStore, store_url: str) -> None:
    books = open_books(store)
    for user in ("u1", "u2"):
        await books.sessions.write("nm", user, f"8280{user}", 5, "open", 0)
    one, _ = await books.files.add(PDF, "application/pdf", "1.pdf", 7)
    two, _ = await books.files.add(PDF + b"x", "application/pdf", "2.pdf", 7)
    with raw(store_url) as connection:
        of = "(SELECT body FROM peer_sessions WHERE \"user\" = 'u1')"
        connection.exec_driver_sql(f"UPDATE peer_sessions SET body = {of} WHERE \"user\" = 'u2'")
        for column in ("body", "name"):
            of = f"(SELECT {column} FROM files WHERE file_id = '{one.file_id}')"
            connection.exec_driver_sql(f"UPDATE files SET {column} = {of} WHERE file_id = '{two.file_id}'")
        connection.exec_driver_sql("UPDATE peer_sessions SET version = 2 WHERE \"user\" = 'u1'")
    for asked in (
        books.sessions.read("nm", "u1"),
        books.sessions.read("nm", "u2"),
        books.files.read(two.file_id),
        books.files.about(two.file_id),
    ):
        with pytest.raises(SealBroken) as caught:
            await asked
        assert "8280" not in caught.value.message


# -- catalogues
def entry(code: str, begins: str = "0001-01-01", ends: str = "9999-12-31", **content: str) -> Entry:
    return Entry(code, {"alc402": f"C-{code}", **content}, begins, ends)


def head(generation: str, entries: int, version: str = "v1") -> CatalogueHead:
    return CatalogueHead("neimenggu", version, generation, entries, 5, "wang")


async def imported(books: Books, generation: str, *entries: Entry, version: str = "v1") -> CatalogueHead:
    made = head(generation, len(entries), version)
    await books.catalogue.write(generation, entries)
    assert await books.catalogue.stand(made, await books.catalogue.head("neimenggu"))
    return made


@every_store
async def test_a_catalogue_that_was_never_imported_matches_nothing(books: Books) -> None:
    assert await books.catalogue.version("neimenggu") is None
    assert await books.catalogue.match("neimenggu", ["A"], DAY) == {}
    assert await books.catalogue.heads() == []
    assert await books.catalogue.entries("neimenggu") == []


@every_store
async def test_items_are_matched_by_code_and_day(books: Books) -> None:
    await imported(
        books,
        "g1",
        entry("A", vmed="1"),
        entry("B", "2026-01-01", "2026-11-19", vmed="1"),
        entry("B", "2026-11-20", vmed="2"),
        entry("C", "2026-11-21"),
    )
    assert await books.catalogue.version("neimenggu") == "v1"
    assert await books.catalogue.version("other") is None
    found = await books.catalogue.match("neimenggu", ["A", "B", "C", "D", "A"], DAY)
    assert found == {"A": {"alc402": "C-A", "vmed": "1"}, "B": {"alc402": "C-B", "vmed": "2"}}
    before = await books.catalogue.match("neimenggu", ["B"], DAY - datetime.timedelta(days=1))
    assert before["B"]["vmed"] == "1"
    assert await books.catalogue.match("neimenggu", [], DAY) == {}


@every_store
async def test_more_items_than_one_statement_takes(books: Books) -> None:
    codes = [f"{number:05d}" for number in range(1, 1202)]
    await imported(books, "g1", *map(entry, codes))
    assert list(await books.catalogue.match("neimenggu", codes, DAY)) == codes
    assert [each.code for each in await books.catalogue.entries("neimenggu")] == codes


@every_store
async def test_an_import_is_seen_when_it_stands_and_whole(books: Books) -> None:
    first = await imported(books, "g1", entry("A"), entry("B"))
    await books.catalogue.write("g2", [entry("A", vmed="9")])
    assert await books.catalogue.match("neimenggu", ["A", "B"], DAY) == {
        "A": {"alc402": "C-A"},
        "B": {"alc402": "C-B"},
    }
    assert not await books.catalogue.stand(head("g2", 2, "v2"), first)  # one is missing
    assert await books.catalogue.head("neimenggu") == first
    assert await books.catalogue.stand(head("g2", 1, "v2"), first)
    assert await books.catalogue.match("neimenggu", ["A", "B"], DAY) == {"A": {"alc402": "C-A", "vmed": "9"}}
    assert [each.version for each in await books.catalogue.heads()] == ["v2"]


@every_store
async def test_of_two_imports_at_once_the_second_is_told(books: Books) -> None:
    first = await imported(books, "g1", entry("A"))
    for generation in ("g2", "g3"):
        await books.catalogue.write(generation, [entry("A")])
    stood = await asyncio.gather(*(books.catalogue.stand(head(each, 1), first) for each in ("g2", "g3")))
    assert sorted(stood) == [False, True]
    await books.catalogue.write("g4", [entry("A")])
    assert not await books.catalogue.stand(head("g4", 1), None)


@every_store
async def test_what_does_not_stand_is_taken_away_and_what_stands_is_not(books: Books) -> None:
    many = [entry(f"{number:05d}") for number in range(1201)]
    await imported(books, "g1", *many)
    assert [count async for count in books.catalogue.discard("g1")] == []
    await imported(books, "g2", entry("A"))
    await books.catalogue.write("g9", [entry("A")])
    assert await books.catalogue.forgotten("g5") == ["g1"]
    assert sum([count async for count in books.catalogue.discard("g1")]) == 1201
    assert await books.catalogue.forgotten("z") == ["g9"]
    assert [each.code for each in await books.catalogue.entries("neimenggu")] == ["A"]


@every_store
async def test_several_catalogues_stand_beside_each_other(books: Books) -> None:
    await imported(books, "g1", entry("A"))
    await books.catalogue.write("h1", [entry("A", vmed="7")])
    assert await books.catalogue.stand(replace(head("h1", 1), name="jiangsu"), None)
    assert (await books.catalogue.match("jiangsu", ["A"], DAY))["A"]["vmed"] == "7"
    assert "vmed" not in (await books.catalogue.match("neimenggu", ["A"], DAY))["A"]
    assert [each.name for each in await books.catalogue.heads()] == ["jiangsu", "neimenggu"]
