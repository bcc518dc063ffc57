"""Named conditions of the Inner Mongolia flows. What is cheap is asked first: a ledger may hold thousands of lines."""

from __future__ import annotations

from decimal import Decimal

from engine.steps import View
from steps.ledger import LineState
from steps.neimenggu import choosing
from steps.neimenggu.base import by_agency, money, same
from steps.neimenggu.ledger import entries, next_batch

REHABILITATION = "4"


# -- card
def has_card(view: View) -> bool:
    """Tell whether a card is to be checked or read."""
    return bool(view.data.get("card"))


def has_qr_code(view: View) -> bool:
    """Tell whether a QR code is to be checked or read."""
    return bool(view.data.get("qr_code"))


# -- injury
def is_old_injury(view: View) -> bool:
    """Tell whether the injury of the visit is known, and has a certificate."""
    found = choosing.injury(view)
    return found is not None and bool(found.get("alca02"))


def is_new_injury(view: View) -> bool:
    """Tell whether the injury of the visit is known, and has no certificate yet (4.8, 8)."""
    found = choosing.injury(view)
    return found is not None and not found.get("alca02")


def may_register(view: View) -> bool:
    """Tell whether there is what the admission rests on.

    Old injury: an approved application that covers the admission, chosen by a person. New injury: what the agency wants
    (``new_injuries``, ``filing``), which is another one in every prefecture (6.3); asked by the agency, no filing is
    needed (4.6, 6).
    """
    found = choosing.injury(view)
    if found is None:
        return False
    if found.get("alca02"):
        return choosing.treatment(view) is not None
    if view.data.get("asked_for_by"):
        return True
    region = str(found.get("aab301") or "")
    if by_agency(view, "new_injuries", region) != "yes":
        return False
    return by_agency(view, "filing", region) != "required" or bool(view.data.get("reports"))


def is_left_out(view: View) -> bool:
    """Tell whether it is a new injury whose agency wants no upload, and has not asked for this one."""
    found = choosing.injury(view)
    if found is None or found.get("alca02") or view.data.get("asked_for_by"):
        return False
    return by_agency(view, "new_injuries", str(found.get("aab301") or "")) == "no"


def has_filing(view: View) -> bool:
    """Tell whether the offsite filing is known that covers the admission."""
    return choosing.filing(view) is not None


# -- fees
def has_waiting_lines(view: View) -> bool:
    """Tell whether lines wait for their match, for the upload, or for a mended catalogue."""
    waiting = (LineState.PENDING, LineState.UNMATCHED, LineState.REFUSED)
    return any(each.state in waiting for each in entries(view))


def upload_is_due(view: View) -> bool:
    """Tell whether lines go up now: an upload has begun, the patient is leaving, or the site sends at once."""
    begun = view.data.get("uploading") or view.data.get("discharged_on") or view.settings.get("upload_at_once") is True
    return bool(begun) and bool(next_batch(view))


def may_leave(view: View) -> bool:
    """Tell whether the patient is leaving and the centre has every line."""
    if not view.data.get("discharged_on"):
        return False
    states = [each.state for each in entries(view)]
    done = (LineState.UPLOADED, LineState.VOIDED)
    return LineState.UPLOADED in states and all(state in done for state in states)


def drug_share_is_due(view: View) -> bool:
    """Tell whether lines of a rehabilitation went up since the drug share was looked at (4.17, 6)."""
    if view.data.get("treatment_kind") != REHABILITATION:
        return False
    batches = int(view.data.get("batches", 0))
    return batches > 0 and (view.data.get("drug_share") or {}).get("batches") != batches


# -- settlement
def settlement_agrees(view: View) -> bool:
    """Tell whether what the patient and the fund pay is what the settlement sheet says (G9).

    A new injury is paid by the patient, or as hospital and employer agreed (4.6, 6; 6.3): only the total is held to it.
    """
    sheet, data = view.data.get("sheet"), view.data
    if not sheet or data.get("paid_total") is None:
        return False
    if not same(money(sheet["alc407sum"]), Decimal(data["paid_total"])):
        return False
    if (data.get("injury") or {}).get("alca02") == "" or is_new_injury(view):
        return True
    pairs = (("jjin", "paid_by_fund"), ("alc408sum", "paid_by_patient"))
    return all(
        sheet.get(theirs) in (None, "") or same(money(sheet[theirs]), Decimal(data[ours])) for theirs, ours in pairs
    )


def is_reviewed(view: View) -> bool:
    """Tell whether the agency has reviewed the fees and the final amounts are known (akc667 = 1)."""
    return bool(view.data.get("final"))
