"""Named conditions of the Jiangsu flows."""

from __future__ import annotations

from engine.steps import View
from steps.jiangsu.ledger import LineState, entries, next_batch


def knows_person(view: View) -> bool:
    """Tell whether the front end has read the card already, so that no card need be in the reader."""
    return bool(view.data.get("psn_no"))


def has_lines_to_send(view: View) -> bool:
    """Tell whether a batch of fee lines could be sent now."""
    return bool(next_batch(view))


def upload_is_due(view: View) -> bool:
    """Tell whether lines go up without being asked: an upload that began is not finished, or the patient is leaving."""
    begun = bool(view.data.get("uploading")) or bool(view.data.get("dscg_time"))
    return begun and has_lines_to_send(view)


def lines_are_settled(view: View) -> bool:
    """Tell whether there are charges and every line is uploaded or voided, so that the visit may be pre-settled."""
    known = entries(view)
    done = (LineState.UPLOADED, LineState.VOIDED)
    return any(each.state is LineState.UPLOADED for each in known) and all(each.state in done for each in known)


def may_leave(view: View) -> bool:
    """Tell whether the patient is leaving and the centre has every line."""
    return bool(view.data.get("dscg_time")) and lines_are_settled(view)


def has_invoice(view: View) -> bool:
    """Tell whether the HIS has named the invoice: the patient has seen the pre-settlement."""
    return bool(view.data.get("invoice_no"))


def may_settle(view: View) -> bool:
    """Tell whether the HIS has named the invoice and no line came in since the pre-settlement."""
    return has_invoice(view) and lines_are_settled(view)


def has_record(view: View) -> bool:
    """Tell whether the doctor's record has been handed over."""
    return bool(view.data.get("record"))


def waits_for_record(view: View) -> bool:
    """Tell whether the site lets no visit end without its record."""
    return bool(view.settings.get("record", "optional") == "required")


# -- version 1 of jiangsu.outpatient
def has_fee_lines(view: View) -> bool:
    """Tell whether the HIS has handed fee lines over."""
    return bool(view.data.get("fee_lines"))
