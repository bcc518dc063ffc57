"""The medical record of a discharge: sections km02-km09 of 4.13, which 4.26 calls bskm02-bskm09.

What stands in a section is the contract's business (adapters/neimenggu/contracts/record.yaml); here it is only held
to be text of bearable size, so that the journal stays readable.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from steps.neimenggu.base import Model

#: Section → what it is. The numbers are those of both interfaces.
SECTIONS = {
    "km02": "入院记录 admission record",
    "km03": "出院记录 discharge record",
    "km04": "手术记录 operations",
    "km05": "病例首页 front page",
    "km06": "B超报告单 ultrasound",
    "km07": "X光报告单 X-ray",
    "km08": "CT报告单 CT",
    "km09": "核磁报告单 MRI",
}
#: One of these has to be there: "电子病例和诊断报告为必填" (4.13, 6).
NEEDED = ("km02", "km03", "km05")

Section = Annotated[str, Field(pattern="^km0[2-9]$")]
Member = Annotated[str, Field(pattern="^[a-z]{3}[0-9]{3}$")]
Row = Annotated[dict[Member, Annotated[str, Field(max_length=2000)]], Field(min_length=1, max_length=100)]


class Record(Model):
    """The part of a discharge that is the medical record."""

    record: dict[Section, Annotated[list[Row], Field(min_length=1, max_length=50)]] = Field(
        default_factory=dict,
        description="病历 medical record: km02-km09, each a list of rows with the document's members",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not any(self.record.get(section) for section in NEEDED):
            raise ValueError(f"record: at least one of {', '.join(NEEDED)} has to be there (4.13)")
        return self


def sections(record: dict[str, Any] | None, prefix: str) -> dict[str, Any]:
    """Return the record under the names of an interface: ``prefix`` is ``km`` or ``bskm``."""
    return {name.replace("km", prefix, 1): rows for name, rows in (record or {}).items() if rows}
