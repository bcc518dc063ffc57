"""The work-injury centre of Inner Mongolia (interface 002) over HTTP."""

from adapters.neimenggu.adapter import Neimenggu

__all__ = ["Neimenggu"]
