"""Steps, conditions and models of the Jiangsu flows; flows name them ``jiangsu.settle``, ``jiangsu.Opening`` ..."""

from __future__ import annotations

from typing import Any

from steps.jiangsu import (
    bills,
    conditions,
    filing,
    forward,
    lines,
    models,
    reconciliation,
    records,
    review,
    session,
    settling,
    single,
    undo,
)

#: Named only by version 1 of jiangsu.outpatient, for visits that began on it (G7).
VERSION_1_CONDITIONS = (conditions.has_fee_lines, conditions.has_invoice)
VERSION_1_MODELS = (models.Opening, models.Outpatient, models.FeeLines)

STEPS: dict[str, Any] = {
    step.name.removeprefix("jiangsu."): step
    for step in (
        forward.CheckSignIn,
        forward.ReadCard,
        forward.Register,
        forward.ChangeRegistration,
        forward.UploadLines,
        forward.PreSettle,
        forward.Settle,
        forward.FetchReceipt,
        records.UploadOutpatientRecord,
        records.UploadInpatientRecord,
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
        session.SignIn,
        session.SignOut,
        session.UndoSignIn,
        session.CheckClock,
    )
} | dict(single.SINGLE_STEPS)
CONDITIONS: dict[str, Any] = {
    condition.__name__: condition
    for condition in (
        conditions.knows_person,
        conditions.has_lines_to_send,
        conditions.upload_is_due,
        conditions.lines_are_settled,
        conditions.may_leave,
        conditions.may_settle,
        conditions.has_record,
        conditions.waits_for_record,
        filing.knows_injury,
        review.may_appeal,
        reconciliation.totals_agree,
        reconciliation.bills_left,
        session.has_sign_no,
        *VERSION_1_CONDITIONS,
    )
}
MODELS: dict[str, Any] = {
    model.__name__: model
    for model in (
        models.OutpatientOpening,
        models.OutpatientVisit,
        models.InpatientOpening,
        models.InpatientVisit,
        models.Change,
        models.Discharge,
        models.OutpatientRecordHandedOver,
        models.InpatientRecordHandedOver,
        models.Invoice,
        lines.FeesHandedOver,
        filing.FilingOpening,
        filing.Filing,
        filing.ApprovedInjury,
        review.AppealOpening,
        review.Review,
        review.AppealWords,
        bills.Period,
        bills.Reconciliation,
        bills.OurBills,
        session.SessionOpening,
        session.Session,
        session.SignedInByAdapter,
        single.SingleOpening,
        single.Single,
        *VERSION_1_MODELS,
    )
}
