"""The process that holds the centre's shared library: bytes in, (return value, bytes) out. One file, no packages.

It is started by the adapter, possibly with another interpreter than ours: a 32-bit Python 3.8 on an old Windows
front-end machine, because the library is 32-bit (DLL conventions, chapter 5). So: the standard library only, nothing
newer than Python 3.8, nothing of visitflow. It knows nothing of transactions, and it does not survive what it cannot
vouch for: a library that has written where it may not, or raised an exception, is not called again.

    python host.py --library PATH [--framing json|caret] [--convention stdcall|cdecl] [--buffer BYTES] [--folder PATH]

With ``--check`` it loads the library, initialises it, says in words how that went, and ends: for setting up.

Protocol, on standard input and output. Every frame is a length (4 bytes, big-endian: what follows), a kind (1 byte)
and a body.

    from the host, once          H  int32 return value of Si_INIT or INIT, then its text: ready
                                 F  text (UTF-8): could not be loaded; ends
    from the engine              C  uint32 milliseconds, then the bytes of `in`: call once
    from the host, one for each  R  int32 return value, then the bytes of `out` up to its NUL
                                 O  the library wrote outside its buffers; ends
                                 N  no NUL in `out`; ends
                                 X  text: the call raised an exception (Windows: an access violation); ends
                                 T  text: not called, the request does not fit; goes on

The end of standard input ends the host. It also ends itself one second after a call's milliseconds are over, so that
it does not outlive an engine that was killed. Standard output of the library goes to standard error, and its standard
input is empty: it cannot get between the frames.
"""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import os
import signal
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, TextIO

#: Initialising and business function by framing (DLL conventions, chapter 1).
FUNCTIONS = {"json": ("Si_INIT", "Si_Busi"), "caret": ("INIT", "BUSINESS_HANDLE")}
MEGABYTE = 1 << 20
#: Bytes before and behind each buffer that nobody may touch.
GUARD = 64 * 1024
CANARY = b"\xa5" * GUARD
_LENGTH = struct.Struct(">I")
_VALUE = struct.Struct(">i")
_CHUNK = 64 * 1024
#: SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX: no window waits for somebody to click.
_NO_WINDOWS = 0x8003


class Buffer:
    """Memory for the library, between two zones that must stay as they are."""

    def __init__(self, size: int) -> None:
        """``size`` is what the library may use, the closing NUL included."""
        self.size = size
        self._area = (ctypes.c_char * (GUARD + size + GUARD))()
        self._first = ctypes.addressof(self._area)
        self.address = self._first + GUARD

    def fill(self, content: bytes) -> None:
        """Clear everything, then write ``content``: nothing of an earlier call is left (DLL conventions, chapter 5)."""
        ctypes.memmove(self._first, CANARY, GUARD)
        ctypes.memset(self.address, 0, self.size)
        ctypes.memmove(self.address, content, len(content))
        ctypes.memmove(self.address + self.size, CANARY, GUARD)

    def intact(self) -> bool:
        """Tell whether both zones are as they were."""
        before = ctypes.string_at(self._first, GUARD)
        behind = ctypes.string_at(self.address + self.size, GUARD)
        return before == CANARY and behind == CANARY

    def text(self) -> bytes | None:
        """Return what stands before the first NUL; None when there is none."""
        found = []
        for offset in range(0, self.size, _CHUNK):
            chunk = ctypes.string_at(self.address + offset, min(_CHUNK, self.size - offset))
            end = chunk.find(b"\0")
            if end >= 0:
                found.append(chunk[:end])
                return b"".join(found)
            found.append(chunk)
        return None


class Library:
    """The two functions of the library, and the memory they get."""

    def __init__(self, path: str, framing: str, convention: str, size: int, folder: str) -> None:
        """Load it. Raises OSError or AttributeError."""
        path = os.path.abspath(path)  # noqa: PTH100
        folder = folder or os.path.dirname(path)  # noqa: PTH120
        os.chdir(folder)  # configuration, card driver and other libraries stand beside it
        loader = getattr(ctypes, "WinDLL" if convention == "stdcall" else "CDLL", ctypes.CDLL)
        if sys.platform == "win32":
            os.add_dll_directory(folder)
            loaded = loader(path, winmode=0)  # the ordinary search: what it loads itself is found as its maker expects
        else:
            loaded = loader(path)
        initialise, business = FUNCTIONS[framing]
        self._initialise = getattr(loaded, initialise)
        self._initialise.argtypes = [ctypes.c_void_p]
        self._business = getattr(loaded, business)
        self._business.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        for function in (self._initialise, self._business):
            function.restype = ctypes.c_int
        self._in, self._out = Buffer(size), Buffer(size)

    def initialise(self) -> tuple[bytes, bytes]:
        """Call the initialising function; return the frame."""
        self._in.fill(b"")
        self._out.fill(b"")
        return self._answer(b"H", lambda: self._initialise(self._out.address))

    def call(self, request: bytes) -> tuple[bytes, bytes]:
        """Call the business function once; return the frame."""
        if len(request) >= self._in.size:
            return b"T", f"{len(request)} bytes, the buffer holds {self._in.size - 1}".encode()
        if b"\0" in request:
            return b"T", b"a NUL inside the request"
        self._in.fill(request)
        self._out.fill(b"")
        return self._answer(b"R", lambda: self._business(self._in.address, self._out.address))

    def _answer(self, kind: bytes, function: Callable[[], int]) -> tuple[bytes, bytes]:
        try:
            value = function()
        except Exception as error:  # Windows turns an access violation into OSError; what it left behind is unknown
            return b"X", type(error).__name__.encode()
        if not (self._in.intact() and self._out.intact()):
            return b"O", b""
        text = self._out.text()
        return (b"N", b"") if text is None else (kind, _VALUE.pack(value) + text)


def serve(library: Library, source: BinaryIO, sink: BinaryIO, silence: TextIO) -> None:
    """Answer calls until the engine closes the pipe or the library can no longer be trusted."""
    while True:
        head = _exactly(source, _LENGTH.size)
        body = None if head is None else _exactly(source, _LENGTH.unpack(head)[0])
        if body is None or body[:1] != b"C":
            return
        limit = _LENGTH.unpack(body[1:5])[0]
        faulthandler.dump_traceback_later(limit / 1000 + 1, exit=True, file=silence)
        kind, answer = library.call(body[5:])
        faulthandler.cancel_dump_traceback_later()
        send(sink, kind, answer)
        if kind not in b"RT":
            return


def send(sink: BinaryIO, kind: bytes, body: bytes) -> None:
    """Write one frame."""
    rest = memoryview(_LENGTH.pack(1 + len(body)) + kind + body)
    while rest:
        rest = rest[sink.write(rest) :]


def _exactly(source: BinaryIO, count: int) -> bytes | None:
    found = bytearray()
    while len(found) < count:
        more = source.read(count - len(found))
        if not more:
            return None
        found += more
    return bytes(found)


def _keep_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take both pipes away from where the library could find them."""
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(source, os.O_BINARY)
        msvcrt.setmode(sink, os.O_BINARY)
    return os.fdopen(source, "rb", buffering=0), os.fdopen(sink, "wb", buffering=0)


def _die_quietly() -> None:
    """No window, no core file with patients' data in it, and no end by the Ctrl-C that was meant for the engine."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "win32":
        ctypes.windll.kernel32.SetErrorMode(_NO_WINDOWS)
    else:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="host.py")
    parser.add_argument("--library", required=True)
    parser.add_argument("--framing", choices=sorted(FUNCTIONS), default="json")
    parser.add_argument("--convention", choices=["stdcall", "cdecl"], default="stdcall")
    parser.add_argument("--buffer", type=int, default=MEGABYTE)
    parser.add_argument("--folder", default="")
    parser.add_argument("--start-limit", type=float, default=60.0, help="seconds for loading and initialising")
    parser.add_argument("--check", action="store_true", help="load, initialise, say how that went, end")
    return parser.parse_args()


def main() -> None:
    """Load, initialise, serve. Ends without tidying up: nothing of the library is asked again."""
    arguments = _arguments()
    source, sink = _keep_pipes()
    _die_quietly()
    silence = open(os.devnull, "w")  # noqa: PTH123, SIM115
    faulthandler.dump_traceback_later(arguments.start_limit, exit=True, file=silence)
    try:
        library = Library(
            arguments.library,
            arguments.framing,
            arguments.convention,
            max(arguments.buffer, MEGABYTE),
            arguments.folder,
        )
        kind, answer = library.initialise()
    except (OSError, AttributeError) as error:
        kind, answer = b"F", f"{type(error).__name__}: {error}".encode("utf-8", "replace")
    faulthandler.cancel_dump_traceback_later()
    if arguments.check:
        _tell(sink, kind, answer)
    else:
        send(sink, kind, answer)
        if kind == b"H":
            serve(library, source, sink, silence)
    os._exit(0)


def _tell(sink: BinaryIO, kind: bytes, answer: bytes) -> None:
    who = f"a {struct.calcsize('P') * 8}-bit Python {sys.version.split()[0]}"
    if kind == b"H":
        words = answer[_VALUE.size :].decode("gbk", "replace")
        text = f"loaded by {who}; initialising returned {_VALUE.unpack(answer[: _VALUE.size])[0]} {words}"
    else:
        text = f"failed in {who}: {kind.decode()} {answer.decode('utf-8', 'replace')}"
    sink.write((text + os.linesep).encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
