"""Days and moments as the centre writes them: yyyyMMdd and yyyyMMddHHmmss, Asia/Shanghai (J18)."""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from adapters.times import SHANGHAI, instant_of, moment_of

__all__ = ["SHANGHAI", "Day", "Moment", "instant_of", "moment_of"]


def _moment(value: str) -> str:
    try:
        instant_of(value)
    except ValueError:
        raise ValueError("expected yyyyMMddHHmmss, for example 20261120083000") from None
    return value


def _day(value: str) -> str:
    try:
        datetime.datetime.strptime(value, "%Y%m%d")
    except ValueError:
        raise ValueError("expected yyyyMMdd, for example 20261120") from None
    return value


Moment = Annotated[
    str, AfterValidator(_moment), Field(min_length=14, max_length=14, description="yyyyMMddHHmmss 时间, Asia/Shanghai")
]
Day = Annotated[
    str, AfterValidator(_day), Field(min_length=8, max_length=8, description="yyyyMMdd 日期, Asia/Shanghai")
]
