"""The service as a process: keys and people by command line, streams and webhooks over real sockets."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.signed_post import verify
from tests.jiangsu import ROOT, opening
from tests.patience import PATIENCE
from tests.service.wired import PASSWORD

pytestmark = pytest.mark.slow


def environment(folder: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VISITFLOW_")}
    return clean | {"VISITFLOW_DATA": str(folder / "data"), "VISITFLOW_LANGUAGE": "en", **more}


def run(folder: Path, *words: str, told: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service", *words],
        check=False,
        cwd=ROOT,
        env=environment(folder, **more),
        input=told,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@contextmanager
def serving(folder: Path, **more: str) -> Iterator[str]:
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    words = [sys.executable, "-m", "service", "serve", "--port", "0", "--ready-file", str(ready)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(words, cwd=ROOT, env=environment(folder, **more), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE
        while not ready.exists():
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        yield json.loads(ready.read_text())["url"]
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0, (folder / "log").read_text()


def test_nobody_is_served_beyond_loopback_before_somebody_is_set_up(tmp_path: Path) -> None:
    run(tmp_path, "db", "upgrade")
    refused = run(tmp_path, "serve", "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 2 and "visitflow keys add" in refused.stderr
    unsigned = run(tmp_path, "serve", "--port", "0", VISITFLOW_WEBHOOK_URL="http://his.example/hook")
    assert unsigned.returncode == 2 and "VISITFLOW_WEBHOOK_SECRET" in unsigned.stderr


def test_keys_and_people_by_command_line(tmp_path: Path) -> None:
    run(tmp_path, "db", "upgrade")
    assert (tmp_path / "data" / "patient.key").stat().st_mode & 0o077 == 0
    key = run(tmp_path, "keys", "add", "his", "--role", "his", "--by", "boss").stdout.strip()
    assert key.startswith("vfk_")
    shown = run(tmp_path, "keys", "list", "--json").stdout
    assert key.rsplit("_", 1)[1] not in shown and json.loads(shown)[0]["role"] == "his"
    assert run(tmp_path, "keys", "add", "x", "--role", "king").returncode == 2
    added = run(tmp_path, "users", "add", "wang", "--role", "supervisor", "--password-stdin", told=f"{PASSWORD}\n")
    assert added.returncode == 0, added.stderr
    assert run(tmp_path, "users", "add", "li", "--role", "admin", "--password-stdin", told="short\n").returncode == 2
    assert run(tmp_path, "users", "role", "nobody", "admin").returncode == 4
    with serving(tmp_path) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=PATIENCE) as client:
        assert client.get("/visits").status_code == 401
        mine = {"Authorization": f"Bearer {key}"}
        assert client.get("/visits", headers=mine).status_code == 200
        spoofed = client.get("/session", headers=mine | {"X-Forwarded-For": "10.9.9.9"})
        assert spoofed.json()["role"] == "his"
        signed_in = client.post("/session", json={"name": "wang", "password": PASSWORD})
        assert signed_in.json()["role"] == "supervisor"
        assert run(tmp_path, "users", "lock", "wang").returncode == 0
        assert client.get("/visits").status_code == 401
        assert run(tmp_path, "keys", "revoke", key.split("_")[1]).returncode == 0
        assert client.get("/visits", headers=mine).status_code == 401


class Hook(http.server.BaseHTTPRequestHandler):
    told: list[tuple[dict[str, Any], bool]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.told.append((json.loads(body), verify("s", self.headers["visitflow-signature"], body)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[tuple[str, list[tuple[dict[str, Any], bool]]]]:
    told: list[tuple[dict[str, Any], bool]] = []
    handler = type("Mine", (Hook,), {"told": told})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", told
    server.shutdown()
    server.server_close()


def test_streams_and_webhooks_over_real_sockets(tmp_path: Path, hook: Any) -> None:
    address, told = hook

    def mine(visit: str) -> list[dict[str, Any]]:
        return [body for body, _ in told if body["visit"] == visit]

    run(tmp_path, "db", "upgrade")
    with serving(tmp_path, VISITFLOW_WEBHOOK_URL=address, VISITFLOW_WEBHOOK_SECRET="s") as url:
        time.sleep(1)  # the endpoint is new: it is told of what comes from now on
        seen: list[str] = []
        with (
            httpx.Client(base_url=f"{url}/api/v1", timeout=PATIENCE) as client,
            client.stream("GET", "/events") as stream,
            httpx.Client(base_url=f"{url}/api/v1", timeout=PATIENCE) as other,
        ):
            assert stream.headers["content-type"].startswith("text/event-stream")
            made = other.post("/visits", json={"flow": "jiangsu.outpatient", "key": "MZ1", "data": opening()})
            assert made.status_code == 201, made.text
            for line in stream.iter_lines():
                seen.append(line)
                if line.startswith("data: ") and made.json()["visit"] in line:  # schedules open visits too
                    break
        assert json.loads(seen[-1][6:])["kind"] == "opened"
        deadline = time.monotonic() + PATIENCE
        while not mine(made.json()["visit"]) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert mine(made.json()["visit"])[0]["event"] == "opened"
    assert all(genuine for _, genuine in told)
    listed = json.loads(run(tmp_path, "webhooks", "list", "--json").stdout)
    assert made.json()["visit"] in {each["visit"] for each in listed}
    shown = run(tmp_path, "webhooks", "show", listed[-1]["delivery"], "--json")
    assert json.loads(shown.stdout)["tries"][0]["status"] == 204
    again = run(tmp_path, "webhooks", "resend", listed[-1]["delivery"], "--by", "w", "--reason", "lost it")
    assert again.returncode == 0, again.stderr


def test_four_eyes_hold_on_the_command_line(tmp_path: Path) -> None:
    run(tmp_path, "db", "upgrade")
    both = {"VISITFLOW_FOUR_EYES": "true"}
    words = ("visits", "open", "jiangsu.outpatient", "MZ1", "-d", json.dumps(opening()))
    assert run(tmp_path, *words).returncode == 0
    why = ("--by", "wang", "--reason", "wrong number")
    free = run(tmp_path, "visits", "cancel", "jiangsu.outpatient/MZ1", *why, "--json", **both)
    assert json.loads(free.stdout)["key"] == "MZ1"  # done, not asked for: no money has moved
    assert json.loads(run(tmp_path, "approvals", "list", "--json", **both).stdout) == []
    unknown = run(tmp_path, "approvals", "approve", "nothing", "--by", "li", "--reason", "yes", **both)
    assert unknown.returncode == 4
