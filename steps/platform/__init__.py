"""Steps, conditions and models of the patient platform's flows; flows name them ``platform.pay_clinic`` ..."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from steps.platform import (
    absence,
    calls,
    conditions,
    looks,
    models,
    paid,
    reconciliation,
    refunds,
    registering,
    reports,
    surcharge,
    verifying,
)
from steps.platform.openings import OPENINGS

STEPS: dict[str, Any] = {
    **calls.CALL_STEPS,
    **looks.LOOK_STEPS,
    **refunds.REFUND_STEPS,
    **{
        step.name.removeprefix("platform."): step
        for step in (
            refunds.FindRefund,
            refunds.FindCardRefund,
            absence.CheckNotBooked,
            absence.AnswerRefundQuery,
            paid.AskPayment,
            looks.LockLapses,
            registering.FindRegistered,
            registering.AskRegistered,
            surcharge.AskSurcharge,
            verifying.VerifyRest,
            *reports.STEPS,
            *reconciliation.STEPS,
        )
    },
}
CONDITIONS: dict[str, Any] = (
    {condition.__name__: condition for condition in conditions.CONDITIONS}
    | conditions.ASKED
    | reconciliation.CONDITIONS
)
_MODELS: tuple[type[BaseModel], ...] = (
    models.Visit,
    models.RefundWanted,
    models.PaymentToRefund,
    models.CardMoneyToRefund,
    models.ResultTold,
    models.ServedTold,
    models.NoteTold,
    *reconciliation.MODELS,
    *OPENINGS,
)
MODELS: dict[str, Any] = {model.__name__: model for model in _MODELS}
