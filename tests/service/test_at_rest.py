"""After a busy day through API, gateway and platform the database holds nothing of any person in clear (G10)."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, select

from engine.store import VisitFilter
from service.masking import masked
from service.webhooks import Webhook
from storage import SqlStore
from storage.sql_store import flow_versions, visits
from tests import people
from tests.conftest import DURABLE
from tests.leaks import found_in
from tests.service.gateway.bench import bench as gateway
from tests.service.gateway.test_visits import registered, settled
from tests.service.platform.bench import bench as platform
from tests.service.platform.test_repeats import request
from tests.service.test_batches import confirm, preview, worker
from tests.service.test_keeping import _tools  # noqa: F401 - pg_dump, for every test here
from tests.service.test_webhooks import ENDPOINT, Receiver, deliver
from tests.service.wired import Wired, opened, settings
from tests.toy import refuse
from tests.world import World

#: Shorter ones stand in random text as well.
_SHORTEST = 8
_ID = re.compile("[0-9a-z]{26}")  #: of a request or an approval
WHO = f"{people.name(1)} {people.identity_number(1)}"
WHY = {"reason": f"{WHO} came to the desk", "by": "wang"}


async def api_day(store: SqlStore) -> None:
    """Everything that the API keeps beside journals: keyed answers, approvals, batches, deliveries, audit."""
    wired = Wired(await World(store=store).start(), settings=settings(four_eyes=True))
    receiver = Receiver()
    hook = Webhook(wired.application, ENDPOINT, receiver)
    await hook.gather()
    async with (
        wired.client(await wired.key("supervisor", "wang")) as wang,
        wired.client(await wired.key("supervisor", "li")) as li,
    ):
        body = {"flow": "toy.visit", "key": "A1", "data": {"patient": WHO, "invoice": "I1"}}
        answer = await wang.post("/api/v1/visits", json=body)
        assert answer.status_code == 201
        visit = answer.json()["visit"]
        await wired.world.run()
        correction = {**WHY, "changes": {"patient": WHO + "x"}}
        asked = await wang.post(f"/api/v1/visits/{visit}/reverse", json=WHY | {"state": "registered"})
        assert asked.status_code == 202, asked.text
        approved = await li.post(f"/api/v1/approvals/{asked.json()['approval']}/approve", json={"reason": WHO})
        assert approved.status_code == 200, approved.text
        await wired.world.run()
        corrected = await wang.post(
            f"/api/v1/visits/{visit}/correct", json=correction, headers={"Idempotency-Key": "twice"}
        )
        assert corrected.status_code == 200, corrected.text
        wired.world.peer.fail("settle", refuse)
        await opened(wang, "A2", patient=WHO, invoice="I2")
        await wired.world.run()
        found = await preview(wang, reason=WHO)
        await confirm(wang, found)
        while await worker(wired).work():
            pass
    await deliver(wired, hook)
    assert receiver.told


async def gateway_day(store: SqlStore) -> None:
    async with gateway(store) as desk:
        await settled(desk, "MZ1")
        await registered(desk, "MZ2")


async def platform_day(store: SqlStore) -> None:
    name, number = people.name(2), people.identity_number(2)
    card = {"medicalCardNumber": "CARD-SECRET-77"}
    calls = {
        "1.2.4": card | {"name": name, "idcard": number},
        "3.1.2": card | {"idCard": number, "outTradeNo": "ZJZF1"},
        "5.1.1": card | {"idCard": number},
        "20.1.7": card | {"patientName": name, "idCard": number, "todayRegisterId": "T1", "payId": "P1"},
    }
    async with platform(store) as desk:
        for operation, members in calls.items():
            answer = await desk.post(operation, request(operation, **members))
            assert answer["success"], answer


def hidden(data: Any, shown: Any) -> Iterator[str]:
    """Yield what masking hides: what a role without the right to personal data does not see."""
    if isinstance(data, Mapping):
        for name, item in data.items():
            yield from hidden(item, shown[name])
    elif isinstance(data, list):
        for item, mask in zip(data, shown, strict=True):
            yield from hidden(item, mask)
    elif isinstance(data, str) and data != shown:
        yield data


async def secrets_of(store: SqlStore) -> set[str]:
    """Return what journals hold about people, leaving out what is the lists' and the flows' own."""
    found: set[str] = set()
    for projection in await store.visits(VisitFilter(limit=1000)):
        for event in await store.journal(projection.visit_id):
            data = json.loads(event.payload)
            found |= set(hidden(data, masked(data)))

    def open_text(connection: Any) -> str:
        lists = connection.execute(select(visits.c.key, visits.c.waiting_for, visits.c.state, visits.c.visit_id)).all()
        return repr(lists) + "".join(connection.execute(select(flow_versions.c.definition)).scalars())

    public = await store.read(open_text)
    return {
        each for each in found if len(each.encode()) >= _SHORTEST and each not in public and not _ID.fullmatch(each)
    }


def content(url: str, folder: Path) -> bytes:
    """Return all that the database is on the disk, its log as well, or all that a dump tells."""
    if url.startswith("sqlite"):
        files = [file for file in folder.iterdir() if file.name.startswith("visitflow.db")]
        assert any(file.name.endswith("-wal") and file.stat().st_size for file in files)
        return b"".join(file.read_bytes() for file in files)
    plain = make_url(url).render_as_string(hide_password=False)
    return subprocess.run(["pg_dump", "--inserts", plain], check=True, capture_output=True).stdout


@pytest.mark.slow
@pytest.mark.parametrize("store_url", DURABLE, indirect=True)
async def test_nobody_is_found_in_the_database(store: SqlStore, store_url: str, tmp_path: Path) -> None:
    for day in (api_day, gateway_day, platform_day):
        await day(store)
    secrets = await secrets_of(store)
    told = "\n".join(secrets)
    assert found_in(told), "the day was not busy: nobody went through it"
    for number in (1, 2):
        assert people.identity_number(number) in told
        assert any(people.name(number) in each for each in secrets)
    assert "CARD-SECRET-77" in secrets
    assert len(secrets) > 50
    kept = content(store_url, tmp_path)
    assert b"toy.visit" in kept, "this is the database"
    text = kept.decode("utf-8", "replace")
    assert found_in(text) is None
    found = sorted(each for each in secrets if each.encode() in kept or each.encode("unicode_escape") in kept)
    assert found == []


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """The same looking, at a database of before there were keys."""
    log = tmp_path / "visitflow.db-wal"
    (tmp_path / "visitflow.db").write_bytes(b"\x00")
    for held, kind in ((people.identity_number(1), "identity number"), (people.name(1), "name")):
        log.write_bytes(b"\xff" + json.dumps({"certno": held}, ensure_ascii=False).encode())
        assert found_in(content("sqlite:///", tmp_path).decode("utf-8", "replace")) == kind
    assert set(hidden(*(({"name": WHO, "kind": "opened"}, masked({"name": WHO, "kind": "opened"}))))) == {WHO}
    assert re.search(r"\d{18}|\d{17}X", WHO)
