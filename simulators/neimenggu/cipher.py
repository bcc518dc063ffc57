"""AES/ECB/PKCS5 with Base64 (2.2), and the key of the day (4.1)."""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib

from Crypto.Cipher import AES
from Crypto.Util.Padding import pad, unpad


def key_of_the_day(day: datetime.date) -> str:
    """Return the key of 4.1: MD5 of yyyy-mm-dd, in capitals; its 32 characters are the bytes."""
    return hashlib.md5(day.isoformat().encode(), usedforsecurity=False).hexdigest().upper()


def encrypt(key: str, content: str) -> str:
    """Return Base64 without line ends."""
    cipher = AES.new(key.encode(), AES.MODE_ECB)
    return base64.b64encode(cipher.encrypt(pad(content.encode(), AES.block_size))).decode()


def decrypt(key: str, content: str) -> str | None:
    """Return what was encrypted; line ends in it do not matter. None: not with this key."""
    try:
        raw = base64.b64decode(content.replace("\r", "").replace("\n", ""), validate=True)
        return unpad(AES.new(key.encode(), AES.MODE_ECB).decrypt(raw), AES.block_size).decode()
    except (binascii.Error, ValueError):
        return None
