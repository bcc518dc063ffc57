"""Who and what the centre knows: hospitals, employers, people, injuries, applications, filings, cards, catalogue.

Records are texts under the document's member names; data/world.yaml says what a new one is like.
"""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass, field
from typing import Any

from simulators.common.identity import NOWHERE, identity_number
from simulators.neimenggu.data import load

Row = dict[str, str]
_FAMILY = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许"
_GIVEN = "虚拟示例样本甲乙丙丁"
_WORLD = load("world")
DEFAULTS: dict[str, Row] = _WORLD["defaults"]
SEED: dict[str, list[dict[str, Any]]] = _WORLD["seed"]


def md5(password: str) -> str:
    """Return a password as 4.1 sends it."""
    return hashlib.md5(password.encode(), usedforsecurity=False).hexdigest().upper()


def invent(number: int) -> Row:
    """Return the invented person of a number."""
    born = datetime.date(1960, 1, 1) + datetime.timedelta(days=number * 677 % 15_000)
    sequence = number * 7 % 1000
    return {
        "aac001": f"9{number:08d}",
        "aac002": identity_number(f"{NOWHERE}{born:%Y%m%d}{sequence:03d}"),
        "aac003": _FAMILY[number % 20] + _GIVEN[number // 20 % 10] + _GIVEN[number // 200 % 10],
        "aac004": "1" if sequence % 2 else "2",
    }


@dataclass
class Report:
    """An accident filing; nobody sees it before ``visible``."""

    row: Row
    visible: datetime.datetime


@dataclass
class World:
    """All records, by their own number."""

    hospitals: dict[str, Row] = field(default_factory=dict)  #: by akb020
    users: dict[str, Row] = field(default_factory=dict)  #: by username; password as MD5
    employers: dict[str, Row] = field(default_factory=dict)  #: by aab001
    people: dict[str, Row] = field(default_factory=dict)  #: by aac001
    injuries: dict[str, Row] = field(default_factory=dict)  #: by certificate, alca02
    cures: dict[str, Row] = field(default_factory=dict)  #: by application, aae073
    reports: dict[str, Report] = field(default_factory=dict)  #: by a number of ours
    filings: dict[str, Row] = field(default_factory=dict)  #: by serial
    cards: dict[str, Row] = field(default_factory=dict)  #: by number, aaz500
    items: dict[str, Row] = field(default_factory=dict)  #: by the centre's code

    def by_identity(self, identity: str, name: str) -> Row | None:
        """Return the person of an identity number and a name."""
        found = (each for each in self.people.values() if (each["aac002"], each["aac003"]) == (identity, name))
        return next(found, None)

    def by_qr_code(self, code: str) -> Row | None:
        """Return the card that shows a QR code."""
        return next((each for each in self.cards.values() if code and each["qrcode"] == code), None)
