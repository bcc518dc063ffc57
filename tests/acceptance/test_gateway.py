"""The gateway endpoint through real processes: 000's sequences, a caller that gives up, a kill, and a real browser."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from service import demo
from service.gateway.endpoint import PATH
from tests.chromium import chromium, needs_chromium
from tests.jiangsu import ROOT
from tests.patience import PATIENCE
from tests.service.gateway.test_conversations import RECORDED, fits, said

pytestmark = pytest.mark.slow

PAGES = Path(__file__).parent / "pages"
JQUERY = Path("/usr/share/javascript/jquery/jquery.min.js")
OPENS = {"flow": "jiangsu.session", "key": "001-{day}", "data": {"operator": "001"}}
NEVER = {"name": "never", "at": "00:00", "open": OPENS, "enabled": False}
COMPLETE = {
    "action": "complete_process",
    "patientInfo": {
        "visit_type": "1",
        "dept_code": "001",
        "dept_name": "骨科",
        "doctor_code": "DOC001",
        "doctor_name": "测医生",
    },
    "feeDetails": [
        {
            "fee_ocur_time": "2024-12-01 10:30:00",
            "med_list_codg": "001",
            "med_list_name": "拍片费",
            "fee_amt": 120.00,
            "cnt": 1,
        }
    ],
}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Desk:
    """A front end, the service behind it, and the centre behind that."""

    def __init__(self, stage: demo.Stage) -> None:
        self.stage = stage

    @property
    def url(self) -> str:
        return str(self.stage.service.ready["gateway"])

    def post(self, body: dict[str, Any], patience: float = PATIENCE) -> dict[str, Any]:
        response = httpx.post(self.url, json=body, timeout=patience, trust_env=False)
        assert response.status_code == 200
        answer: dict[str, Any] = json.loads(response.content, parse_float=Decimal)
        return answer

    def applied(self, code: str) -> int:
        messages = self.stage.control("GET", "/ledger")["messages"]
        return sum(each["code"] == code and each["result"] == "applied" for each in messages)

    def settlements(self) -> int:
        return sum(each["settlements"] for each in self.stage.control("GET", "/ledger")["totals"].values())


@contextmanager
def desk(folder: Path, **settings: str) -> Iterator[Desk]:
    with demo.stage(folder, ROOT / "flows.yaml", schedules=[NEVER]) as stage:
        stage.service.stop()
        more = {f"VISITFLOW_GATEWAY_{name.upper()}": value for name, value in settings.items()}
        stage.service.environment |= more | {"VISITFLOW_GATEWAY_PORT": str(free_port())}
        stage.service.start()
        stage.control("PUT", "/reader", {"qrCodeInfo": "TEST-CARD-1"})
        yield Desk(stage)


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def test_the_recorded_conversations(front: Desk) -> None:
    for path in RECORDED:
        heard: dict[str, Any] = {}
        for index, turn in enumerate(json.loads(path.read_text("utf-8"), parse_float=Decimal)["turns"]):
            body = json.loads(json.dumps(said(turn["request"], heard), default=float))
            fits(turn["answer"], front.post(body), f"{path.stem}[{index}]", heard)


def test_a_browser_that_gives_up_half_way_and_asks_again(front: Desk) -> None:
    slow = {"transactionCode": "2207", "fault": "late_reply", "delay": 1.5}
    front.stage.control("POST", "/faults", slow)
    with pytest.raises(httpx.ReadTimeout):
        front.post(COMPLETE, patience=0.8)
    first = front.post(COMPLETE)
    assert first["success"], first
    assert front.post(COMPLETE)["processSteps"] == first["processSteps"]
    assert (front.settlements(), front.applied("2201"), front.applied("2207")) == (1, 1, 1)


def test_a_power_cut_half_way_and_asking_again(front: Desk) -> None:
    front.stage.control("POST", "/faults", {"transactionCode": "2207", "fault": "hang", "applied": True})
    asking = threading.Thread(target=lambda: _quietly(front))
    asking.start()
    deadline = time.monotonic() + PATIENCE
    while "hang" not in front.stage.control("GET", "/faults")["struck"] and time.monotonic() < deadline:
        time.sleep(0.05)
    front.stage.service.kill()
    asking.join(timeout=PATIENCE)
    front.stage.service.start()
    answer = front.post(COMPLETE)
    while not answer["success"] and answer["code"] in (2001, 2003) and time.monotonic() < deadline + 60:
        answer = front.post(COMPLETE)
    assert answer["success"], answer
    assert (front.settlements(), front.applied("2201"), front.applied("2207")) == (1, 1, 1)


def _quietly(front: Desk) -> None:
    try:
        front.post(COMPLETE)
    except httpx.HTTPError:
        return


# -- a browser
@contextmanager
def pages(folder: Path) -> Iterator[str]:
    """Serve a folder from an origin of its own."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def shown(browser: str, url: str, profile: Path) -> str:
    """Return what the page wrote, once it has nothing left to wait for."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--dump-dom"]
    done = subprocess.run(
        [browser, *options, "--virtual-time-budget=60000", url],
        check=True,
        capture_output=True,
        timeout=90,
    )
    page = done.stdout.decode()
    return page.partition('<pre id="told">')[2].partition("</pre>")[0]


@needs_chromium
@pytest.mark.parametrize("library", [JQUERY, PAGES / "ajax.js"], ids=["jquery", "shim"])
def test_the_page_of_000_in_a_browser_from_another_origin(tmp_path: Path, library: Path) -> None:
    if not library.exists():
        pytest.skip(f"no jQuery at {library}; the shim stands in for it")
    browser = chromium()
    assert browser is not None
    folder = tmp_path / "pages"
    folder.mkdir()
    shutil.copy(library, folder / "jquery.js")
    with pages(folder) as origin, desk(tmp_path / "stage", origins=json.dumps([origin])) as front:
        page = (PAGES / "his.html").read_text(encoding="utf-8").replace("GATEWAY", front.url)
        (folder / "his.html").write_text(page, encoding="utf-8")
        told = shown(browser, f"{origin}/his.html", tmp_path / "profile").split()
        assert told == ["工伤系统初始化成功", "读卡成功:有姓名", "登记成功", "预结算成功:135", "结算成功:27"]
        assert front.settlements() == 1
        with pages(folder) as elsewhere:
            assert shown(browser, f"{elsewhere}/his.html", tmp_path / "other") == "请求失败:error\n"
        assert front.url.endswith(PATH)
