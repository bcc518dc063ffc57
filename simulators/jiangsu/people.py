"""Invented insured people, the same for the same credential."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from simulators.common.identity import NOWHERE, identity_number

_FAMILY = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许"
_GIVEN = ("安", "宁", "远", "清", "明", "和", "若", "言", "思", "齐")


@dataclass(frozen=True)
class Person:
    """What 1101 tells of a person."""

    psn_no: str
    psn_name: str
    certno: str
    gend: str
    birthday: str
    insured: bool

    @property
    def injuries(self) -> dict[str, str]:
        """Return the approved injuries: qualification_id and kind (DLL conventions, 3.1)."""
        kinds = {"A": "肢体残", "B": "职业病", "C": "康复治疗"}
        return {f"Q{self.psn_no[1:9]}{mark}": kind for mark, kind in kinds.items()}


def invent(credential: str) -> Person:
    """Return the person of a credential; ``UNINSURED...`` is not insured."""
    digest = hashlib.sha256(credential.encode()).digest()
    number = int.from_bytes(digest[:8], "big")
    birthday = f"{1960 + number % 45}{1 + number // 7 % 12:02d}{1 + number // 11 % 28:02d}"
    sequence = number // 13 % 1000
    return Person(
        psn_no=f"9{number % 10**11:011d}",
        psn_name=_FAMILY[number % len(_FAMILY)] + _GIVEN[number // 17 % 10] + _GIVEN[number // 19 % 10],
        certno=identity_number(f"{NOWHERE}{birthday}{sequence:03d}"),
        gend="1" if sequence % 2 else "2",
        birthday=birthday,
        insured=not credential.startswith("UNINSURED"),
    )
