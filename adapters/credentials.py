"""Secrets of a peer: from the environment, a file that it names, or ``.env``; never from flows.yaml (G10)."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import dotenv_values

#: A variable with this ending names a file that holds the secret (as container platforms hand secrets over).
FILE = "_FILE"


class SecretMissing(LookupError):
    """No secret: set the variable, or the one that names its file."""


def read_secret(variable: str) -> str:
    """Return the secret called ``variable``, without blanks around it.

    In this order: the environment's ``variable``; the file that ``variable`` + ``_FILE`` names; the same two in the
    ``.env`` of the working folder. Read anew each time, so that a secret that was put right counts at once.

    Raises:
        SecretMissing: there is none, or its file cannot be read. Names the variable, never the content.
    """
    for source in (os.environ, dotenv_values(".env")):
        if text := (source.get(variable) or "").strip():
            return text
        if path := (source.get(variable + FILE) or "").strip():
            try:
                if text := Path(path).read_text(encoding="utf-8").strip():
                    return text
            except (OSError, UnicodeDecodeError):
                raise SecretMissing(f"the file that {variable}{FILE} names cannot be read") from None
    raise SecretMissing(f"{variable} is not set, nor {variable}{FILE}, which may name a file")
