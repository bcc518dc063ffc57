"""Secrets as a site sets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.neimenggu.centre import KEY, PASSWORD


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VISITFLOW_NEIMENGGU_KEY", KEY)
    monkeypatch.setenv("VISITFLOW_NEIMENGGU_PASSWORD", PASSWORD)
    monkeypatch.chdir(tmp_path)  # no .env of whoever runs the tests
