"""Secrets of adapters: named in flows.yaml, kept in the environment or in a file, never in YAML, journals or logs."""

from __future__ import annotations

import os
from pathlib import Path


class SecretMissing(ValueError):
    """A secret is not where the settings say; the message names the place."""


def read_secret(env: str = "", file: Path | None = None) -> str:
    """Return what the environment variable ``env`` or else ``file`` holds; without either, nothing.

    Read anew whenever it is needed, so that a secret may be changed while the service runs.

    Raises:
        SecretMissing: the place that is named holds nothing.
    """
    if env:
        if not (value := os.environ.get(env, "")):
            raise SecretMissing(f"the environment variable {env} is not set")
        return value
    if file is None:
        return ""
    try:
        value = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretMissing(f"{file} cannot be read: {type(error).__name__}") from None
    if not value:
        raise SecretMissing(f"{file} is empty")
    return value
