"""Replace a catalogue whole: compare, write what nobody sees yet, make it the one that stands, take the old away."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.environment import HOUR, Environment, time_ordered_id
from engine.errors import BadInput, VisitBusy
from storage import CatalogueHead, CatalogueStore, Entry
from storage.books import CHUNK

_VERSION_DIGITS = 12
_LONGEST_VERSION = 64
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """What an import changes, by hospital code and first day."""

    added: tuple[Key, ...]
    changed: Mapping[Key, tuple[str, ...]]  #: with the fields that differ
    removed: tuple[Key, ...]
    unchanged: int

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return bool(self.added or self.changed or self.removed)


def compare(old: Sequence[Entry], new: Sequence[Entry]) -> Difference:
    """Compare what stands with what would stand."""
    before = {(each.code, each.valid_from): each for each in old}
    after = {(each.code, each.valid_from): each for each in new}
    both = [key for key in after if key in before]
    changed = {key: fields for key in both if (fields := _fields(before[key], after[key]))}
    return Difference(
        added=tuple(sorted(key for key in after if key not in before)),
        changed=dict(sorted(changed.items())),
        removed=tuple(sorted(key for key in before if key not in after)),
        unchanged=len(both) - len(changed),
    )


def _fields(old: Entry, new: Entry) -> tuple[str, ...]:
    names = [name for name in {**old.content, **new.content} if old.content.get(name) != new.content.get(name)]
    return (*names, *(("valid_to",) if old.valid_to != new.valid_to else ()))


def version_of(entries: Sequence[Entry]) -> str:
    """Return a version that says what is in it: the same entries have the same one."""
    rows = sorted([each.code, each.valid_from, each.valid_to, dict(each.content)] for each in entries)
    text = json.dumps(rows, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_VERSION_DIGITS]


async def check_version(book: CatalogueStore, name: str, version: str, difference: Difference) -> None:
    """Raises BadInput: the version stands already, with other content, or is none."""
    if not version.strip() or len(version) > _LONGEST_VERSION or not version.isprintable():
        raise BadInput(f"expected at most {_LONGEST_VERSION} printable characters", field="--version")
    if difference and await book.version(name) == version:
        raise BadInput(f"version {version} stands already, with other content: choose another", field="--version")


async def replace(
    book: CatalogueStore,
    environment: Environment,
    name: str,
    version: str,
    entries: Sequence[Entry],
    by: str,
    progress: Callable[[int], None] = lambda _written: None,
) -> CatalogueHead:
    """Make ``entries`` the catalogue, all of it at once; ``progress`` hears how many are written.

    A broken-off import leaves nothing that anybody sees; the next one, an hour later or more, takes it away.

    Raises:
        VisitBusy: another import of the same catalogue came first; nothing of this one is seen.
        StoreError: the same.
    """
    stands = await book.head(name)
    for generation in await book.forgotten(time_ordered_id(environment.now() - HOUR, 0)):
        await _discard(book, generation)
    head = CatalogueHead(name, version, environment.new_id(), len(entries), environment.now(), by)
    for start in range(0, len(entries), CHUNK):
        await book.write(head.generation, entries[start : start + CHUNK])
        progress(min(start + CHUNK, len(entries)))
    if not await book.stand(head, stands):
        await _discard(book, head.generation)
        raise VisitBusy(f"another import of {name} was made meanwhile: look at it, then import again")
    if stands is not None:
        await _discard(book, stands.generation)
    return head


async def _discard(book: CatalogueStore, generation: str) -> None:
    async for _count in book.discard(generation):
        pass


def difference_view(difference: Difference) -> dict[str, Any]:
    """Return a comparison as programs read it."""
    return {
        "counts": {
            "added": len(difference.added),
            "changed": len(difference.changed),
            "removed": len(difference.removed),
            "unchanged": difference.unchanged,
        },
        "added": [_key(key) for key in difference.added],
        "changed": [_key(key) | {"fields": list(fields)} for key, fields in difference.changed.items()],
        "removed": [_key(key) for key in difference.removed],
    }


def _key(key: Key) -> dict[str, Any]:
    return {"code": key[0], "valid_from": key[1]}
