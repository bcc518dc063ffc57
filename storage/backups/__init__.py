"""Copies of a store, taken while it works: made, described by a manifest, taken in again (ADR 28)."""

from storage.backups.copies import Copies, copies_of
from storage.backups.manifest import Manifest, digest_of, read_manifest, write_manifest
from storage.backups.past import forget_past
from storage.backups.workers import live_workers, refuse_live_workers

__all__ = [
    "Copies",
    "Manifest",
    "copies_of",
    "digest_of",
    "forget_past",
    "live_workers",
    "read_manifest",
    "refuse_live_workers",
    "write_manifest",
]
