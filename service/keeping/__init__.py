"""Keeping what is kept: backups taken, looked at and taken in again, and what is forgotten after its time (ADR 28)."""

from service.keeping.restoring import Restored, restore
from service.keeping.verifying import Verified, keys_fit, verify

__all__ = ["Restored", "Verified", "keys_fit", "restore", "verify"]
