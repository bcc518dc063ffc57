"""Requests that fit their contracts, about invented people; shaped as steps hand them over."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.people import identity_number, name

WHO = {"aac002": identity_number(7), "aac003": name(7)}
STAY = "ZYTEST0001"
FILE = "ab" * 32


def kc21(**changes: Any) -> dict[str, Any]:
    """A stay for an old injury, as an inpatient."""
    return WHO | {
        "aab001": "T100",
        "aac001": "P100",
        "aac004": "1",
        "aka130": "21",
        "akc191": "7",
        "akc190": STAY,
        "akc192": "2026-03-02",
        "alc028": "S82.200",
        "alca02": "RD100",
        "aae073": "SQ100",
        "alk023": "骨科",
        "akc199": "3",
        "alk024": "12",
        "ysbm": "甘宁远",
    } | changes  # fmt: skip


def order(**changes: Any) -> dict[str, Any]:
    """An order."""
    told = {"aae080": "YZ1", "alk007": "2026-03-02", "alk009": "卧床", "alk016": "甘宁远", "alk017": "测护士"}
    return told | changes


def line(**changes: Any) -> dict[str, Any]:
    """A fee line of 4.10: a treatment of the catalogue."""
    return {
        "alc400": "CF1",
        "alc401": "2026-03-02",
        "akc229": 1,
        "alc402": "T0001",
        "alc403": "换药",
        "alc404": "1",
        "alc405": Decimal("10.5"),
        "alc406": Decimal(2),
        "alc407": Decimal("21.00"),
        "akc231": "换药",
        "akc515": "N1",
        "aae080": "999",
        "vmed": "1",
    } | changes


def offsite_line(**changes: Any) -> dict[str, Any]:
    """A fee line of 4.24."""
    told = line()
    for old, new in (("alc402", "ala002"), ("alc403", "ala020"), ("alc405", "akc225"), ("alc406", "akc226")):
        told[new] = told.pop(old)
    del told["alc404"]
    return told | {"ala012": "01"} | changes


OFF_CATALOGUE = {"aka063": "11", "aka065": "3", "aka070": "片剂", "zka100": "10mg", "akc999": "81000000000000000001"}
LEAVING = WHO | {"akc190": STAY, "ints": 3}
OFFSITE = WHO | {
    "akc190": STAY,
    "aka130": "72",
    "aae030": "2026-03-02",
    "akc191": "7",
    "alc028": "S82.200",
    "alc011": "RD100",
    "akc201": "骨科",
    "akc199": "3",
    "akc200": "12",
    "ysbm": "甘宁远",
    "sbkid": "T00000001",
}
INVOICE = {"invoiceType": "pdf", "invoiceNo": "FP1", "invoiceMoney": Decimal("399.00")}

#: One request of each interface.
REQUESTS: dict[str, dict[str, Any]] = {
    "log_in": {"username": "u", "password": "0123456789ABCDEF0123456789ABCDEF"},
    "log_out": {"username": "u", "password": "0123456789ABCDEF0123456789ABCDEF"},
    "find_injuries": dict(WHO),
    "find_treatments": {"alca02": "RD100"},
    "search_treatments": {"akc176s": "2026-03-01", "akc176e": "2026-03-31"},
    "find_reports": {"aac001": "P100"},
    "search_reports": {},
    "register": {"isnewinjure": "0", "kc21": kc21()},
    "cancel_registration": {"akc190": STAY, "alca02": "RD100"},
    "upload_lines": {"akc190": STAY, "advice": [order()], "med": [line(), line(aae080="YZ1")]},
    "cancel_lines": {"akc190": STAY},
    "approve_fees": {"akc190": STAY, "aaca07": "JS1", "rolltype": "0"},
    "leave": LEAVING
    | {"akc194": "2026-03-05", "akc195": "1", "akc196": "S82.200"}
    | {
        "km02": [{"aac004": "1", "aac006": "1980-01-01", "blz060": "左小腿疼痛"}],
        "km12": [INVOICE | {"body": FILE}],
    },
    "cancel_leave": {"akc190": STAY},
    "list_stays": {"akc190": STAY},
    "settlement_sheet": {"akc190": STAY, "rolltype": "0"},
    "drug_share": {"akc190": STAY},
    "send_material": INVOICE | {"akc190": STAY, "file": FILE, "rolltype": "0", "filetype": "01"},
    "check_card": WHO | {"aaz500": "T00000001", "aaz501": "1" * 32},
    "check_qr_code": {"qrcode": "1" * 22},
    "find_offsite_filings": WHO | {"aae030s": "20260302"},
    "register_offsite": {"bs003WS": dict(OFFSITE)},
    "cancel_offsite_registration": {"akc190": STAY, "alc011": "RD100"},
    "upload_offsite_lines": {"akc190": STAY, "bs004": [offsite_line()]},
    "cancel_offsite_lines": {"akc190": STAY},
    "leave_offsite": LEAVING
    | {"aae031": "2026-03-05", "akc194": "S82.200", "akc195": "胫骨骨折", "akc202": "1"}
    | {
        "bskm03": [{"blz073": "胫骨骨折"}],
        "bskm12": [{"body": FILE, "invoiceNo": "FP1", "invoiceMoney": "399.00", "filetype": "01"}],
    },
    "cancel_offsite_leave": {"akc190": STAY},
    "read_offsite_qr_code": {"qrcode": "1" * 22},
    "read_offsite_card": {"aaz500": "T00000001", "aaz501": "1" * 32},
}
