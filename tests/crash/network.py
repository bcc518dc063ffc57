"""Network namespaces: each worker with a network of its own, and one cable to the rest that can be pulled.

A door (``door.py``) is polite: the worker's own end of a connection stays there and acknowledges. A pulled cable is
not: packets vanish, nobody is told, and only the time-outs of TCP and of the driver end a wait. Needs Linux, root and
``ip``; where they are not, workers are processes with doors, and nothing else changes.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.patience import PATIENCE

_CLONE_NEWNET = 0x40000000
#: Addresses for measurements (RFC 2544): no real network has them.
_PREFIX = "198.18"


@dataclass(frozen=True, slots=True)
class Cable:
    """The way between one namespace and everything else."""

    namespace: str
    device: str  #: this end of it

    @property
    def file(self) -> str:
        """Return the file by which a process goes into the namespace (:func:`enter`)."""
        return f"/run/netns/{self.namespace}"

    def pull(self) -> None:
        """Lose every packet from now on."""
        _ip("link", "set", self.device, "down")

    def plug(self) -> None:
        """Let packets through again."""
        _ip("link", "set", self.device, "up")


@cache
def allowed() -> bool:
    """Tell whether namespaces can be made here."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"visitflow-{os.getpid()}-probe"
    try:
        _ip("netns", "add", name)
        _ip("netns", "del", name)
    except OSError:
        return False
    return True


@contextmanager
def network(workers: int) -> Iterator[tuple[str, list[Cable]]]:
    """Make namespaces; return the address of this host that they all reach, and a cable for each.

    The address belongs to the loopback device, so that nothing outside this machine reaches what listens on it.
    """
    third = os.getpid() % 256
    host = f"{_PREFIX}.{third}.1"
    with ExitStack() as stack:
        _ip("address", "add", f"{host}/32", "dev", "lo")
        stack.callback(_ip, "address", "del", f"{host}/32", "dev", "lo")
        cables = []
        for number in range(1, workers + 1):
            cable = Cable(f"visitflow-{os.getpid()}-{number}", f"vf{os.getpid()}-{number}")
            here, there = (f"{_PREFIX}.{third}.{4 * number + end}" for end in (1, 2))
            _ip("netns", "add", cable.namespace)
            stack.callback(_ip, "netns", "del", cable.namespace)
            _ip("link", "add", cable.device, "type", "veth", "peer", "name", "visitflow", "netns", cable.namespace)
            stack.callback(_ip, "link", "del", cable.device)  # at once: with its namespace it would go some time later
            _ip("address", "add", f"{here}/30", "dev", cable.device)
            _ip("link", "set", cable.device, "up")
            _ip("-n", cable.namespace, "link", "set", "lo", "up")
            _ip("-n", cable.namespace, "address", "add", f"{there}/30", "dev", "visitflow")
            _ip("-n", cable.namespace, "link", "set", "visitflow", "up")
            _ip("-n", cable.namespace, "route", "add", "default", "via", here)
            cables.append(cable)
        yield host, cables


def enter(file: str) -> None:
    """Move this process, which has one thread, into a namespace. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(file).open("rb") as namespace:
        if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), file)


def _ip(*words: str) -> None:
    """Run ``ip``. Raises OSError with what it says."""
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")
