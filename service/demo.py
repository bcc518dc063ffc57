"""The demonstration: a real service and a real peer, four visits, one of them across a SIGKILL.

Everything goes through the HTTP API and the centre's control port, as a HIS and an onlooker would; nothing is faked.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import yaml

from engine import tables
from engine.facts import loads

FLOW = "jiangsu.outpatient"
#: Short patience, so that a demonstration takes seconds; the shipped flow waits longer before it looks.
SETTLING = {"first_look": "1s", "look_again": "1s", "late_look": "2s"}
_POLL = 0.05
_PATIENCE = 40.0


class DemoFailed(RuntimeError):
    """The demonstration did not come to its end; the message says where the logs are."""


@dataclass(slots=True)
class Process:
    """A child process of ours, ended by its own id."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    ready_file: Path
    patience: float = _PATIENCE  #: seconds until it has to answer
    child: subprocess.Popen[bytes] | None = None
    ready: dict[str, Any] = field(default_factory=dict)

    def start(self) -> None:
        """Start it and wait until it answers. Raises DemoFailed."""
        self.ready_file.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                self.command, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + self.patience
        while not self.ready_file.exists():
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise DemoFailed(f"{self.name} did not start; see {self.log}")
            time.sleep(_POLL)
        self.ready = json.loads(self.ready_file.read_text(encoding="utf-8"))

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.child is not None:
            self.child.send_signal(signal.SIGKILL)
            self.child.wait()

    def stop(self) -> None:
        """Ask it to end; insist after a while."""
        if self.child is None or self.child.poll() is not None:
            return
        self.child.terminate()
        try:
            self.child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()


@dataclass(slots=True)
class Stage:
    """Service and centre, and the ways to talk to both."""

    folder: Path
    centre: Process
    service: Process

    @property
    def api(self) -> str:
        """Return the service's address."""
        return str(self.service.ready["url"])

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the service's API. Raises DemoFailed with its error."""
        response = httpx.request(method, f"{self.api}{path}", json=body, timeout=30, trust_env=False)
        answer = loads(response.content)
        if response.status_code >= 400:
            raise DemoFailed(f"{method} {path}: {answer}")
        return answer

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call the centre's control port."""
        response = httpx.request(
            method, f"{self.centre.ready['control']}{path}", json=body, timeout=30, trust_env=False
        )
        return loads(response.content)

    def open(self, key: str, number: int) -> str:
        """Open a visit of an invented person with two fee lines; return its id."""
        visit = self.call("POST", "/api/v1/visits", {"flow": FLOW, "key": key, "data": invented_visit(key, number)})
        return str(visit["visit"])

    def wait(self, visit: str, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the visit once ``reached`` says so. Raises DemoFailed."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            shown: dict[str, Any] = self.call("GET", f"/api/v1/visits/{visit}")
            if reached(shown):
                return shown
            if time.monotonic() > deadline:
                raise DemoFailed(f"{shown['key']} stays in {shown['state']} ({shown['status']}, {shown['cause']})")
            time.sleep(_POLL)


def invented_visit(key: str, number: int) -> dict[str, Any]:
    """Return what a HIS would hand over for an outpatient; the person exists nowhere."""
    today = time.strftime("%Y%m%d")
    lines = [("X光检查", "80.0000", "1", "80.00"), ("换药", f"{15 + number}.5000", "2", f"{31 + 2 * number}.00")]
    return {
        "identify_mode": "2",
        "qr_code_info": f"DEMO-{key}",
        "adm_time": f"{today}083000",
        "diagnosis": "S62.600",
        "dept_code": "0301",
        "dept_name": "骨科门诊",
        "doctor_code": "D0007",
        "doctor_name": "甘宁远",
        "fee_lines": [
            {
                "rxno": f"RX{key}",
                "feedetl_sn": str(index),
                "list_type": "2",
                "med_list_codg": f"ITEM{index:03d}",
                "name": name,
                "pric": price,
                "cnt": count,
                "umamt": amount,
                "fee_ocur_time": f"{today}0900{index:02d}",
            }
            for index, (name, price, count, amount) in enumerate(lines, 1)
        ],
    }


@contextmanager
def stage(
    folder: Path,
    site: Path,
    *,
    store: str = "",
    settling: Mapping[str, Any] | None = None,
    schedules: Sequence[Mapping[str, Any]] = (),
    overrides: Mapping[str, Any] | None = None,
    more: Mapping[str, str] | None = None,
) -> Iterator[Stage]:
    """Start a centre and a service with fresh data in ``folder``; stop both at the end.

    ``store`` is the URL of an empty database (default: SQLite in ``folder``). With ``schedules`` every shipped flow is
    on; without, sessions are left out: what is shown is four visits, at any time of day. ``overrides`` are a site's, of
    flows beside the outpatients'; ``more`` are settings of the service (``VISITFLOW_...``).
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VISITFLOW_")}
    centre = Process(
        "centre",
        [
            *(sys.executable, "-m", "simulators.jiangsu", "--port", "0", "--control-port", "0"),
            *("--data", str(folder / "centre"), "--ready-file", str(folder / "centre.ready")),
        ],
        environment,
        folder / "centre.log",
        folder / "centre.ready",
    )
    service = Process(
        "service",
        [sys.executable, "-m", "service", "serve", "--port", "0", "--ready-file", str(folder / "service.ready")],
        environment
        | {
            "VISITFLOW_DATA": str(folder / "data"),
            "VISITFLOW_STORE": store,
            "VISITFLOW_SITE": str(folder / "flows.yaml"),
            "VISITFLOW_EXCHANGE_KEYS": f"demo:{b64encode(secrets.token_bytes(32)).decode()}",
            **(more or {}),
        },
        folder / "service.log",
        folder / "service.ready",
    )
    try:
        centre.start()
        changes = {FLOW: {"settling": dict(settling or SETTLING)}, **(overrides or {})}
        _write_site(site, folder / "flows.yaml", centre.ready["url"], changes, schedules)
        upgrade = [sys.executable, "-m", "service", "db", "upgrade"]
        subprocess.run(upgrade, env=service.environment, check=True, capture_output=True)  # noqa: S603 - our own
        service.start()
        yield Stage(folder, centre, service)
    finally:
        service.stop()
        centre.stop()


def _write_site(
    shipped: Path, target: Path, url: str, overrides: Mapping[str, Any], schedules: Sequence[Mapping[str, Any]]
) -> None:
    """Write a site file beside the shipped one: same flows, the simulated centre's address, its own overrides."""
    site = tables.load(shipped.read_text(encoding="utf-8"))
    site["include"] = [str((shipped.parent / pattern).resolve()) for pattern in site["include"]]
    site["adapters"]["jiangsu_gateway"]["url"] = url
    site["overrides"] = dict(overrides)
    if not schedules:  # no sessions: who plays counts what happens
        site["flows"] = [name for name in site["flows"] if name != "jiangsu.session"]
    site["schedules"] = [dict(each) for each in schedules]
    with target.open("w", encoding="utf-8") as file:
        yaml.safe_dump(site, file, allow_unicode=True, sort_keys=False)


# -- the four visits
def clean(stage: Stage, key: str) -> str:
    """(a) Nothing goes wrong."""
    visit = stage.open(key, 1)
    stage.wait(visit, _in("pre_settled"))
    _settle(stage, visit, key)
    stage.wait(visit, _closed)
    return visit


def lost_reply(stage: Stage, key: str) -> str:
    """(b) The centre settles, and its answer never arrives."""
    visit = stage.open(key, 2)
    stage.wait(visit, _in("pre_settled"))
    stage.control("POST", "/faults", {"transactionCode": "2207", "ipt_otp_no": key, "fault": "lose_reply"})
    _settle(stage, visit, key)
    stage.wait(visit, _closed)
    return visit


def killed(stage: Stage, key: str) -> str:
    """(c) The engine is killed while the settlement is in the air, and started again."""
    visit = stage.open(key, 3)
    stage.wait(visit, _in("pre_settled"))
    fault = {"transactionCode": "2207", "ipt_otp_no": key, "fault": "hang", "applied": True}
    stage.control("POST", "/faults", fault)
    _settle(stage, visit, key)
    deadline = time.monotonic() + _PATIENCE
    while "hang" not in stage.control("GET", "/faults")["struck"]:
        if time.monotonic() > deadline:
            raise DemoFailed("the settlement never reached the centre")
        time.sleep(_POLL)
    stage.service.kill()
    stage.service.start()
    stage.wait(visit, _closed)
    return visit


def reversed_to_start(stage: Stage, key: str) -> str:
    """(d) A settled visit is taken back to the very beginning."""
    visit = stage.open(key, 4)
    stage.wait(visit, _in("pre_settled"))
    _settle(stage, visit, key)
    stage.wait(visit, _closed)
    body = {"by": "demo", "reason": "挂错号，全部退回"}
    stage.call("POST", f"/api/v1/visits/{visit}/cancel", body)
    stage.wait(visit, lambda shown: shown["state"] == "cancelled" and _closed(shown))
    return visit


def _settle(stage: Stage, visit: str, key: str) -> None:
    body = {"trigger": "settle", "data": {"invoice_no": f"FP{key[2:]}"}, "by": "HIS"}
    stage.call("POST", f"/api/v1/visits/{visit}/trigger", body)


def _in(state: str) -> Callable[[dict[str, Any]], bool]:
    return lambda shown: shown["state"] == state and shown["status"] == "waiting"


def _closed(shown: dict[str, Any]) -> bool:
    return bool(shown["status"] == "closed")


# -- the two ledgers
@dataclass(frozen=True, slots=True)
class Books:
    """What one side says of a visit."""

    registrations: int
    lines: Decimal
    settled: Decimal
    fund: Decimal
    own: Decimal


def our_books(shown: dict[str, Any]) -> Books:
    """Return what the visit's own data says."""
    data = shown["data"]

    def amount(name: str) -> Decimal:
        return Decimal(data.get(name, "0.00"))

    return Books(
        registrations=1 if "visit_no" in data else 0,
        lines=amount("uploaded_total"),
        settled=amount("total_amt"),
        fund=amount("fund_amt"),
        own=amount("self_amt"),
    )


def centre_books(totals: dict[str, Any], key: str) -> Books:
    """Return what the centre's ledger says of the visit."""
    row = totals.get(key)
    if row is None:
        return Books(0, *[Decimal("0.00")] * 4)
    return Books(row["registrations"], row["line_total"], row["settled_total"], row["fund"], row["self"])
