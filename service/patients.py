"""Find a patient's visits without keeping a patient in an index: by a keyed hash of the identity number.

Which members hold one is data (``IDENTITY_MEMBERS``). Without the key a hash tells nothing; with it, it can be made
from a number but not turned back. The HIS asks for a hash once (POST /patients/hash) and filters by it, so that no
identity number ever stands in an address or an access log.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from storage.registers import Feed, FeedEvent

READER = "patients"
#: Members of visit data and replies that hold an identity number, of all peers.
IDENTITY_MEMBERS = frozenset(("certno", "id_number", "identity_number", "aac002", "id_card", "idCard", "idNo", "id_no"))
_AT_ONCE = 200


def patient_hash(key: bytes, number: str) -> str:
    """Return the hash of an identity number, however it is written: 64 hex digits."""
    return hmac.new(key, b"patient\x00" + number.strip().upper().encode(), hashlib.sha256).hexdigest()


def visit_hash(key: bytes, flow: str, number: str) -> str:
    """Return the hash of the HIS's own number of a visit, by which exports tell visits apart: 64 hex digits."""
    return hmac.new(key, f"visit\x00{flow}\x00{number}".encode(), hashlib.sha256).hexdigest()


def identities(value: Any) -> Iterator[str]:
    """Yield the identity numbers in a piece of data."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name in IDENTITY_MEMBERS and isinstance(item, str) and item.strip():
                yield item
            else:
                yield from identities(item)
    elif isinstance(value, list):
        for item in value:
            yield from identities(item)


def pairs(key: bytes, events: Sequence[FeedEvent]) -> list[tuple[str, str]]:
    """Return (hash, visit) for the identity numbers in events, each once."""
    found = {
        (patient_hash(key, number), event.visit_id)
        for event in events
        if any(f'"{name}"' in event.payload for name in IDENTITY_MEMBERS)
        for number in identities(json.loads(event.payload))
    }
    return sorted(found)


async def index(feed: Feed, key: bytes) -> int:
    """Read on in the feed and keep whose visits there are; return how many events were read."""
    position = await feed.begin(READER, 0)
    events = await feed.read(position, _AT_ONCE)
    if events:
        await feed.note_patients(READER, position, events[-1].position, pairs(key, events))
    return len(events)
