"""A torn write: the machine dies while the write-ahead log is written, and only a part of it reaches the disk.

The log is cut, and its tail garbled, at many places; after each, the database holds exactly the commits whose end was
written, every journal is whole, and the store goes on working.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from engine.store import StoredEvent
from storage import SqlStore, Vault, open_store, upgrade
from tests.storage.test_contract import append, claimed, event, opened, projection

COMMITS = 6
CUTS = 60


async def written(folder: Path, vault: Vault) -> list[int]:
    """Write a visit's events in several commits; return the length of the log after each."""
    url = f"sqlite:///{folder / 'v.db'}"
    upgrade(url)
    store = open_store(url, vault)
    await store.start()
    await opened(store)
    base = append(await claimed(store))
    ends = [_log(folder).stat().st_size]
    for number in range(COMMITS):
        events: tuple[StoredEvent, ...] = (event(2 + 2 * number), event(3 + 2 * number))
        following = replace(base.projection, seq=3 + 2 * number, state=f"s{number}")
        await store.append(replace(base, base_seq=1 + 2 * number, events=events, projection=following))
        ends.append(_log(folder).stat().st_size)
    shutil.copytree(folder, folder.parent / "as it was")  # as the disk is at this moment, before anything is tidied up
    await store.close()
    return ends


def _log(folder: Path) -> Path:
    return folder / "v.db-wal"


@pytest.mark.parametrize("garbled", [False, True], ids=["cut", "garbled"])
async def test_a_torn_log_leaves_whole_commits(tmp_path: Path, vault: Vault, garbled: bool) -> None:
    folder = tmp_path / "live"
    folder.mkdir()
    ends = await written(folder, vault)
    assert ends == sorted(set(ends)), "each commit makes the log longer"
    chance = random.Random(7)
    places = [*ends, *(chance.randrange(ends[0], ends[-1]) for _ in range(CUTS))]
    for number, place in enumerate(places):
        broken = tmp_path / f"{number}"
        shutil.copytree(tmp_path / "as it was", broken)
        (broken / "v.db-shm").unlink(missing_ok=True)  # memory is gone with the machine
        with _log(broken).open("r+b") as log:
            log.truncate(place)
            if garbled:
                log.seek(0, 2)
                log.write(chance.randbytes(ends[-1] - place))
        kept = sum(end <= place for end in ends) - 1
        await _whole(broken, vault, kept)
        shutil.rmtree(broken)


async def _whole(folder: Path, vault: Vault, kept: int) -> None:
    """The first ``kept`` commits are there, nothing of the next, and work goes on."""
    store = open_store(f"sqlite:///{folder / 'v.db'}", vault)
    assert isinstance(store, SqlStore)
    await store.start()
    visit = projection().visit_id
    journal = await store.journal(visit)
    assert [stored.seq for stored in journal] == list(range(1, 2 + 2 * kept))
    assert (await store.get(visit)).seq == len(journal)
    claim = await store.claim(visit, "after", 10**15, 10**15 + 1)
    assert claim is not None
    seq = len(journal) + 1
    following = replace(claim.projection, seq=seq)
    await store.append(
        replace(append(claim), base_seq=seq - 1, events=(event(seq),), projection=following, release=True)
    )
    assert len(await store.journal(visit)) == seq
    await store.close()
    with sqlite3.connect(folder / "v.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
