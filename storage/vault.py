"""Secrets at rest: AES-256-GCM under a named key, so that keys can be changed while old rows stay readable (G10)."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import dataclass

from Crypto.Cipher import AES
from Crypto.Random import get_random_bytes

from engine.errors import BadInput, StoreError
from engine.store import ExchangeRecord

_NONCE, _TAG, _KEY = 12, 16, 32


class SealBroken(StoreError):
    """An exchange, a session or a file cannot be decrypted: its key is missing or its row was changed."""

    code = "seal_broken"


@dataclass(frozen=True, slots=True)
class Sealed:
    """Something encrypted: key id and nonce + tag + ciphertext."""

    key_id: str
    body: bytes


class Vault:
    """Seals and opens. The first key is the current one; the others only open."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        """``keys`` maps key ids to 32 bytes, current first. Raises BadInput."""
        if not keys:
            raise BadInput("at least one exchange key is needed", field="VISITFLOW_EXCHANGE_KEYS")
        for key_id, key in keys.items():
            if len(key) != _KEY:
                raise BadInput(f"exchange key {key_id}: expected 32 bytes", field="VISITFLOW_EXCHANGE_KEYS")
        self._keys = dict(keys)
        self.current = next(iter(keys))

    @classmethod
    def parse(cls, text: str) -> Vault:
        """Read ``id:base64[,id:base64...]``, current first. Raises BadInput, never showing a key."""
        keys: dict[str, bytes] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            key_id, colon, encoded = part.partition(":")
            try:
                if not colon or not key_id or key_id in keys:
                    raise ValueError
                keys[key_id] = base64.b64decode(encoded, validate=True)
            except (ValueError, binascii.Error):
                message = "expected id:base64 (32 bytes), several separated by commas, ids different"
                raise BadInput(message, field="VISITFLOW_EXCHANGE_KEYS") from None
        return cls(keys)

    def seal(self, record: ExchangeRecord) -> Sealed:
        """Encrypt what went over the wire, bound to the exchange, its visit and the key id."""
        reply = None if record.reply is None else base64.b64encode(record.reply).decode()
        plain = json.dumps(
            {"request": base64.b64encode(record.request).decode(), "reply": reply, "status": record.status}
        )
        return self.seal_bytes(zlib.compress(plain.encode(), 1), record.exchange_id, record.visit_id)

    def seal_bytes(self, plain: bytes, *bound: str) -> Sealed:
        """Encrypt bytes, bound to the place where they stand (``bound``) and to the key id."""
        nonce = get_random_bytes(_NONCE)
        cipher = AES.new(self._keys[self.current], AES.MODE_GCM, nonce=nonce, mac_len=_TAG)
        cipher.update(_bound_to(*bound, self.current))
        ciphertext, tag = cipher.encrypt_and_digest(plain)
        return Sealed(self.current, nonce + tag + ciphertext)

    def open(self, exchange_id: str, visit_id: str, sealed: Sealed) -> tuple[bytes, bytes | None, str]:
        """Return request, reply and status.

        Raises:
            SealBroken: the key is unknown or the row does not fit it; names exchange and key, no content.
        """
        plain = self.open_bytes(sealed, exchange_id, visit_id, what=f"exchange {exchange_id}")
        found = json.loads(zlib.decompress(plain))
        reply = None if found["reply"] is None else base64.b64decode(found["reply"])
        return base64.b64decode(found["request"]), reply, str(found["status"])

    def open_bytes(self, sealed: Sealed, *bound: str, what: str) -> bytes:
        """Return what :meth:`seal_bytes` encrypted for the same place; ``what`` is how errors call it.

        Raises:
            SealBroken: the key is unknown or the row does not fit it; tells no content.
        """
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise SealBroken(f"{what} needs key {sealed.key_id}, which is not configured")
        body = sealed.body
        cipher = AES.new(key, AES.MODE_GCM, nonce=body[:_NONCE], mac_len=_TAG)
        cipher.update(_bound_to(*bound, sealed.key_id))
        try:
            plain: bytes = cipher.decrypt_and_verify(body[_NONCE + _TAG :], body[_NONCE : _NONCE + _TAG])
        except ValueError:
            raise SealBroken(f"{what} does not fit key {sealed.key_id}: it was changed") from None
        return plain


def _bound_to(*parts: str) -> bytes:
    return "\x00".join(parts).encode()
