"""Steps, conditions and models of the Jiangsu flows; flows name them ``jiangsu.settle``, ``jiangsu.Opening`` ..."""

from __future__ import annotations

from typing import Any

from steps.jiangsu import bills, conditions, filing, forward, models, reconciliation, review, settling, undo

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
        filing.FileSpecial,
        review.ListDeductions,
        review.Appeal,
        review.FindAppeal,
        reconciliation.CompareTotals,
        reconciliation.CompareBill,
        reconciliation.NameDifferences,
        reconciliation.ConfirmPeriod,
        reconciliation.UnconfirmPeriod,
    )
}
CONDITIONS: dict[str, Any] = {
    "has_fee_lines": conditions.has_fee_lines,
    "has_invoice": conditions.has_invoice,
    "knows_injury": filing.knows_injury,
    "may_appeal": review.may_appeal,
    "totals_agree": reconciliation.totals_agree,
    "bills_left": reconciliation.bills_left,
}
MODELS: dict[str, Any] = {
    "Opening": models.Opening,
    "Outpatient": models.Outpatient,
    "FeeLines": models.FeeLines,
    "Invoice": models.Invoice,
    "FilingOpening": filing.FilingOpening,
    "Filing": filing.Filing,
    "ApprovedInjury": filing.ApprovedInjury,
    "AppealOpening": review.AppealOpening,
    "Review": review.Review,
    "AppealWords": review.AppealWords,
    "Period": bills.Period,
    "Reconciliation": bills.Reconciliation,
    "OurBills": bills.OurBills,
}
