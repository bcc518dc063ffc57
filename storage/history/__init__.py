"""What analysts count: facts drawn from journals, kept beside them, and the questions asked of them (ADR 31)."""

from storage.history.facts import (
    TABLES,
    DoubtFact,
    Facts,
    MoneyFact,
    StepFact,
    StopFact,
    Table,
    UploadFact,
    VisitFact,
)

__all__ = ["TABLES", "DoubtFact", "Facts", "MoneyFact", "StepFact", "StopFact", "Table", "UploadFact", "VisitFact"]
