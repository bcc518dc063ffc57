"""Steps, conditions and models of the Jiangsu flows; flows name them ``jiangsu.settle``, ``jiangsu.Opening`` ..."""

from __future__ import annotations

from typing import Any

from steps.jiangsu import conditions, forward, models, session, settling, undo

STEPS: dict[str, Any] = {
    step.name.removeprefix("jiangsu."): step
    for step in (
        forward.CheckSignIn,
        forward.ReadCard,
        forward.Register,
        forward.UploadLines,
        forward.PreSettle,
        forward.Settle,
        forward.FetchReceipt,
        undo.CancelRegistration,
        undo.CancelLines,
        undo.CancelSettlement,
        settling.FindRegistration,
        settling.FindLines,
        settling.FindSettlement,
        settling.RegistrationGone,
        settling.LinesGone,
        settling.SettlementGone,
        settling.Reverse,
        session.SignIn,
        session.SignOut,
        session.UndoSignIn,
        session.CheckClock,
    )
}
CONDITIONS: dict[str, Any] = {
    "has_fee_lines": conditions.has_fee_lines,
    "has_invoice": conditions.has_invoice,
    "has_sign_no": session.has_sign_no,
}
MODELS: dict[str, Any] = {
    "Opening": models.Opening,
    "Outpatient": models.Outpatient,
    "FeeLines": models.FeeLines,
    "Invoice": models.Invoice,
    "SessionOpening": session.SessionOpening,
    "Session": session.Session,
    "SignedInByAdapter": session.SignedInByAdapter,
}
