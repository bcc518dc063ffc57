"""A simulator as a process, and how to talk to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import httpx

from tests.jiangsu import ROOT
from tests.patience import PATIENCE


@dataclass
class Running:
    """One process."""

    child: subprocess.Popen[str]
    url: str
    control_url: str

    def control(self, method: str, path: str, body: Any = None) -> Any:
        return httpx.request(method, self.control_url + path, json=body, timeout=60, trust_env=False).json()

    def post(self, path: str, timeout: float = 5.0, **sent: Any) -> httpx.Response:
        return httpx.post(f"{self.url}/{path}", json=sent, timeout=timeout, trust_env=False)

    def kill(self) -> None:
        os.kill(self.child.pid, signal.SIGKILL)
        self.child.wait(timeout=PATIENCE)

    def stop(self) -> None:
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            assert self.child.wait(timeout=PATIENCE) == 0


def start(module: str, *words: str) -> Running:
    command = [sys.executable, "-m", module, "--port", "0", "--control-port", "0", *words]
    return running(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))


def running(child: subprocess.Popen[str]) -> Running:
    assert child.stdout is not None
    ready = json.loads(child.stdout.readline())
    child.stdout.close()
    assert ready["pid"] == child.pid
    return Running(child, ready["url"], ready["control"])


def command(*words: str) -> Running:
    """Start one by `visitflow simulate`."""
    line = [sys.executable, "-c", "from service.cli import main; main()", "simulate", *words]
    child = subprocess.Popen([*line, "--port", "0", "--control-port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return running(child)


def help_of(module: str) -> str:
    line = [sys.executable, "-m", module, "--help"]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
