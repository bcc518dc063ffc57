"""1106 and 1107: the doctor's record of a visit (J36)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from engine.outcomes import Category, Refused
from engine.steps import BaseStep, Progress, View
from steps.jiangsu.forward import ROLE, numbers


class _UploadRecord(BaseStep):
    """What both have in common. Of a lost answer there is no evidence: a person asks (J36)."""

    role: ClassVar[str] = ROLE

    def request(self, view: View) -> Mapping[str, Any]:
        """Send the record with visit, person and doctor."""
        data, record = view.data, view.data["record"]
        code = data.get("dscg_diagnosis") or data["diagnosis"]
        return numbers(view) | {
            "psn_no": data["psn_no"],
            "dept_name": data["dept_name"],
            "doctor_code": data["doctor_code"],
            "doctor_name": data["doctor_name"],
            "diag_code": code,
            **record,
            "diag_name": record.get("diag_name") or data.get("dscg_diagnosis_name") or code,  # as 2207's diag_dscr
            **self.times(view),
        }

    def times(self, view: View) -> Mapping[str, Any]:
        """Return the times that the record carries."""
        raise NotImplementedError

    def refused(self, view: View, refusal: Refused) -> Progress | None:
        """Take "uploaded before" as done: one record a visit."""
        return Progress() if refusal.category is Category.ALREADY_DONE else None


class UploadOutpatientRecord(_UploadRecord):
    """1106."""

    name: ClassVar[str] = "jiangsu.upload_outpatient_record"
    operation: ClassVar[str] = "upload_outpatient_record"

    def times(self, view: View) -> Mapping[str, Any]:
        """Return the time of the visit."""
        return {"visit_time": view.data["adm_time"]}


class UploadInpatientRecord(_UploadRecord):
    """1107."""

    name: ClassVar[str] = "jiangsu.upload_inpatient_record"
    operation: ClassVar[str] = "upload_inpatient_record"

    def times(self, view: View) -> Mapping[str, Any]:
        """Return admission and discharge."""
        return {"adm_time": view.data["adm_time"], "dscg_time": view.data["dscg_time"]}
