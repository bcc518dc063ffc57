"""The cipher against vectors made by other software. 002, 2.2; how they were made stands in the data file."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.neimenggu.cipher import Cipher, Undecipherable, key_of_day, md5_upper

VECTORS: list[dict[str, str]] = json.loads(Path(__file__).with_name("cipher_vectors.json").read_text(encoding="utf-8"))[
    "vectors"
]
HOSPITAL_KEY = next(row["key"] for row in VECTORS if not row["day"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def test_vectors_are_worth_something() -> None:
    """Both kinds of key, block-aligned and empty texts, text that is not ASCII."""
    assert {bool(row["day"]) for row in VECTORS} == {True, False}
    for kind in (True, False):
        texts = [row["text"] for row in VECTORS if bool(row["day"]) is kind]
        assert "" in texts
        assert any(text and len(text.encode()) % 16 == 0 for text in texts)
        assert any(not text.isascii() and len(text.encode()) % 16 == 0 for text in texts)
        assert any(len(text.encode()) > 500 for text in texts)


@pytest.mark.parametrize("row", VECTORS, ids=range(len(VECTORS)))
def test_vector(row: dict[str, str]) -> None:
    cipher = Cipher(row["key"])
    assert cipher.encrypt(row["text"]) == row["cipher"]
    assert cipher.decrypt(row["cipher"]) == row["text"]
    if row["day"]:
        assert key_of_day(datetime.date.fromisoformat(row["day"])) == row["key"]


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
def test_line_breaks_count_for_nothing(line_end: str) -> None:
    for row in VECTORS:
        broken = line_end.join(row["cipher"][at : at + 76] for at in range(0, len(row["cipher"]), 76)) + line_end
        assert Cipher(row["key"]).decrypt(broken) == row["text"]


def test_what_is_sent_has_no_line_breaks() -> None:
    assert not set(Cipher(HOSPITAL_KEY).encrypt("长" * 10_000)) & set("\r\n")


@pytest.mark.parametrize("day", ["2024-02-29", "2026-11-21"])
@pytest.mark.parametrize("text", ["", "工伤保险" * 4, "0123456789abcdef", '{"aac003": "赵测甲"}'])
def test_openssl_reads_and_writes_the_same(text: str, day: str) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: only the stored vectors are compared")

    def run(way: str, key: str, given: str) -> str:
        command = [openssl, "enc", "-aes-256-ecb", way, "-base64", "-A", "-K", key.encode().hex()]
        return subprocess.run(command, input=given.encode(), capture_output=True, check=True).stdout.decode()

    for key in (HOSPITAL_KEY, key_of_day(datetime.date.fromisoformat(day))):
        ours = Cipher(key).encrypt(text)
        assert run("-e", key, text).strip() == ours
        assert run("-d", key, ours) == text


@given(TEXTS, st.dates())
def test_there_and_back(text: str, day: datetime.date) -> None:
    cipher = Cipher(key_of_day(day))
    assert cipher.decrypt(cipher.encrypt(text)) == text


@pytest.mark.parametrize("key", ["", "短", "x" * 31, "x" * 33, "密" * 32, "é" * 16])
def test_key_is_32_ascii_characters_and_never_shown(key: str) -> None:
    with pytest.raises(ValueError, match="32 ASCII") as refused:
        Cipher(key)
    assert not key or key not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "\r\n", "!!!!", "AAAA", "<html>502</html>", '{"code":0}', "密文", "A" * 22 + "==", "QUJD" * 16 + "="]
)
def test_what_is_no_cipher_text_is_undecipherable(text: str) -> None:
    with pytest.raises(Undecipherable):
        Cipher(HOSPITAL_KEY).decrypt(text)


def test_another_key_is_noticed() -> None:
    """By the padding or by UTF-8; a sealed message would be surer, but the document has none."""
    other = Cipher(key_of_day(datetime.date(2026, 1, 1)))
    wrong: list[Any] = []
    for row in VECTORS:
        if row["key"] != key_of_day(datetime.date(2026, 1, 1)):
            with pytest.raises(Undecipherable):
                wrong.append(other.decrypt(row["cipher"]))
    assert wrong == []


def test_password_form() -> None:
    assert md5_upper("password") == "5F4DCC3B5AA765D61D8327DEB882CF99"
