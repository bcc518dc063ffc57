"""The hospital's own HIS back end (interface 004): trial and settlement of a doctor's bills."""

from adapters.his.adapter import HisBackend

__all__ = ["HisBackend"]
