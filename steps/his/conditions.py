"""Named conditions about the hospital's own bill."""

from __future__ import annotations

from decimal import Decimal

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


def found_agrees(view: View) -> bool:
    """Tell whether a settlement that a person has found is for the money that was paid (G9)."""
    his = view.data["his"]
    found, paid = his.get("settlement"), his.get("payment")
    return bool(found and paid) and Decimal(found["personal"]) == Decimal(paid["money"])
