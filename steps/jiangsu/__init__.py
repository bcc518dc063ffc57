"""Steps, conditions and models of the Jiangsu flows; flows name them ``jiangsu.settle``, ``jiangsu.Opening`` ..."""

from __future__ import annotations

from typing import Any

from steps.jiangsu import conditions, forward, lines, models, records, settling, undo

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
    )
}
CONDITIONS: dict[str, Any] = {
    condition.__name__: condition
    for condition in (
        conditions.knows_person,
        conditions.has_lines_to_send,
        conditions.upload_is_due,
        conditions.lines_are_settled,
        conditions.may_leave,
        conditions.has_invoice,
        conditions.may_settle,
        conditions.has_record,
        conditions.waits_for_record,
        conditions.has_fee_lines,
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
        # version 1 of jiangsu.outpatient
        models.Opening,
        models.Outpatient,
        models.FeeLines,
    )
}
