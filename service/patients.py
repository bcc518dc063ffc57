"""Find a patient's visits without keeping a patient in an index: by keyed hashes of numbers and names.

Which members hold them is data (``MEMBERS``). Without the key a hash tells nothing; with it, it can be made from a
number but not turned back. The HIS asks for a hash once (POST /patients/hash) and filters by it, and the console does
the same for whoever types a number or a name, so that none ever stands in an address or an access log.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any

from storage.registers import Feed, FeedEvent, PatientOf

READER = "patients"


class Known(IntEnum):
    """By what a patient is known, the surest first; exports name a patient by the surest that a visit has."""

    IDENTITY = 0  #: 身份证号, the same everywhere
    PERSON = 1  #: 人员编号, a centre's own
    NAME = 2  #: 姓名, of many


#: Members of visit data and replies that hold one of these, of all peers.
MEMBERS = {
    **dict.fromkeys(
        ("certno", "id_number", "identity_number", "aac002", "id_card", "idCard", "idNo", "id_no"), Known.IDENTITY
    ),
    **dict.fromkeys(("psn_no", "aac001"), Known.PERSON),
    **dict.fromkeys(("psn_name", "person_name", "patient_name", "patientName", "aac003"), Known.NAME),
}
_MARKS = tuple(f'"{name}"' for name in MEMBERS)
_AT_ONCE = 200


def patient_hash(key: bytes, number: str) -> str:
    """Return the hash of a number or a name, however it is written: 64 hex digits."""
    return hmac.new(key, b"patient\x00" + number.strip().upper().encode(), hashlib.sha256).hexdigest()


def visit_hash(key: bytes, flow: str, number: str) -> str:
    """Return the hash of the HIS's own number of a visit, by which exports tell visits apart: 64 hex digits."""
    return hmac.new(key, f"visit\x00{flow}\x00{number}".encode(), hashlib.sha256).hexdigest()


def identities(value: Any) -> Iterator[tuple[str, Known]]:
    """Yield the numbers and names in a piece of data, with what they are."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name in MEMBERS and isinstance(item, str) and item.strip():
                yield item, MEMBERS[name]
            else:
                yield from identities(item)
    elif isinstance(value, list):
        for item in value:
            yield from identities(item)


def patients(key: bytes, events: Sequence[FeedEvent]) -> list[PatientOf]:
    """Return whose visits they are by what events tell, each once."""
    found = {
        PatientOf(patient_hash(key, text), event.visit_id, known)
        for event in events
        if any(mark in event.payload for mark in _MARKS)
        for text, known in identities(json.loads(event.payload))
    }
    return sorted(found)


async def index(feed: Feed, key: bytes) -> int:
    """Read on in the feed and keep whose visits there are; return how many events were read."""
    position = await feed.begin(READER, 0)
    events = await feed.read(position, _AT_ONCE)
    if events:
        await feed.note_patients(READER, position, events[-1].position, patients(key, events))
    return len(events)
