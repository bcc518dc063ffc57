"""The special filing (1102): treatment elsewhere, approved beforehand. Sources: 001, 4.3.2.13; J35.

No source tells the fields; these were seen under the earlier number 2301 (DLL conventions, chapter 3). Nothing takes a
filing back and nothing asks for one, so a lost answer goes to a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, Field, model_validator

from engine.steps import BaseStep, Progress, View
from steps.jiangsu.base import Code, Model
from steps.jiangsu.forward import ROLE
from steps.jiangsu.times import Day


class FilingOpening(Model):
    """What a filing is opened with. Its key is the hospital's own number of the filing.

    Person and approved injury are handed over together, or read from the card.
    """

    psn_no: Code | None = Field(default=None, description="人员编号 person, from an earlier 1101")
    qualification_id: Code | None = Field(default=None, description="工伤认定编号 approved injury, from 1101")
    identify_mode: Annotated[str, Field(pattern="^[12]$", description="1 读卡器 card in the reader, 2 电子凭证 QR")] = (
        "1"
    )
    qr_code_info: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    med_type: Annotated[str, Field(pattern="^(11|12|13)$", description="11 工伤, 12 职业病, 13 康复: which injury")] = (
        "11"
    )
    start_day: Day = Field(description="实际开始日期 first day of the treatment")
    end_day: Day = Field(description="实际结束日期 last day of the treatment")
    apply_day: Day = Field(description="申请日期 day of the application")
    out_area: Annotated[str, Field(min_length=1, max_length=200, description="就医地区 region")]
    out_hospital: Annotated[str, Field(min_length=1, max_length=200, description="就医医院 hospital")]
    reason: Annotated[str, Field(min_length=1, max_length=4000, description="申请原因")]
    transportation: str = Field(default="", max_length=200, description="交通工具")
    state_code: str = Field(default="", max_length=200, description="状态代码")

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if (self.psn_no is None) != (self.qualification_id is None):
            raise ValueError("psn_no: needed together with qualification_id, or neither and the card is read")
        if self.psn_no is None and self.identify_mode == "2" and self.qr_code_info is None:
            raise ValueError("qr_code_info: needed with identify_mode 2")
        if self.end_day < self.start_day:
            raise ValueError("end_day: must not be before start_day")
        return self


class Filing(FilingOpening):
    """Everything that a filing may know. After the card was read there may be a person without an approved injury."""

    psn_name: str | None = None
    psn_type: str | None = None
    insu_admdvs: str | None = None
    filing_no: str | None = None

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.end_day < self.start_day:
            raise ValueError("end_day: must not be before start_day")
        return self


class ApprovedInjury(Model):
    """What the trigger ``file`` may bring, when 1101 shows no injury of the wanted kind."""

    qualification_id: Code


class FiledByHand(Model):
    """What the centre says by telephone; it may have no number."""

    filing_no: str = Field(default="", max_length=64)


def knows_injury(view: View) -> bool:
    """Tell whether person and approved injury are known."""
    return bool(view.data.get("psn_no") and view.data.get("qualification_id"))


class FileSpecial(BaseStep):
    """1102."""

    name: ClassVar[str] = "jiangsu.file_special"
    role: ClassVar[str] = ROLE
    operation: ClassVar[str] = "file_special"
    by_hand: ClassVar[type[BaseModel] | None] = FiledByHand

    def request(self, view: View) -> Mapping[str, Any]:
        """Name person, injury and what is applied for (J35)."""
        data = view.data
        return {
            "psn_no": data["psn_no"],
            "qualification_id": data["qualification_id"],
            "actualStartTime": data["start_day"],
            "actualEndTime": data["end_day"],
            "applyTime": data["apply_day"],
            "outArea": data["out_area"],
            "outHospitalName": data["out_hospital"],
            "applyReason": data["reason"],
            "transportation": data.get("transportation", ""),
            "stateCode": data.get("state_code", ""),
        }

    def fold(self, view: View, reply: Mapping[str, Any]) -> Progress:
        """Keep the centre's number, if there is one."""
        return Progress({"filing_no": reply.get("filing_no") or None})

    def told(self, view: View, told: Mapping[str, Any]) -> Progress:
        """Keep what a person was told in the same way."""
        return self.fold(view, told)
