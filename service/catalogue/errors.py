"""What callers of catalogues may catch beside the engine's errors."""

from __future__ import annotations

from engine.errors import BadInput


class NotInCatalogue(BadInput):
    """The catalogue does not have that."""

    code = "not_in_catalogue"
