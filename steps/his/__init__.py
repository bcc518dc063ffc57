"""Steps, conditions and models of the HIS back end; flows name them ``his.settle_bill``, ``his.Opening`` ..."""

from __future__ import annotations

from typing import Any

from steps.his import bill, conditions, models, settlement

STEPS: dict[str, Any] = {
    step.name.removeprefix("his."): step
    for step in (
        bill.AskBill,
        bill.VerifyBill,
        settlement.SettleBill,
        settlement.FindSettlement,
        settlement.CheckRefusal,
    )
}
CONDITIONS: dict[str, Any] = {
    condition.__name__: condition
    for condition in (conditions.has_bill, conditions.payment_fits, conditions.is_settled, conditions.found_agrees)
}
MODELS: dict[str, Any] = {
    model.__name__: model for model in (models.Opening, models.Visit, models.Paid, models.Refunded, models.FoundSettled)
}
