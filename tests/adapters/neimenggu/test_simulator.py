"""Adapter and simulator, written apart from one document, speak to each other; the book is a real database."""

from __future__ import annotations

import asyncio
import datetime
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from adapters.neimenggu import Neimenggu
from engine.adapter import Call
from engine.environment import SECOND
from engine.outcomes import Category, Done, InDoubt, NotSent, Refused
from engine.store import Store
from storage import Books, open_books
from tests.adapters.neimenggu.examples import PDF
from tests.conftest import DURABLE
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[3]
TODAY = datetime.datetime.now(ZoneInfo("Asia/Shanghai")).date()


@dataclass
class Simulated:
    """The simulator's process and its two ports."""

    url: str
    control: str

    def tell(self, method: str, path: str, body: Any = None) -> Any:
        return (
            httpx.request(method, self.control + path, json=body, trust_env=False, timeout=PATIENCE)
            .raise_for_status()
            .json()
        )


@pytest.fixture(scope="module")
def process() -> Iterator[Simulated]:
    command = [sys.executable, "-m", "simulators.neimenggu", "--port", "0", "--control-port", "0"]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    ready = json.loads(child.stdout.readline())
    yield Simulated(ready["url"], ready["control"])
    child.terminate()
    child.wait(PATIENCE)
    child.stdout.close()


@pytest.fixture
def centre(process: Simulated, monkeypatch: pytest.MonkeyPatch) -> Simulated:
    """Nobody is logged in, nothing is switched, no fault waits. The simulator's own user and key."""
    monkeypatch.setenv("VISITFLOW_NEIMENGGU_KEY", "0123456789ABCDEF" * 2)
    monkeypatch.setenv("VISITFLOW_NEIMENGGU_PASSWORD", "secret")
    process.tell("DELETE", "/sessions")
    process.tell("DELETE", "/faults")
    process.tell("PUT", "/switches", {"verb": "any", "carrier": "any", "encrypted_answers": False})
    return process


@pytest.fixture
def books(store: Store) -> Books:
    return open_books(store)


@pytest.fixture
async def worker(centre: Simulated, books: Books) -> AsyncIterator[Any]:
    """Make workers of one hospital; each is a process as far as the centre and the book can tell."""
    made: list[Neimenggu] = []

    def make(**settings: Any) -> Neimenggu:
        given = {"url": f"{centre.url}/nm-his", "username": "hospital", **settings}
        adapter = Neimenggu.from_settings(given)
        adapter.equip(books.equipment)
        made.append(adapter)
        return adapter

    yield make
    for adapter in made:
        await adapter.close()


on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
on_both = pytest.mark.parametrize("store_url", DURABLE, indirect=True)


async def call(adapter: Neimenggu, operation: str, request: dict[str, Any] | None = None) -> Any:
    return await adapter.call(Call(operation, request or {}, "NM000120260301100000000001", 10 * SECOND, lambda: True))


def heard(outcome: Any) -> bool:
    """The centre has looked; that nobody was uploaded is its answer to a question without a stay."""
    return isinstance(outcome, Refused) and outcome.code == "230003"


@on_sqlite
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"verb": "GET", "carrier": "query"},
        {"carrier": "json", "encrypted_answers": "auto"},
        {"carrier": "query", "encrypted_answers": "yes"},
        {"carrier": "body", "encrypted_answers": "yes"},
    ],
    ids=str,
)
async def test_a_stay_there_and_back(centre: Simulated, worker: Any, settings: dict[str, str]) -> None:
    encrypted = settings.get("encrypted_answers") == "yes"
    carrier = {"body": "raw"}.get(settings.get("carrier", "form"), settings.get("carrier", "form"))
    switches = {"verb": settings.get("verb", "POST"), "carrier": carrier, "encrypted_answers": encrypted}
    centre.tell("PUT", "/switches", switches)
    tag = f"{len(centre.tell('GET', '/world')['people']):03d}"
    person = centre.tell("POST", "/people", {"injury": f"RD{tag}", "cure": f"SQ{tag}", "card": f"K{tag}"})
    adapter = worker(**settings)
    found = await call(adapter, "find_injuries", {"aac002": person["aac002"], "aac003": person["aac003"]})
    assert isinstance(found, Done), found
    injury = found.reply["lc01"][0]
    assert injury["alca02"] == f"RD{tag}"
    cures = await call(adapter, "find_treatments", {"alca02": injury["alca02"]})
    assert isinstance(cures, Done)
    stay = f"ZY{tag}"
    kc21 = {name: person[name] for name in ("aab001", "aac001", "aac002", "aac003", "aac004")} | {
        "aka130": "21",
        "akc191": "7",
        "akc190": stay,
        "akc192": TODAY.isoformat(),
        "alc028": "T14.900",
        "alca02": injury["alca02"],
        "aae073": cures.reply["lkb7"][0]["aae073"],
        "alk023": "骨科",
        "akc199": "301",
        "alk024": "12",
        "ysbm": "测医师",
        "sbkid": person["aaz500"],
    }
    registered = await call(adapter, "register", {"isnewinjure": "0", "kc21": kc21})
    assert isinstance(registered, Done), registered
    again = await call(adapter, "register", {"isnewinjure": "0", "kc21": kc21})
    assert isinstance(again, Refused)
    assert again.category in (Category.ALREADY_DONE, Category.ORDER)
    assert person["aac002"] not in again.message
    orders = [{"aae080": "YZ1", "alk009": "一级护理", "alk016": "测医师", "alk017": "测护士"}]
    uploaded = await call(adapter, "upload_lines", {"akc190": stay, "advice": orders})
    assert isinstance(uploaded, Done)
    assert uploaded.reply["counts"] in (0, 1)
    listed = await call(adapter, "list_stays", {"akc190": stay})
    assert isinstance(listed, Done)
    assert [row["akc190"] for row in listed.reply["detailData"]] == [stay]
    undone = await call(adapter, "cancel_registration", {"akc190": stay, "alca02": injury["alca02"]})
    assert isinstance(undone, Done | Refused)


@on_sqlite
async def test_material_is_understood(centre: Simulated, worker: Any, books: Books) -> None:
    adapter = worker()
    kept, _ = await books.files.add(PDF, "pdf", "发票.pdf", 0)
    request = {
        "file": kept.file_id,
        "akc190": "ZY-none",
        "invoiceType": "pdf",
        "invoiceNo": "FP1",
        "invoiceMoney": "25.00",
        "rolltype": "0",
        "filetype": "01",
    }
    outcome = await call(adapter, "send_material", request)
    assert isinstance(outcome, Refused | InDoubt)
    assert outcome.exchange is not None
    assert b"sessionid" not in (outcome.exchange.reply or b""), "the session was accepted, the stay was not"


@on_both
async def test_workers_share_a_session_and_renew_it(centre: Simulated, worker: Any) -> None:
    workers = [worker(), worker()] * 5

    def log_ins() -> int:
        asked = centre.tell("GET", "/ledger")["requests"]
        return sum(each["count"] for each in asked if each["method"] == "login")

    before = log_ins()
    outcomes = await asyncio.gather(*(call(each, "list_stays", {"akc190": "ZY-none"}) for each in workers))
    assert all(map(heard, outcomes))
    assert log_ins() == before + 1
    centre.tell("DELETE", "/sessions")
    outcomes = await asyncio.gather(*(call(each, "list_stays", {"akc190": "ZY-none"}) for each in workers))
    assert all(map(heard, outcomes))
    assert log_ins() == before + 2


@on_both
async def test_a_lost_log_in_waits_and_a_person_ends_it(centre: Simulated, worker: Any) -> None:
    adapter = worker()
    centre.tell("POST", "/faults", {"fault": "lose_reply", "interface": "4.1", "times": 1})
    first = await call(adapter, "list_stays")
    assert isinstance(first, NotSent)
    second = await call(adapter, "list_stays")
    assert isinstance(second, NotSent)
    assert "21003" in second.reason
    centre.tell("DELETE", "/sessions")  # somebody logs out on the web
    assert isinstance(await call(adapter, "list_stays"), NotSent), "not asked again yet"
    assert isinstance(await call(adapter, "log_in"), Done), "a person says so"
    assert heard(await call(adapter, "list_stays", {"akc190": "ZY-none"}))


@on_sqlite
async def test_a_wrong_password(centre: Simulated, worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISITFLOW_NEIMENGGU_PASSWORD", "wrong")
    adapter = worker()
    for _ in range(3):
        outcome = await call(adapter, "list_stays")
        assert isinstance(outcome, Refused)
        assert outcome.category is Category.CREDENTIALS
    monkeypatch.setenv("VISITFLOW_NEIMENGGU_PASSWORD", "secret")
    assert heard(await call(adapter, "list_stays", {"akc190": "ZY-none"}))
