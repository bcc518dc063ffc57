"""Lists: paging, ages, patients; fee lines in bulk; the webhook and patients' settings."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from engine.environment import HOUR
from engine.store import Store
from service.masking import masked, masked_text
from service.patients import Known, index, patient_hash, patients
from service.settings import Settings
from storage.registers import FeedEvent, PatientOf
from tests.conftest import STORES
from tests.service.wired import Wired, opened
from tests.world import World

every_store = pytest.mark.parametrize("store_url", STORES, indirect=True)


@pytest.fixture
async def wired(store: Store) -> Wired:
    return Wired(await World(store).start())


@pytest.fixture
async def client(wired: Wired) -> AsyncIterator[httpx.AsyncClient]:
    async with wired.client() as made:
        yield made


async def keys(client: httpx.AsyncClient, **query: str | int) -> list[str]:
    answer = await client.get("/api/v1/visits", params=query)
    assert answer.status_code == 200, answer.text
    return [each["key"] for each in answer.json()]


@every_store
async def test_pages_follow_each_other_without_gaps(client: httpx.AsyncClient) -> None:
    for number in range(7):
        await opened(client, f"K{number}")
    found, url, pages = [], "/api/v1/visits?flow=toy.visit&limit=3", 0
    while url:
        answer = await client.get(url)
        if not pages:
            await opened(client, "LATER")  # new ones do not shift pages
        found += [each["key"] for each in answer.json()]
        pages += 1
        url = answer.links["next"]["url"] if "next" in answer.links else ""
    assert (found, pages) == ([f"K{number}" for number in range(6, -1, -1)], 3)


@every_store
async def test_lists_by_age(client: httpx.AsyncClient, wired: Wired) -> None:
    await opened(client, "OLD")
    await wired.world.run()
    wired.world.environment.time += 5 * HOUR
    await opened(client, "NEW")
    assert await keys(client, idle_for="4h") == ["OLD"]
    assert await keys(client, older_than="4h") == ["OLD"]
    assert await keys(client, younger_than="4h") == ["NEW"]
    assert await keys(client, older_than="6h") == []
    assert (await client.get("/api/v1/visits?idle_for=soon")).json()["field"] == "idle_for"


@every_store
async def test_a_patients_visits_are_found_by_hash(client: httpx.AsyncClient, wired: Wired) -> None:
    mine, other = {"certno": "INVENTED00X"}, {"certno": "INVENTED001"}
    for key, person in (("K1", mine), ("K2", other), ("K3", mine)):
        await wired.world.commands.open("toy.visit", key, {"patient": "p"})
        visit = (await wired.world.store.find("toy.visit", key)) or (await wired.world.get(""))
        pair = PatientOf(patient_hash(b"test", person["certno"]), visit.visit_id)
        feed = wired.application.registers.feed
        at = await feed.begin("patients", 0)
        assert await feed.note_patients("patients", at, at, [pair, pair])
    hashed = (await client.post("/api/v1/patients/hash", json={"number": " invented00x"})).json()["patient"]
    assert await keys(client, patient=hashed) == ["K3", "K1"]
    assert await keys(client, patient="0" * 64) == []
    assert (await client.get("/api/v1/visits?patient=INVENTED00X")).status_code == 422


@every_store
async def test_patients_are_indexed_from_the_feed(wired: Wired) -> None:
    await wired.world.open()
    await wired.desk.hub.publish()
    feed = wired.application.registers.feed
    assert await index(feed, b"test") == 1
    assert await index(feed, b"test") == 0


def test_numbers_and_names_are_found_wherever_they_stand() -> None:
    payload = (
        '{"data": {"card": [{"aac002": "INVENTED1"}], "certno": "INVENTED2", "certno_x": "N", "name": "NO"},'
        ' "id_no": 3, "psn_no": "P1", "aac003": "测试甲"}'
    )
    event = FeedEvent(1, "V", "f", "k", 1, 0, "opened", payload)
    whose = {"INVENTED1": Known.IDENTITY, "invented2 ": Known.IDENTITY, "P1": Known.PERSON, "测试甲": Known.NAME}
    assert patients(b"k", [event, event]) == sorted((patient_hash(b"k", each), "V", whose[each]) for each in whose)


def test_masking_hides_what_it_does_not_know() -> None:
    seen = masked(
        {"infno": "2201", "psn_name": "INVENTED", "age": 40, "fee": "135.10", "tel": "13800000000", "x": [{"y": "z"}]}
    )
    assert seen == {
        "infno": "2201",
        "psn_name": "•••(8)",
        "age": 40,
        "fee": "135.10",
        "tel": "•••(11)",
        "x": [{"y": "•••(1)"}],
    }
    assert masked_text(b"INVENTED^13800000000") == "•••(20)"
    assert "INVENTED" not in masked_text(b'{"input": {"name": "INVENTED"}}')


@pytest.mark.parametrize("url", ["ftp://his/x", "http://user:password@his/x", "his.example/x"])
def test_a_webhook_needs_an_address(url: str) -> None:
    with pytest.raises(ValueError, match="expected http"):
        Settings(_env_file=None, webhook_url=url)  # type: ignore[call-arg]
