"""The whole service on the library: it dies in the middle of a settlement, and money moves once."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from engine import tables
from engine.environment import SystemEnvironment
from engine.registry import Registry
from flows import load_catalogue, load_site
from service.demo import FLOW, Process, Stage, centre_books, our_books
from storage import Vault, open_store
from tests.conftest import TEST_KEY
from tests.jiangsu import ROOT

KEY = "MZDLL0001"


@contextmanager
def service_on(library: Path, folder: Path) -> Iterator[Stage]:
    """A centre and a service that reaches it through the library, each a process; faults in ``folder``."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("VISITFLOW_", "VF_"))}
    command = [sys.executable, "-m", "simulators.jiangsu", "--port", "0", "--control-port", "0"]
    ready = folder / "centre.ready"
    centre = Process("centre", [*command, "--ready-file", str(ready)], clean, folder / "centre.log", ready)
    centre.start()
    ready = folder / "service.ready"
    service = Process(
        "service",
        [sys.executable, "-m", "service", "serve", "--port", "0", "--ready-file", str(ready)],
        clean
        | {
            "VISITFLOW_DATA": str(folder / "data"),
            "VISITFLOW_SITE": str(folder / "flows.yaml"),
            "VISITFLOW_EXCHANGE_KEYS": f"test:{b64encode(secrets.token_bytes(32)).decode()}",
            "VF_DLL_PORT": str(urlsplit(centre.ready["url"]).port),
            "VF_DLL_FAULTS": str(folder / "faults"),
        },
        folder / "service.log",
        ready,
    )
    write_site(folder / "flows.yaml", library)
    try:
        upgrade = [sys.executable, "-m", "service", "db", "upgrade"]
        subprocess.run(upgrade, env=service.environment, check=True, capture_output=True)
        asyncio.run(make_known(folder / "flows.yaml", f"sqlite:///{folder / 'data' / 'visitflow.db'}"))
        service.start()
        yield Stage(folder, centre, service)
    finally:
        service.stop()
        centre.stop()


def write_site(path: Path, library: Path) -> None:
    """The shipped site file with the library in place of the gateway, and little patience."""
    site = tables.load((ROOT / "flows.yaml").read_text(encoding="utf-8"))
    site["include"] = [str(ROOT / pattern) for pattern in site["include"]]
    site["adapters"] = {"jiangsu_dll": {"library": str(library), "fixmedins_code": "H32132200561"}}
    settling = {"first_look": "1s", "look_again": "1s", "late_look": "2s"}
    site["overrides"] = {FLOW: {"adapters": {"centre": "jiangsu_dll"}, "settling": settling}}
    with path.open("w", encoding="utf-8") as file:
        yaml.safe_dump(site, file, allow_unicode=True, sort_keys=False)


async def make_known(site: Path, url: str) -> None:
    """Spare the service the proof: it is the shipped flow, whose proof is the same whatever its adapter is called."""
    store = open_store(url, Vault.parse(TEST_KEY))
    await store.start()
    await Registry(store, load_catalogue(), SystemEnvironment()).load(load_site(site).definitions)
    await store.close()


def settle(stage: Stage, key: str, number: int) -> dict[str, object]:
    """Bring a visit to its settlement, let it be settled, and return it closed."""
    visit = stage.open(key, number)
    stage.wait(visit, lambda shown: bool(shown["state"] == "pre_settled" and shown["status"] == "waiting"))
    body = {"trigger": "settle", "data": {"invoice_no": f"FP{number}"}, "by": "HIS"}
    stage.call("POST", f"/api/v1/visits/{visit}/trigger", body)
    return stage.wait(visit, lambda shown: bool(shown["status"] == "closed"))


@pytest.mark.slow
def test_a_crash_in_the_middle_of_2207_moves_money_once(library: Path, tmp_path: Path) -> None:
    with service_on(library, tmp_path) as stage:
        (tmp_path / "faults").write_text("segfault after 2207\n", encoding="utf-8")
        shown = settle(stage, KEY, 1)
        assert shown["state"] == "discharged"
        assert (tmp_path / "faults").read_text(encoding="utf-8") == "", "the library did die"
        ledger = stage.control("GET", "/ledger")
        assert our_books(shown) == centre_books(ledger["totals"], KEY)
        assert [(each["why"], each["amount"]) for each in ledger["movements"]] == [("2207", our_books(shown).settled)]
        settled = [each for each in ledger["messages"] if each["code"] == "2207" and each["result"] == "applied"]
        assert len(settled) == 1
        assert stage.call("GET", "/healthz")["zombies"] == 0
        assert stage.service.child is not None
        assert stage.service.child.poll() is None, "the service stayed up"
    log = (tmp_path / "service.log").read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert log.count("dll_host_failed") == 1
    assert "DEMO-" not in log, "credentials do not belong into logs (G10)"
