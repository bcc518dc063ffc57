"""What the centre refuses. Codes and texts are those of 5.2; rules and codes are joined in data/dialects.yaml."""

from __future__ import annotations

from simulators.neimenggu.data import ERRORS

OTHER = 1004  #: "other error (perhaps a type, a time's form, a length)": the code of rules that have none


class Refusal(Exception):
    """The centre decides against it; nothing happened, unless ``applied``."""

    def __init__(self, code: int, detail: str = "", applied: bool = False) -> None:
        """``detail`` is added to the text of the code."""
        self.code, self.applied = code, applied
        self.message = ERRORS.get(code, "") + (f"[{detail}]" if detail else "")
        super().__init__(self.message)

    @classmethod
    def changed(cls, refusal: Refusal) -> Refusal:
        """Return the same refusal of a request that has left something behind."""
        same = cls(refusal.code, applied=True)
        same.message = refusal.message
        return same
