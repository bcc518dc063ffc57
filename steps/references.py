"""What a visit of ``platform.reference`` knows: to which visit a number of the platform or the HIS belongs (P48)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Reference(BaseModel):
    """Whose a number is. Without a flow it is nobody's, and stays so: the payment was called refundable (P50)."""

    model_config = ConfigDict(extra="forbid")

    flow: str = ""
    key: Annotated[str, Field(max_length=64)] = ""
    number: Annotated[str, Field(description="interface that brought it")] = ""
