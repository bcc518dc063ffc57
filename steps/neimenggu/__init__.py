"""Steps, conditions and models of the Inner Mongolia flows; flows name them ``neimenggu.register`` and so on."""

from __future__ import annotations

from typing import Any

from steps.neimenggu import conditions, entering, fees, invoices, leaving, lines, models, settling, undo

STEPS: dict[str, Any] = {
    step.name.removeprefix("neimenggu."): step
    for step in (
        entering.CheckCard,
        entering.CheckQrCode,
        entering.ReadOffsiteCard,
        entering.ReadOffsiteQrCode,
        entering.FindInjuries,
        entering.FindTreatments,
        entering.FindReports,
        entering.FindOffsiteFilings,
        entering.Register,
        entering.RegisterOffsite,
        fees.MatchLines,
        fees.BeginUpload,
        fees.UploadLines,
        fees.UploadOffsiteLines,
        fees.LookAtDrugShare,
        leaving.ApproveFees,
        leaving.FetchSheet,
        leaving.FetchFinalSheet,
        leaving.Discharge,
        leaving.DischargeOffsite,
        leaving.SendMaterial,
        undo.CancelRegistration,
        undo.CancelOffsiteRegistration,
        undo.CancelLines,
        undo.CancelOffsiteLines,
        undo.CancelDischarge,
        undo.CancelOffsiteDischarge,
        settling.FindStay,
        settling.StayGone,
        settling.FindLines,
        settling.LinesGone,
        settling.FindDischarge,
        settling.DischargeGone,
        settling.FindLinesByApproval,
        settling.FindDischargeBySheet,
        settling.DischargeGoneBySheet,
    )
}
CONDITIONS: dict[str, Any] = {
    condition.__name__: condition
    for condition in (
        conditions.has_card,
        conditions.has_qr_code,
        conditions.is_old_injury,
        conditions.is_new_injury,
        conditions.may_register,
        conditions.is_left_out,
        conditions.has_filing,
        conditions.has_waiting_lines,
        conditions.upload_is_due,
        conditions.drug_share_is_due,
        conditions.may_leave,
        conditions.settlement_agrees,
        invoices.invoices_come_to_total,
        conditions.is_reviewed,
    )
}
MODELS: dict[str, Any] = {
    model.__name__: model
    for model in (
        models.InpatientOpening,
        models.InpatientVisit,
        models.OutpatientOpening,
        models.OutpatientVisit,
        models.OffsiteOpening,
        models.OffsiteVisit,
        models.InjuryChosen,
        models.TreatmentChosen,
        models.AskedFor,
        models.FilingChosen,
        models.Discharge,
        invoices.PatientSettlement,
        invoices.OffsiteSettlement,
        invoices.MaterialHandedOver,
        invoices.ApplicationSubmitted,
        lines.FeesHandedOver,
    )
}
