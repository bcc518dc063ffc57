"""The service in a process of its own, as ``visitflow serve`` starts it, and its memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.loading.shapes import FLOW, definition

_ROOT = Path(__file__).parents[2]
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: Seconds that a start or a command may take.
_PATIENCE = 60


@dataclass(slots=True)
class Memory:
    """The resident bytes of a process, looked at four times a second."""

    pid: int
    seen: list[tuple[float, int]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Look until stopped or the process is gone."""
        while not self._stop.wait(0.25):
            try:
                pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
            except (OSError, IndexError):
                return
            self.seen.append((time.monotonic(), pages * _PAGE))

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def between(self, begin: float, end: float) -> list[int]:
        """Return what was seen within a time."""
        return [size for at, size in self.seen if begin <= at <= end]


@dataclass(frozen=True, slots=True)
class Served:
    """A service that answers."""

    host: str
    port: int
    memory: Memory


@dataclass(frozen=True, slots=True)
class Site:
    """A folder with a site, an empty store and some keys."""

    folder: Path
    store: str
    keys: tuple[str, ...]
    flows: Path  #: flows.yaml

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that a process of this site is started with."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("VISITFLOW_")}
        return clean | {
            "VISITFLOW_DATA": str(self.folder / "data"),
            "VISITFLOW_SITE": str(self.flows),
            "VISITFLOW_STORE": self.store,
            "VISITFLOW_LANGUAGE": "en",
            "PYTHONPATH": str(_ROOT),
        }


def prepared(folder: Path, store: str, clients: int, flows: Path | None = None) -> Site:
    """Bring a store up to date and make a key for each client; without ``flows`` write a site with one small flow."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    if flows is None:
        flows = folder / "flows.yaml"
        (folder / "flow.yaml").write_text(json.dumps(definition()), encoding="utf-8")
        flows.write_text(json.dumps({"include": ["flow.yaml"], "flows": [FLOW]}), encoding="utf-8")
    bare = Site(folder, store, (), flows)
    _run(bare, "db", "upgrade")
    keys = [_run(bare, "keys", "add", f"his{n}", "--role", "his", "--by", "bench", "--json") for n in range(clients)]
    return replace(bare, keys=tuple(str(json.loads(each)["key"]) for each in keys))


def _run(site: Site, *words: str) -> str:
    command = [sys.executable, "-m", "service", *words]
    done = subprocess.run(
        command, cwd=_ROOT, env=site.environment, check=True, capture_output=True, text=True, timeout=_PATIENCE
    )
    return done.stdout


@contextmanager
def serving(site: Site, **settings: str) -> Iterator[Served]:
    """Start the service on a free port of loopback, stop it by its own pid afterwards."""
    ready = site.folder / "ready.json"
    ready.unlink(missing_ok=True)
    told = {f"VISITFLOW_{name.upper()}": value for name, value in settings.items()}
    words = [sys.executable, "-m", "service", "serve", "--port", "0", "--ready-file", str(ready)]
    with (site.folder / "log").open("a") as log:
        process = subprocess.Popen(words, cwd=_ROOT, env=site.environment | told, stdout=log, stderr=log)
    memory = Memory(process.pid)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the service does not start: {(site.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)
        looking = threading.Thread(target=memory.look, daemon=True)
        looking.start()
        host, _, port = str(json.loads(ready.read_text(encoding="utf-8"))["url"]).removeprefix("http://").partition(":")
        yield Served(host, int(port), memory)
    finally:
        memory.stop()
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
