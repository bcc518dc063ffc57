"""The host process by itself: its protocol, its memory, its end. Source: the top of ``host.py``."""

from __future__ import annotations

import ast
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from adapters.jiangsu.dll import host as host_module
from tests.adapters.dll.conftest import MakeDesk
from tests.patience import PATIENCE

HOST = Path(host_module.__file__)
MEGABYTE = 1 << 20


class Hosted:
    """A host, spoken to by hand."""

    def __init__(self, library: Path, *options: str, port: int = 9, faults: str = "") -> None:
        environment = os.environ | {"VF_DLL_PORT": str(port), "VF_DLL_FAULTS": faults}
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(HOST), "--library", str(library), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )

    def frame(self) -> tuple[bytes, bytes]:
        assert self.process.stdout is not None
        (length,) = struct.unpack(">I", self.process.stdout.read(4))
        frame = self.process.stdout.read(length)
        return frame[:1], frame[1:]

    def call(self, request: bytes, milliseconds: int = 5000) -> tuple[bytes, bytes]:
        self.write(request, milliseconds)
        return self.frame()

    def write(self, request: bytes, milliseconds: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(struct.pack(">IcI", 5 + len(request), b"C", milliseconds) + request)
        self.process.stdin.flush()


@pytest.fixture
def start(library: Path, tmp_path: Path) -> Iterator[Callable[..., Hosted]]:
    started: list[Hosted] = []

    def make(*options: str, fault: str = "") -> Hosted:
        faults = tmp_path / "faults"
        faults.write_text(f"{fault}\n", encoding="utf-8")
        started.append(Hosted(library, *options, faults=str(faults)))
        return started[-1]

    yield make
    for host in started:
        host.process.kill()
        host.process.wait()
        for pipe in (host.process.stdin, host.process.stdout, host.process.stderr):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()


@pytest.fixture
def hosted(start: Callable[..., Hosted]) -> Hosted:
    return start()


def test_it_runs_on_an_old_interpreter_without_packages() -> None:
    tree = ast.parse(HOST.read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([each.name for each in node.names] if isinstance(node, ast.Import) else [node.module or ""])
    }
    assert imported <= set(sys.stdlib_module_names)
    assert "visitflow" not in imported
    first = next(node for node in tree.body if isinstance(node, ast.ImportFrom))
    assert first.module == "__future__", "annotations are not evaluated: 3.8 could not"


def test_it_says_how_initialising_went_then_answers(hosted: Hosted) -> None:
    kind, body = hosted.frame()
    assert (kind, struct.unpack(">i", body[:4])[0]) == (b"H", -99)  # nobody listens on port 9
    assert body[4:].decode("gbk") == "无法连接"
    for _ in range(3):
        kind, body = hosted.call(b'{"infno":"1800"}')
        assert (kind, struct.unpack(">i", body[:4])[0]) == (b"R", -99), "-97: the buffer was not cleared"


def test_what_the_library_prints_goes_to_standard_error(hosted: Hosted) -> None:
    hosted.frame()
    hosted.call(b'{"infno":"1800"}')
    rest, errors = hosted.process.communicate()
    assert rest == b""
    assert b"Si_INIT INIT" in errors
    assert b"Si_Busi 1800" in errors


def test_the_end_of_its_input_ends_it(hosted: Hosted) -> None:
    hosted.frame()
    assert hosted.process.stdin is not None
    hosted.process.stdin.close()
    assert hosted.process.wait(PATIENCE) == 0


def test_a_request_that_does_not_fit_is_not_passed_on(hosted: Hosted) -> None:
    hosted.frame()
    assert hosted.call(b"x" * MEGABYTE)[0] == b"T"
    assert hosted.call(b'{"infno":"18\x0000"}')[0] == b"T"
    assert hosted.call(b'{"infno":"1800"}')[0] == b"R"
    assert hosted.call(b'{"infno":"1800"}' + b" " * (MEGABYTE - 17))[0] == b"R"


def test_it_does_not_outlive_an_engine_that_was_killed(start: Callable[..., Hosted]) -> None:
    host = start(fault="hang before 2207")
    host.frame()
    began = time.monotonic()
    host.write(b'{"infno":"2207"}', 200)
    assert host.process.wait(PATIENCE) != 0
    assert 1.0 < time.monotonic() - began < 3


@pytest.mark.parametrize(("fault", "kind"), [("scribble", b"O"), ("underrun", b"O"), ("no-nul", b"N")])
def test_after_an_overrun_nothing_of_it_is_trusted(start: Callable[..., Hosted], fault: str, kind: bytes) -> None:
    host = start(fault=f"{fault} 2207")
    host.frame()
    assert host.call(b'{"infno":"2207"}') == (kind, b"")
    host.process.wait(PATIENCE)


def test_no_core_file_is_left(start: Callable[..., Hosted]) -> None:
    host = start(fault="segfault before 2207")
    limits = Path(f"/proc/{host.process.pid}/limits")
    host.frame()
    if limits.exists():
        line = next(each for each in limits.read_text().splitlines() if each.startswith("Max core file size"))
        assert line.split()[4] == "0"
    host.write(b'{"infno":"2207"}', 1000)
    assert host.process.wait(PATIENCE) == -11


def test_older_functions_by_framing(start: Callable[..., Hosted]) -> None:
    host = start("--framing", "caret")
    host.frame()
    host.call(b"9100^H1^001^^1^0^0^^")
    errors = host.process.communicate()[1]
    assert b"INIT INIT" in errors
    assert b"BUSINESS_HANDLE 9100" in errors


@pytest.mark.parametrize(("path", "words"), [("", "initialising returned -99"), ("none", "OSError")])
def test_checking_says_in_words_how_it_went(library: Path, path: str, words: str) -> None:
    wanted = str(library) + path
    command = [sys.executable, str(HOST), "--library", wanted, "--check"]
    done = subprocess.run(command, check=True, capture_output=True, env=os.environ | {"VF_DLL_PORT": "9"}, timeout=20)
    assert words in done.stdout.decode()
    assert "-bit Python" in done.stdout.decode()


async def test_a_library_without_the_functions(make_desk: MakeDesk) -> None:
    import _ctypes

    desk = await make_desk(library=_ctypes.__file__)
    outcome = await desk.call("settle")
    assert "AttributeError" in outcome.reason  # type: ignore[union-attr]
