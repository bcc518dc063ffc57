"""The engine's end of one host process: start it, call it once at a time, kill it. The protocol stands in ``host.py``.

What decides between "certainly not sent" and "in doubt" is whether the request has begun to leave for the pipe.
"""

from __future__ import annotations

import asyncio
import os
import struct
import subprocess
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from engine.environment import SECOND, Micros

_LENGTH = struct.Struct(">I")
_VALUE = struct.Struct(">i")
_MILLISECOND: Micros = SECOND // 1000
#: Larger than any frame a host can send: what claims to be more is no host of ours.
_MAX_FRAME = 128 << 20
_DEATH = 5.0
_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
#: What the kinds of frames mean after which the host ends (``host.py``).
_ENDS = {b"O": "the DLL wrote past its buffer", b"N": "no NUL in the DLL's answer", b"X": "the DLL raised an exception"}


class HostFailed(Exception):
    """The host could not be started; nothing was sent. The message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to. ``out`` is None when there is none; ``sent`` tells whether the DLL may have been called."""

    status: str
    value: int | None = None
    out: bytes | None = None
    sent: bool = True


class Host:
    """One host process. Not for two callers at once."""

    def __init__(self, process: Process, value: int, text: bytes) -> None:
        """``value`` and ``text`` are what the initialising function returned."""
        assert process.stdin is not None
        assert process.stdout is not None
        self.value, self.text = value, text
        self._process, self._to, self._from = process, process.stdin, process.stdout
        self._dead = False

    @classmethod
    async def start(cls, command: Sequence[str], limit: float) -> Self:
        """Start a host and wait, ``limit`` seconds, until it has loaded and initialised the DLL. Raises HostFailed."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=_environment(), creationflags=_NO_WINDOW
            )
        except OSError as error:
            raise HostFailed(f"the host could not be started: {type(error).__name__}") from None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(limit):
                kind, body = await _frame(process.stdout)
        except TimeoutError:
            await _kill(process)
            raise HostFailed("the DLL did not initialise in time") from None
        except (asyncio.IncompleteReadError, OSError, ValueError):
            await _kill(process)
            raise HostFailed(f"the host ended while it started ({_ended(process)})") from None
        except asyncio.CancelledError:
            _kill_now(process)
            raise
        if kind != b"H":
            await _kill(process)
            raise HostFailed(_ENDS.get(kind) or f"the DLL could not be loaded: {body.decode('utf-8', 'replace')}")
        return cls(process, _VALUE.unpack(body[: _VALUE.size])[0], body[_VALUE.size :])

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Tell whether, as far as is known, it can be called."""
        return not self._dead and self._process.returncode is None and not self._from.at_eof()

    async def call(self, request: bytes, limit: Micros, guard: Callable[[], bool]) -> Answer:
        """Call the DLL once; never raises for what it does. Whatever is no readable answer in time kills the host."""
        frame = b"C" + _LENGTH.pack(max(1, limit // _MILLISECOND)) + request
        frame = _LENGTH.pack(len(frame)) + frame
        if not self.alive:
            return Answer("the host is gone", sent=False)
        if not guard():
            return Answer("lease lost", sent=False)
        try:
            self._to.write(frame)  # from here on the DLL may be called
            async with asyncio.timeout(limit / SECOND):
                await self._to.drain()
                kind, body = await _frame(self._from)
        except TimeoutError:
            await self.kill()
            return Answer("the DLL did not return in time; its host was killed")
        except (asyncio.IncompleteReadError, OSError, ValueError):
            await self.kill()
            return Answer(f"the DLL's host ended during the call ({_ended(self._process)})")
        except asyncio.CancelledError:
            self._dead = True  # the next answer would be this call's
            _kill_now(self._process)
            raise
        if kind == b"R":
            value = _VALUE.unpack(body[: _VALUE.size])[0]
            return Answer(str(value), value, body[_VALUE.size :])
        if kind == b"T":
            return Answer(f"not called: {body.decode('utf-8', 'replace')}", sent=False)
        await self.kill()
        return Answer(_ENDS.get(kind, "the host cannot be understood"))

    async def kill(self) -> None:
        """End it at once, whatever it does, and wait until it is gone."""
        self._dead = True
        await _kill(self._process)

    async def close(self) -> None:
        """Let it end by itself; insist after a while."""
        self._dead = True
        self._to.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_DEATH):
                await self._process.wait()
        await _kill(self._process)


def _environment() -> dict[str, str]:
    """Return what the host inherits: our keys and the database's address are nothing for somebody else's library."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VISITFLOW_")}


async def _frame(source: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read one frame. Raises IncompleteReadError, OSError, ValueError."""
    (length,) = _LENGTH.unpack(await source.readexactly(_LENGTH.size))
    if not 0 < length <= _MAX_FRAME:
        raise ValueError("not a frame")
    frame = await source.readexactly(length)
    if frame[:1] in (b"H", b"R") and length < 1 + _VALUE.size:
        raise ValueError("not a frame")
    return frame[:1], frame[1:]


def _kill_now(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


async def _kill(process: Process) -> None:
    _kill_now(process)
    with suppress(TimeoutError):
        async with asyncio.timeout(_DEATH):
            await process.wait()


def _ended(process: Process) -> str:
    code = process.returncode
    return "still running" if code is None else f"signal {-code}" if code < 0 else f"exit code {code:#x}"
