"""Files over HTTP and by the command line: what is taken, what is refused and how, what comes back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from typer.testing import CliRunner

from engine.errors import BadInput, Oversize
from engine.store import StoreFigures
from service.access.overload import Overload
from service.api import build_api
from service.application import Application
from service.cli import app
from service.files import KINDS, check, recognise
from service.multipart import the_file
from service.settings import Settings
from storage import memory_books, upgrade
from storage.registers import open_registers
from tests.conftest import TEST_KEY
from tests.jiangsu import ROOT
from tests.world import World

LIMIT = 2048
PDF = b"%PDF-1.7\r\n--not a boundary\r\n\x00\xff\r\n"
CONTENTS = {
    "pdf": PDF,
    "png": b"\x89PNG\r\n\x1a\n....",
    "jpg": b"\xff\xd8\xff\xe0..",
    "bmp": b"BM......",
    "gif": b"GIF89a..",
}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    world = await World().start()
    wired = SimpleNamespace(
        commands=world.commands,
        store=world.store,
        environment=world.environment,
        books=memory_books(),
        registers=open_registers(world.store),
        settings=(settings := Settings(file_max_bytes=LIMIT)),
        runner=SimpleNamespace(in_flight=0, worker="test"),
        watching=SimpleNamespace(overload=Overload(settings, world.environment, StoreFigures(), lambda: 0)),
    )
    transport = httpx.ASGITransport(app=build_api(cast(Application, wired)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as made:
        yield made


async def post(client: httpx.AsyncClient, content: bytes, kind: str = "application/pdf", **query: str) -> Any:
    return await client.post("/files", content=content, headers={"content-type": kind}, params=query)


def problem(response: httpx.Response) -> tuple[int, str, str | None]:
    body = response.json()
    return response.status_code, body["code"], body.get("field")


async def test_a_file_is_kept_once_and_given_back(client: httpx.AsyncClient) -> None:
    first = await post(client, PDF, name="发票 1.pdf")
    assert first.status_code == 201
    kept = first.json()
    assert kept["file"] == hashlib.sha256(PDF).hexdigest()
    assert (kept["kind"], kept["size"], kept["name"]) == ("application/pdf", len(PDF), "发票 1.pdf")
    again = await post(client, PDF, name="other.pdf")
    assert (again.status_code, again.json()) == (200, kept)
    assert (await client.get(f"/files/{kept['file']}")).json() == kept
    content = await client.get(f"/files/{kept['file'].upper()}/content")
    assert (content.content, content.headers["content-type"]) == (PDF, "application/pdf")
    assert content.headers["content-disposition"] == "attachment; filename*=UTF-8''%E5%8F%91%E7%A5%A8%201.pdf"
    assert content.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("extension", CONTENTS)
async def test_a_form_brings_the_same_bytes(client: httpx.AsyncClient, extension: str) -> None:
    sent = CONTENTS[extension]
    response = await client.post(
        "/files", data={"note": "a field beside it"}, files={"file": (f"发票.{extension}", sent)}
    )
    assert response.status_code == 201, response.text
    kept = response.json()
    assert kept["name"] == f"发票.{extension}"
    assert (await client.get(f"/files/{kept['file']}/content")).content == sent


@pytest.mark.parametrize(
    ("content", "kind", "name", "status", "code", "field"),
    [
        (b"", "application/pdf", "", 422, "bad_input", "file"),
        (b"MZ\x90", "application/pdf", "x.pdf", 422, "bad_input", "file"),
        (PDF, "image/png", "", 422, "bad_input", "content-type"),
        (PDF, "application/pdf", "x.png", 422, "bad_input", "name"),
        (PDF, "application/pdf", "x.exe", 422, "bad_input", "name"),
        (PDF, "application/pdf", "x.img", 422, "bad_input", "name"),
        (PDF, "application/pdf", "x" * 201 + ".pdf", 422, "bad_input", "name"),
        (PDF, "application/pdf", "x\n.pdf", 422, "bad_input", "name"),
        (PDF + bytes(LIMIT), "application/pdf", "", 413, "oversize", "file"),
        (PDF + bytes(99 * LIMIT), "application/pdf", "", 413, "oversize", "file"),
        (PDF, "multipart/form-data", "", 422, "bad_input", "content-type"),
        (PDF, "multipart/form-data; boundary=x", "", 422, "bad_input", "body"),
    ],
)
async def test_what_is_no_good_is_refused_by_field(
    client: httpx.AsyncClient, content: bytes, kind: str, name: str, status: int, code: str, field: str
) -> None:
    response = await post(client, content, kind, name=name)
    assert problem(response) == (status, code, field)
    assert (await client.get(f"/files/{hashlib.sha256(content).hexdigest()}")).status_code == 404


@pytest.mark.parametrize("file", ["0" * 64, "nonsense", "%2e%2e"])
@pytest.mark.parametrize("tail", ["", "/content"])
async def test_an_unknown_file_says_what_to_do(client: httpx.AsyncClient, file: str, tail: str) -> None:
    response = await client.get(f"/files/{file}{tail}")
    assert problem(response) == (404, "unknown_file", "file")


async def test_a_body_of_unknown_length_is_cut_off_in_time(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield PDF * 100
        raise AssertionError("read to the end")

    response = await client.post("/files", content=endless(), headers={"content-type": "application/pdf"})
    assert problem(response) == (413, "oversize", "file")


def test_a_picture_may_be_called_img_and_a_plan_may_not() -> None:
    for kind in KINDS[1:]:
        content = kind.begins[0] + b"..."
        assert check(content, "scan.IMG", "application/octet-stream", LIMIT) == recognise(content) == kind
    with pytest.raises(BadInput):
        check(PDF, "plan.img", "", LIMIT)


def test_exactly_as_large_as_allowed() -> None:
    check(PDF.ljust(LIMIT), "", "", LIMIT)
    with pytest.raises(Oversize):
        check(PDF.ljust(LIMIT + 1), "", "", LIMIT)


def form(*parts: bytes, end: bytes = b"--x--\r\n") -> bytes:
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + end


FILE = b'Content-Disposition: form-data; name="file"; filename="a.pdf"\r\nContent-Type: application/pdf\r\n\r\n'


@pytest.mark.parametrize("content", [b"", b"\r\n", b"y--x", b" --x--", b"\r\n--", b"\n--x\n", bytes(range(256))])
def test_a_form_gives_back_exactly_the_bytes(content: bytes) -> None:
    found = the_file("multipart/form-data; boundary=x", form(FILE + content))
    assert (found.content, found.name, found.content_type) == (content, "a.pdf", "application/pdf")


@pytest.mark.parametrize(
    "body",
    [
        form(),
        form(FILE + b"1", FILE + b"2"),
        form(b'Content-Disposition: form-data; name="note"\r\n\r\nno file'),
        form(FILE + b"1", end=b""),
        form(b"no end of headers"),
        b"preamble" + form(FILE),
    ],
)
def test_other_forms_are_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        the_file('multipart/form-data; boundary="x"', body)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'visitflow.db'}"
    upgrade(url)
    for name, value in {"STORE": url, "EXCHANGE_KEYS": TEST_KEY, "SITE": str(ROOT / "flows.yaml")}.items():
        monkeypatch.setenv(f"VISITFLOW_{name}", value)
    return tmp_path


def run(*words: str) -> str:
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command_line_keeps_shows_and_gives_back(home: Path) -> None:
    (home / "发票.pdf").write_bytes(PDF)
    kept = json.loads(run("files", "add", "发票.pdf", "--json"))
    assert (kept["file"], kept["created"]) == (hashlib.sha256(PDF).hexdigest(), True)
    assert json.loads(run("files", "add", "发票.pdf", "--json"))["created"] is False
    assert kept["file"] in run("files", "add", "发票.pdf").replace("\n", "")
    assert json.loads(run("files", "show", kept["file"], "--json"))["name"] == "发票.pdf"
    assert "发票.pdf" in run("files", "show", kept["file"])
    (home / "out").mkdir()
    run("files", "export", kept["file"], "out")
    assert (home / "out" / "发票.pdf").read_bytes() == PDF
    with pytest.raises(BadInput, match="--force"):
        run("files", "export", kept["file"], "out/发票.pdf")
    run("files", "export", kept["file"], "out/发票.pdf", "--force")


def test_the_command_line_names_what_is_missing(home: Path) -> None:
    (home / "large.pdf").write_bytes(PDF.ljust(11 * 1024 * 1024))
    for words, code in (
        (("add", "nowhere.pdf"), "bad_input"),
        (("add", "."), "bad_input"),
        (("add", "large.pdf"), "oversize"),
        (("show", "x"), "unknown_file"),
        (("export", "0" * 64, "x"), "unknown_file"),
    ):
        with pytest.raises(BadInput) as caught:
            run("files", *words)
        assert caught.value.code == code
