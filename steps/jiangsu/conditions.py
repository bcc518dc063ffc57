"""Named conditions of the Jiangsu flows."""

from __future__ import annotations

from engine.steps import View


def has_fee_lines(view: View) -> bool:
    """Tell whether the HIS has handed fee lines over."""
    return bool(view.data.get("fee_lines"))


def has_invoice(view: View) -> bool:
    """Tell whether the HIS has named the invoice: the patient has seen the pre-settlement."""
    return bool(view.data.get("invoice_no"))
