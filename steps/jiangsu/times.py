"""Days and moments as the centre writes them: yyyyMMdd and yyyyMMddHHmmss, Asia/Shanghai (J18)."""

from __future__ import annotations

import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from engine.environment import SECOND, Micros

SHANGHAI = ZoneInfo("Asia/Shanghai")


def moment_of(at: Micros) -> str:
    """Return a time as the centre writes it."""
    return f"{datetime.datetime.fromtimestamp(at // SECOND, SHANGHAI):%Y%m%d%H%M%S}"


def _moment(value: str) -> str:
    try:
        datetime.datetime.strptime(value, "%Y%m%d%H%M%S")
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
