"""The browser of the tests: VISITFLOW_TEST_CHROMIUM, or the Chromium or Chrome that is on the path."""

from __future__ import annotations

import importlib.util
import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "no browser: install Debian's chromium and fonts-noto-cjk, or name one in VISITFLOW_TEST_CHROMIUM"
_NOT_DRIVEN = "playwright or axe-playwright-python is not installed: pip install -e '.[dev]'"


def chromium() -> str | None:
    """Return a browser, or None."""
    return os.environ.get("VISITFLOW_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def _drivers() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("playwright", "axe_playwright_python"))


#: For tests that start the browser by themselves.
needs_chromium = pytest.mark.skipif(chromium() is None, reason=MISSING)
#: For tests that click: a browser and what drives it.
needs_clicks = pytest.mark.skipif(
    chromium() is None or not _drivers(), reason=MISSING if chromium() is None else _NOT_DRIVEN
)
