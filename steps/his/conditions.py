"""Named conditions about the hospital's own bill."""

from __future__ import annotations

from engine.steps import View


def has_bill(view: View) -> bool:
    """Tell whether the trial has offered a bill."""
    return bool(view.data["his"].get("bill"))


def payment_fits(view: View) -> bool:
    """Tell whether the trial still offers the bill that was paid, for the money that was paid."""
    his = view.data["his"]
    return bool(his.get("looked")) and his.get("why_not") is None


def is_settled(view: View) -> bool:
    """Tell whether the HIS has settled the bill."""
    return bool(view.data["his"].get("settlement"))
