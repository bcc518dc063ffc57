"""Exports: what they hold, that they hold nobody's name, that they are whole or not there, in constant memory."""

from __future__ import annotations

import csv
import datetime
import errno
import gzip
import io
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.errors import BadInput
from service.history.exports import files
from service.history.exports.columns import EXPORTED, Outside, Type
from service.history.exports.files import ExportFailed, Form, batches, export
from service.patients import patient_hash, visit_hash
from storage.history import TABLES
from storage.registers import PatientOf
from tests.conftest import DURABLE
from tests.console.seed import SECRET, Seed
from tests.history.conftest import EVER, history_of, registers_of
from tests.history.test_reader import told

OUTSIDE = Outside(ZoneInfo("Asia/Shanghai"))
ROOT = Path(__file__).parents[2]


async def written(seed: Seed, form: Form, out: Path, **more: Any) -> int:
    return await export(history_of(seed), EVER, form, out, OUTSIDE, **more)


def read_csv(folder: Path) -> dict[str, list[dict[str, str]]]:
    return {
        path.stem: list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
        for path in sorted(folder.iterdir())
    }


def raw(table: str, row: dict[str, Any]) -> tuple[Any, ...]:
    """A row of CSV as the facts hold it, patients left out."""
    values: list[Any] = []
    for column in EXPORTED[table]:
        text = row[column.name]
        if column.name == "patient":
            continue
        if column.type is Type.TEXT:
            values.append(text)
        elif text == "":
            values.append(None)
        elif column.type is Type.INT:
            values.append(int(text))
        elif column.type is Type.MONEY:
            values.append(int(Decimal(text) * 100))
        else:
            values.append(round(datetime.datetime.fromisoformat(text).timestamp() * 1000))
    return tuple(values)


def to_milliseconds(table: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        value // 1000 if column.type is Type.TIME and value is not None else value
        for column, value in zip(EXPORTED[table], row, strict=False)
    )


@pytest.mark.parametrize("store_url", DURABLE, indirect=True)
async def test_csv_holds_every_fact(hospital: Seed, tmp_path: Path) -> None:
    seen: list[int] = []
    assert await written(hospital, Form.CSV, tmp_path / "out", progress=seen.append) == 7
    found, facts = read_csv(tmp_path / "out"), await told(hospital)
    assert set(found) == set(TABLES) and seen == [7]
    for table, rows in found.items():
        assert sorted(raw(table, row) for row in rows) == sorted(to_milliseconds(table, row) for row in facts[table])
        assert [*rows[0]] == [column.name for column in EXPORTED[table]]
    assert found["visits"][0]["opened_at"].endswith("+08:00")


@pytest.mark.parametrize("store_url", DURABLE, indirect=True)
async def test_parquet_holds_the_same_with_types(
    hospital: Seed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("service.history.exports.parquet.GROUP", 20)
    monkeypatch.setattr(files, "PAGE", 2)
    assert await written(hospital, Form.PARQUET, tmp_path / "out") == 7
    facts = await told(hospital)
    for table, columns in EXPORTED.items():
        file = parquet.ParquetFile(tmp_path / "out" / f"{table}.parquet")
        rows = [tuple(row.values()) for row in file.read().to_pylist()]
        assert len(rows) == len(facts[table]) and file.metadata.num_rows == len(rows)
        for column, value in zip(columns, rows[0], strict=True):
            expected = {Type.TEXT: str, Type.INT: int, Type.TIME: datetime.datetime, Type.MONEY: Decimal}[column.type]
            assert value is None or isinstance(value, expected), column
        if table == "money":
            assert sum(row[-1] for row in rows) == Decimal("540.00")
        if table == "steps":
            assert file.metadata.num_row_groups > 1
            moments = {(row[0], row[1]): row[11] for row in rows}
            for fact in facts["steps"]:
                assert round(moments[fact[0], fact[1]].timestamp() * 1_000_000) == fact[11], "to the microsecond"
        file.close()


@pytest.mark.parametrize("store_url", DURABLE, indirect=True)
async def test_pages_follow_one_another_without_gap(hospital: Seed, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = await told(hospital)
    for size in (1, 2, 3, 500):
        monkeypatch.setattr(files, "PAGE", size)
        pages = [batch async for batch in batches(history_of(hospital), EVER)]
        assert sorted(visit for page in pages for visit in page.page.visits) == [row[0] for row in facts["visits"]]
        for table in ("steps", "money", "uploads"):
            assert sorted(row for page in pages for row in page.of(table)) == sorted(facts[table])


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_patients_and_keys_are_keyed_hashes(hospital: Seed, tmp_path: Path) -> None:
    feed = registers_of(hospital).feed
    position = await feed.begin("patients", 0)
    whose = patient_hash(b"test", "TEST-CREDENTIAL-1")
    assert await feed.note_patients("patients", position, position, [PatientOf(whose, hospital.visits["closed"])])
    await written(hospital, Form.CSV, tmp_path / "out")
    await written(hospital, Form.XES, tmp_path / "out.xes")
    text = "".join(path.read_text(encoding="utf-8") for path in [*(tmp_path / "out").iterdir(), tmp_path / "out.xes"])
    for secret in (SECRET, "MZ2026112000", "甘宁远", "业务校验"):
        assert secret not in text
    found = read_csv(tmp_path / "out")["visits"]
    assert visit_hash(b"test", "jiangsu.outpatient", "MZ20261120001") in {row["key_hash"] for row in found}
    assert {row["visit_id"]: row["patient"] for row in found if row["patient"]} == {hospital.visits["closed"]: whose}
    assert f'<string key="patient" value="{whose}"/>' in text


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_nothing_is_written_over(hospital: Seed, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "kept").write_text("kept")
    with pytest.raises(BadInput, match="is there already"):
        await written(hospital, Form.CSV, tmp_path / "there")
    with pytest.raises(BadInput, match="does not exist"):
        await written(hospital, Form.CSV, tmp_path / "no" / "where")
    assert (tmp_path / "there" / "kept").read_text() == "kept"
    assert [each.name for each in tmp_path.iterdir() if each.name != "visitflow.db"] and not leavings(tmp_path)


def leavings(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir() if "partial" in each.name]


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("form", list(Form))
async def test_what_breaks_off_leaves_nothing(
    hospital: Seed, tmp_path: Path, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PAGE", 2)

    def full(visits: int) -> None:
        if visits >= 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ExportFailed, match="No space left on device; nothing of it remains"):
        await written(hospital, form, tmp_path / "out", progress=full)
    assert not (tmp_path / "out").exists() and not leavings(tmp_path)
    assert await written(hospital, form, tmp_path / "out") == 7


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_what_a_killed_process_left_is_swept_away(hospital: Seed, tmp_path: Path) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    for pid in (int(gone.stdout), os.getppid()):
        (tmp_path / f".out.{pid}.partial").mkdir()
    await written(hospital, Form.CSV, tmp_path / "out")
    assert leavings(tmp_path) == [f".out.{os.getppid()}.partial"], "of a process that lives nothing is taken"


FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from zoneinfo import ZoneInfo
from service.history.exports.columns import Outside
from service.history.exports.files import ExportFailed, Form, export
from storage import Vault, open_store
from storage.history.questions import Period
from storage.registers import open_registers
from tests.conftest import TEST_KEY

async def main():
    store = open_store(sys.argv[1], Vault.parse(TEST_KEY))
    await store.start()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))
    try:
        await export(open_registers(store).history, Period("2000-01-01", "2099-12-31"), Form(sys.argv[2]),
                     Path(sys.argv[3]), Outside(ZoneInfo("Asia/Shanghai")))
    except ExportFailed as error:
        print(error.code)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await store.close()

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no limit on the size of files there")
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("form", list(Form))
async def test_a_disk_that_really_takes_no_more(hospital: Seed, tmp_path: Path, store_url: str, form: Form) -> None:
    """The kernel refuses to write: the error comes out of write or close, wherever the buffers are."""
    out = tmp_path / "out"
    told_ = subprocess.run(
        [sys.executable, "-c", FULL, store_url, form.value, str(out)],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=100,
    )  # fmt: skip
    assert told_.stdout.strip() == "export_failed", told_.stderr
    assert not out.exists() and not leavings(tmp_path)


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_without_pyarrow_parquet_says_what_to_install(
    hospital: Seed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BadInput, match=r"pip install 'visitflow\[history\]'"):
        await written(hospital, Form.PARQUET, tmp_path / "out")
    assert not leavings(tmp_path)


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_a_packed_log_is_the_same_log(hospital: Seed, tmp_path: Path) -> None:
    await written(hospital, Form.XES, tmp_path / "out.xes")
    await written(hospital, Form.XES, tmp_path / "out.xes.gz")
    assert gzip.decompress((tmp_path / "out.xes.gz").read_bytes()) == (tmp_path / "out.xes").read_bytes()


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_an_analyst_downloads_what_the_command_writes(hospital: Seed, tmp_path: Path) -> None:
    await written(hospital, Form.CSV, tmp_path / "out")
    await written(hospital, Form.XES, tmp_path / "out.xes")
    ever = {"from": EVER.first, "to": EVER.last}
    async with hospital.wired.client(await hospital.wired.key("analyst")) as client:
        for table in TABLES:
            answer = await client.get("/api/v1/history/export", params={"table": table, **ever})
            assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/csv")
            assert answer.content == (tmp_path / "out" / f"{table}.csv").read_bytes()
            assert f'filename="{table}-{EVER.first}-{EVER.last}.csv"' in answer.headers["content-disposition"]
        log = await client.get("/api/v1/history/export", params={"format": "xes", **ever})
        assert log.content == (tmp_path / "out.xes").read_bytes()
        money = (await client.get("/api/v1/history/money", params=ever)).json()
        assert {row["amount"] for row in money["rows"]} == {"270.00", "216.00", "54.00"} and money["behind"] == 0
        assert (await client.get("/api/v1/history/nothing")).status_code == 404
        wrong = await client.get("/api/v1/history/money", params={"from": "20260102", "to": "20260101"})
        assert wrong.status_code == 422 and json.loads(wrong.text)["field"] == "from"
    async with hospital.wired.client(await hospital.wired.key("his")) as client:
        assert (await client.get("/api/v1/history/money")).status_code == 403
        assert (await client.get("/api/v1/history/export")).status_code == 403
    noted = await registers_of(hospital).audit.all(None, "export", None, 100)
    assert len(noted) == len(TABLES) + 1 and noted[0].role == "analyst"
