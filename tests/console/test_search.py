"""The list of all visits, and one found by what somebody has in hand."""

from __future__ import annotations

import re

import httpx
import pytest

from service.console import search
from service.patients import index
from tests.console.conftest import SignedIn
from tests.console.seed import Seed
from tests.people import identity_number

ROW = re.compile(r'<a class="whole" id="visit-\w+" href="[^"]+">([^<]+)</a>')
CSRF = re.compile(r'name="csrf" value="([^"]+)"')


async def listed(client: httpx.AsyncClient, query: str = "") -> list[str]:
    answer = await client.get(f"/console/visits{query}")
    assert answer.status_code == 200, answer.text
    return ROW.findall(answer.text)


async def find(client: httpx.AsyncClient, typed: str) -> httpx.Response:
    form = {"number": typed, "csrf": CSRF.findall((await client.get("/console/visits")).text)[0]}
    return await client.post("/console/visits", data=form)


async def test_all_visits_are_listed_newest_first_and_narrowed(seed: Seed, signed_in: SignedIn) -> None:
    async with signed_in() as client:
        every = await listed(client)
        assert every == [f"MZ2026112000{number}" for number in (7, 6, 5, 4, 2, 1, 3)]
        assert await listed(client, "?status=closed") == ["MZ20261120006", "MZ20261120001"]
        assert await listed(client, "?flow=jiangsu.inpatient") == []
        stuck = await listed(client, "?flow=jiangsu.outpatient&status=stuck")
        assert stuck and set(stuck) < set(every)
        assert await listed(client, "?flow=jiangsu.outpatient&state=read&status=") == []
        assert (await client.get("/console/visits?status=lost")).status_code == 422


async def test_older_visits_stand_on_further_pages(
    seed: Seed, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "AT_ONCE", 3)
    async with signed_in() as client:
        every, address, seen = await listed(client, "?flow=jiangsu.outpatient"), "", list[str]()
        address = "/console/visits?flow=jiangsu.outpatient"
        while address:
            text = (await client.get(address)).text
            seen += ROW.findall(text)
            found = re.search(r'id="older" href="([^"]+)"', text)
            address = found[1].replace("&amp;", "&") if found else ""
    assert seen[:3] == every and len(seen) == len(set(seen)) == 7
    assert 'id="newest"' in text


@pytest.mark.parametrize("what", ["key", "id", "id in capitals"])
async def test_a_number_leads_to_its_visit(seed: Seed, signed_in: SignedIn, what: str) -> None:
    visit = seed.visits["doubt"]
    typed = {"key": " MZ20261120007 ", "id": visit, "id in capitals": visit.upper()}[what]
    async with signed_in("zhao") as client:
        answer = await find(client, typed)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/console/visits/{visit}")


async def test_a_number_that_two_flows_know_leads_to_a_list(seed: Seed, signed_in: SignedIn) -> None:
    asked = {"operator": "001"}
    _, created = await seed.world.commands.open("jiangsu.session", "MZ20261120007", asked, "his")
    async with signed_in() as client:
        answer = await find(client, "MZ20261120007")
        assert answer.headers["location"] == "/console/visits?key=MZ20261120007"
        assert await listed(client, "?key=MZ20261120007") == ["MZ20261120007"] * 2
    assert created


async def test_a_person_is_found_by_name_or_number_and_stands_in_no_address(seed: Seed, signed_in: SignedIn) -> None:
    data = (await seed.world.commands.report(seed.visits["closed"])).visit.data
    while await index(seed.desk.application.registers.feed, b"test"):
        pass
    async with signed_in() as client:
        for typed in (data["psn_name"], data["psn_no"].lower()):
            answer = await find(client, typed)
            where = answer.headers["location"]
            assert answer.status_code == 303 and typed not in where
            assert "MZ20261120001" in await listed(client, where.removeprefix("/console/visits"))
            assert typed not in (await client.get(where)).text
    async with signed_in("zhao") as client:  # an analyst may not ask who has been here
        assert (await find(client, data["psn_name"])).status_code == 200


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_what_is_not_found_is_not_repeated(seed: Seed, signed_in: SignedIn, language: str) -> None:
    number = identity_number(3)
    async with signed_in(language=language) as client:
        answer = await find(client, number)
        assert answer.status_code == 200 and number not in answer.text
        assert ("没有找到这样的就诊" if language == "zh" else "No visit is found by that") in answer.text
        assert (await find(client, "x" * 101)).status_code == 422
        assert (await client.post("/console/visits", data={"number": "1"})).status_code == 403
