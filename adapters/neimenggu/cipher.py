"""AES-256/ECB/PKCS5 and Base64, as the Java program of 002, 2.2 does it; the key of the day.

ECB hides neither repetitions nor who replays a message: it is the centre's rule. What protects the way is TLS.
"""

from __future__ import annotations

import base64
import datetime
import hashlib

from Crypto.Cipher import AES
from Crypto.Cipher._mode_ecb import EcbMode
from Crypto.Util.Padding import pad, unpad

#: A key is so many ASCII characters, which are its bytes.
KEY_LENGTH = 32


class Undecipherable(ValueError):
    """The text is not what this key made."""


class Cipher:
    """One key: a hospital's own, or that of a day."""

    def __init__(self, key: str) -> None:
        """``key``: 32 ASCII characters. Raises ValueError, which does not show it."""
        if len(key) != KEY_LENGTH or not key.isascii():
            raise ValueError(f"the key must have {KEY_LENGTH} ASCII characters")
        self._key = key.encode("ascii")

    def encrypt(self, text: str) -> str:
        """Return UTF-8 ``text`` encrypted, as Base64 in one line."""
        padded = pad(text.encode(), AES.block_size)
        return base64.b64encode(self._cipher().encrypt(padded)).decode("ascii")

    def decrypt(self, text: str) -> str:
        """Return what was encrypted; line breaks in ``text`` count for nothing.

        Raises:
            Undecipherable: no Base64, no whole blocks, a wrong key, or no UTF-8. Shows nothing of it (G10).
        """
        try:
            blocks = base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
            return unpad(self._cipher().decrypt(blocks), AES.block_size).decode()
        except ValueError:
            raise Undecipherable("not encrypted with this key") from None

    def _cipher(self) -> EcbMode:
        return AES.new(self._key, AES.MODE_ECB)


def key_of_day(day: datetime.date) -> str:
    """Return the public key of ``day``: the MD5 of YYYY-MM-DD in upper-case hexadecimal (002, 2.2)."""
    return md5_upper(day.isoformat())


def md5_upper(text: str) -> str:
    """Return the MD5 of UTF-8 ``text`` as 32 upper-case hexadecimal digits: also the form of a password (002, 4.1)."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()
