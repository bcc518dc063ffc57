"""What all contracts share: strict in what is sent, tolerant in what is received (DLL conventions, 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Text = Annotated[str, Field(max_length=200)]
#: Words of a doctor: a medical record, a reason.
Prose = Annotated[str, Field(max_length=4000)]
Key = Annotated[str, Field(min_length=1, max_length=64)]
#: yyyyMMddHHmmss, Asia/Shanghai (J18).
Moment = Annotated[str, Field(pattern=r"^\d{14}$")]
#: yyyyMMdd.
Day = Annotated[str, Field(pattern=r"^\d{8}$")]
#: Text that a peer may write as a number (DLL conventions, 2.2: psn_no, age and birthday are declared as integers).
Loose = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


class DllOnly:
    """Marks a member that the DLL demands and the gateway, which knows it already, does not take."""


class Sent(BaseModel):
    """Base of what is sent: nothing that the contract does not know."""

    model_config = ConfigDict(extra="forbid")

    def for_gateway(self) -> dict[str, Any]:
        """Return the members that go to the gateway."""
        fields = type(self).model_fields.items()
        ours = {name for name, field in fields if any(isinstance(each, DllOnly) for each in field.metadata)}
        return self.model_dump(exclude_none=True, exclude=ours)


class Received(BaseModel):
    """Base of what is received (DLL conventions, 2.2).

    Member names in any letter case; unknown members ignored; null is the same as a missing member.
    """

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        known = {name.lower(): name for name in cls.model_fields}
        for field in cls.model_fields.values():
            if isinstance(field.validation_alias, AliasChoices):
                known |= {str(alias).lower(): str(alias) for alias in field.validation_alias.choices}
        return {known.get(str(name).lower(), name): item for name, item in value.items() if item is not None}


class Nothing(Sent):
    """No parameters."""


class Acknowledged(Received):
    """A reply of which nothing is read."""


class VisitRequest(Sent):
    """A transaction about a visit: both numbers (J3)."""

    visit_no: Key
    ipt_otp_no: Key
