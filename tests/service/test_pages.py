"""docs/api.md and docs/security.md are what the tables say, and name tests that exist."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

import pytest

from service.signed_post import signature
from tests.service.pages import DOCS, PARTS, renewed


@pytest.mark.parametrize("page", sorted(PARTS))
def test_the_page_is_up_to_date(page: str) -> None:
    assert renewed(page) == (DOCS / page).read_text(encoding="utf-8"), "run python -m tests.service.pages"


def test_every_test_that_is_named_exists() -> None:
    text = (DOCS / "security.md").read_text(encoding="utf-8")
    there = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].glob("*/test_*.py"))
    for name in re.findall(r"\btest_\w+(?!\.py)\b(?!\.py)", text):
        if not (Path(__file__).parent / f"{name}.py").exists():
            assert f"def {name}" in there, name


def test_the_sample_verifies_what_is_sent() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    code = next(block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "def genuine" in block)
    clock = type("Clock", (), {"time": staticmethod(lambda: 1000.0)})
    found: dict[str, object] = {"hashlib": hashlib, "hmac": hmac, "time": clock}
    exec(code.replace("import hashlib, hmac, time\n", ""), found)
    genuine = found["genuine"]
    assert callable(genuine)
    assert genuine("s", signature(("s", "old"), 1000, b"{}"), b"{}")
    assert not genuine("s", signature(("s",), 600, b"{}"), b"{}")
    assert not genuine("s", signature(("x",), 1000, b"{}"), b"{}")
