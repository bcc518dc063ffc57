"""Which columns of the service's tables are sealed, and under whose key: data, for registers and for resealing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storage.keyring import SERVICE, VisitKey, looks_sealed
from storage.service_tables import ApprovalRow, AskedRequestRow, AuditRow, BatchRow, DeliveryRow


@dataclass(frozen=True, slots=True)
class SealedColumns:
    """The sealed columns of one table. A seal is bound to table, row and column."""

    table: Any
    key: tuple[str, ...]  #: columns that name a row
    visit: str | None  #: column with the visit under whose key they are; None: the service's own key
    columns: tuple[str, ...]
    #: What is read of a visit that was shredded.
    shredded: Mapping[str, str | None]

    def owner(self, row: Mapping[str, Any]) -> str:
        """Return whose key a row is under."""
        return SERVICE if self.visit is None else str(row[self.visit])

    def sealed(self, row: Mapping[str, Any], key: VisitKey) -> dict[str, Any]:
        """Return those of the sealed columns that the row has, sealed."""
        return {
            name: key.seal(row[name], *self._place(row, name)) for name in self.columns if row.get(name) is not None
        }

    def opened(self, row: Mapping[str, Any], key: VisitKey) -> dict[str, Any]:
        """Return the sealed columns, readable. Raises SealBroken."""
        return {
            name: key.open(row[name], *self._place(row, name))
            for name in self.columns
            if row.get(name) is not None and looks_sealed(row[name])
        }

    def _place(self, row: Mapping[str, Any], name: str) -> Sequence[str]:
        return (self.table.name, *(str(row[each]) for each in self.key), name)


def _of(model: Any, key: str | tuple[str, ...], visit: str | None, **columns: str | None) -> SealedColumns:
    names = (key,) if isinstance(key, str) else key
    return SealedColumns(model.__table__, names, visit, tuple(columns), columns)


APPROVALS = _of(ApprovalRow, "approval_id", "visit_id", arguments="{}", reason="", remark=None)
DELIVERIES = _of(DeliveryRow, "delivery_id", "visit_id", body="")
REQUESTS = _of(AskedRequestRow, ("scope", "key"), None, body=None)
BATCHES = _of(BatchRow, "batch_id", None, arguments="{}", chosen="{}", reason="")
AUDIT = _of(AuditRow, "audit_id", None, reason="")

ALL = (APPROVALS, DELIVERIES, REQUESTS, BATCHES, AUDIT)
