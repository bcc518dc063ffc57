"""Secrets at rest: AES-256-GCM under a named key, so that keys can be changed while old rows stay readable (G10)."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.errors import BadInput, StoreError, VisitflowError
from engine.store import ExchangeRecord
from storage.chance import Chance

_NONCE, _TAG, KEY_BYTES = 12, 16, 32
_nonces = Chance(_NONCE)


class SealBroken(VisitflowError, ValueError):
    """What is sealed cannot be read: its key is missing or its row was changed.

    A ValueError, and no StoreError: one journal that cannot be read, not a store that will be there again in a moment.
    """

    code = "seal_broken"


class KeyMissing(SealBroken, StoreError):
    """The key that sealed it is not configured: with it, or in another process, all is well."""

    code = "key_missing"


class Cipher:
    """AES-256-GCM under one key, set up once: that costs more than sealing an event (ADR 36).

    Nonces are random: some thousand for a visit's key, some for each visit and exchange for a key of the vault.
    """

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        """``key`` has 32 bytes."""
        self._aead = AESGCM(key)

    def seal(self, plain: bytes, bound: bytes) -> bytes:
        """Return nonce, ciphertext and tag; only who names the same ``bound`` can open it."""
        nonce = _nonces.take()
        return nonce + self._aead.encrypt(nonce, plain, bound)

    def open(self, body: bytes, bound: bytes) -> bytes:
        """Return what was sealed. Raises ValueError: another key, another place, or changed."""
        try:
            return self._aead.decrypt(body[:_NONCE], body[_NONCE:], bound)
        except InvalidTag:
            raise ValueError("the tag does not fit") from None


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
            if len(key) != KEY_BYTES:
                raise BadInput(f"exchange key {key_id}: expected 32 bytes", field="VISITFLOW_EXCHANGE_KEYS")
        self._ciphers = {key_id: Cipher(key) for key_id, key in keys.items()}
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
        body = self._ciphers[self.current].seal(plain, bound_to(*bound, self.current))
        return Sealed(self.current, body[:_NONCE] + body[-_TAG:] + body[_NONCE:-_TAG])

    def knows(self, key_id: str) -> bool:
        """Tell whether a key is configured."""
        return key_id in self._ciphers

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
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise key_missing(what, sealed.key_id)
        try:
            body = sealed.body
            inner = body[:_NONCE] + body[_NONCE + _TAG :] + body[_NONCE : _NONCE + _TAG]
            return cipher.open(inner, bound_to(*bound, sealed.key_id))
        except ValueError:
            raise SealBroken(
                f"{what} does not fit key {sealed.key_id}: it was changed, or another key has this name"
            ) from None


def key_missing(what: str, key_id: str) -> KeyMissing:
    """Return the error, which says what to do."""
    return KeyMissing(
        f"{what} needs key {key_id}, which is not configured: put {key_id}:... back into VISITFLOW_EXCHANGE_KEYS,"
        " behind the current one"
    )


def bound_to(*parts: str) -> bytes:
    """Return what a seal is bound to, as bytes."""
    return "\x00".join(parts).encode()
