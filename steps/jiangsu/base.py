"""What all models of the Jiangsu flows share."""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Code = Annotated[str, Field(min_length=1, max_length=64)]
Prose = Annotated[str, Field(max_length=4000)]
Words = Annotated[str, Field(min_length=1, max_length=200)]


def _moment(value: str) -> str:
    try:
        datetime.datetime.strptime(value, "%Y%m%d%H%M%S")
    except ValueError:
        raise ValueError("expected yyyyMMddHHmmss, for example 20261120083000") from None
    return value


Moment = Annotated[
    str, AfterValidator(_moment), Field(min_length=14, max_length=14, description="yyyyMMddHHmmss 时间, Asia/Shanghai")
]


class Model(BaseModel):
    """Base: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")
