"""Invented people, the same on both sides: who holds card n at the platform is patient n of the hospital."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from simulators.common.identity import NOWHERE, identity_number

_FAMILY = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许"
_GIVEN = "虚拟示例样本甲乙丙丁"


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist."""

    card: str  #: of 15 digits
    name: str
    sex: str  #: 男, 女
    born: datetime.date
    identity: str
    phone: str
    address: str

    @property
    def gender(self) -> str:
        """Return the code of the sex."""
        return "1" if self.sex == "男" else "2"


def card_number(number: int) -> str:
    """Return the electronic card of a person."""
    return f"9900{number:011d}"


def invent(number: int) -> Person:
    """Return the person of a number, from 1."""
    born = datetime.date(1960, 1, 1) + datetime.timedelta(days=number * 677 % 15_000)
    sequence = number * 7 % 1000
    return Person(
        card=card_number(number),
        name=_FAMILY[number % 20] + _GIVEN[number // 20 % 10] + _GIVEN[number // 200 % 10],
        sex="男" if sequence % 2 else "女",
        born=born,
        identity=identity_number(f"{NOWHERE}{born:%Y%m%d}{sequence:03d}"),
        phone=f"1990000{number % 10_000:04d}",
        address=f"虚构市示例路{number}号",
    )
