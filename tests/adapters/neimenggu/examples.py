"""One good call of each interface: what a step hands over, and what the centre answers. From 002, chapter 4.

People are invented (tests/people.py); stay, certificate and invoice numbers are as well.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

from tests.people import identity_number, name

PERSON, NAME = identity_number(1), name(1)
CARD, CHIP, QR = "A1234567B", "150000D15600000500BF7E5A0B1C2D3E", "ABCDEFGHIJ0123456789KL"
STAY = "ZY20260301001"
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 3
FILE = hashlib.sha256(PDF).hexdigest()
SUCCESS = {"code": 0, "msg": ""}

KC21 = {
    "aab001": "D0001",
    "aac001": "P0001",
    "aac002": PERSON,
    "aac003": NAME,
    "aac004": "1",
    "aka130": "21",
    "akc191": "7",
    "akc190": STAY,
    "akc192": "2026-02-20",
    "alc028": "T14.900",
    "alca02": "RD0001",
    "aae073": "SQ0001",
    "alk023": "骨科",
    "akc199": "301",
    "alk024": "12",
    "ysbm": "测医师",
    "sbkid": CARD,
}
ORDER = {"aae080": "YZ1", "alk009": "一级护理", "alk016": "测医师", "alk017": "测护士"}
MED = {
    "alc400": "CF1",
    "alc401": "2026-02-21",
    "akc229": "1",
    "alc402": "XM0001",
    "alc403": "换药",
    "alc405": Decimal("12.5000"),
    "alc406": Decimal("2"),
    "alc407": Decimal("25.00"),
    "akc231": "换药",
    "akc515": "H0001",
    "aae080": "YZ1",
    "vmed": "20260101",
}
BS004 = {
    "alc400": "CF1",
    "alc401": "2026-02-21",
    "akc229": "1",
    "ala002": "XM0001",
    "ala020": "换药",
    "ala012": "01",
    "akc225": Decimal("12.500000"),
    "akc226": Decimal("2"),
    "alc407": Decimal("25.00"),
    "akc231": "换药",
    "akc515": "H0001",
    "aae080": "YZ1",
    "vmed": "20260101",
}
LEAVING = {"akc190": STAY, "aac002": PERSON, "aac003": NAME, "ints": "9"}
INVOICE = {"body": FILE, "invoiceNo": "FP1", "invoiceMoney": Decimal("25.00")}

#: operation → (what a step hands over, the centre's answer)
GOOD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "find_injuries": (
        {"aac002": PERSON, "aac003": NAME},
        {**SUCCESS, "counts": 1, "lc01s": {"lc01": [{"aac001": "P0001", "alca02": "RD0001", "aac003": NAME}]}},
    ),
    "find_treatments": ({"alca02": "RD0001"}, {**SUCCESS, "lkb7s": {"lkb7": [{"aae073": "SQ0001", "akc175": "1"}]}}),
    "search_treatments": ({}, {**SUCCESS, "lkb7s": {"lkb7": [{"aae073": "SQ0001"}, {"aae073": "SQ0002"}]}}),
    "find_reports": ({"aac001": "P0001"}, {**SUCCESS, "ldc1": [{"aac001": "P0001", "alca02": "BA1"}]}),
    "search_reports": ({}, {**SUCCESS, "ldch": [{"aac001": "P0001"}]}),
    "register": ({"isnewinjure": "0", "kc21": KC21}, SUCCESS),
    "cancel_registration": ({"akc190": STAY, "alca02": "RD0001"}, SUCCESS),
    "upload_lines": ({"akc190": STAY, "advice": [ORDER], "med": [MED]}, {**SUCCESS, "counts": 2}),
    "cancel_lines": ({"akc190": STAY}, SUCCESS),
    "approve_fees": (
        {"akc190": STAY, "aaca07": "JS1", "rolltype": "0"},
        {
            **SUCCESS,
            "akc190": STAY,
            "alc407": 25.5,
            "collections": {"collection": [{"aka063": "01", "alc407": 25.5}]},
        },
    ),
    "leave": (
        {
            **LEAVING,
            "akc194": "2026-03-01",
            "akc195": "1",
            "akc196": "T14.900",
            "km02": [{"blz060": "右手外伤2小时"}],
            "km12": [{**INVOICE, "invoiceType": "pdf"}],
        },
        SUCCESS,
    ),
    "cancel_leave": ({"akc190": STAY}, SUCCESS),
    "list_stays": ({"akc190": STAY}, {**SUCCESS, "detailcolls": {"detailData": [{"akc190": STAY, "alc407": 25.5}]}}),
    "settlement_sheet": (
        {"akc190": STAY, "rolltype": "0"},
        {
            **SUCCESS,
            "kc21dto": {
                "akc190": STAY,
                "alc407sum": 25.5,
                "kc22dtos": {"kc22dto": [{"alc403": "换药", "alc407": 25.5, "alc408": "0.50"}]},
            },
        },
    ),
    "drug_share": ({"akc190": STAY}, {**SUCCESS, "akc190": STAY, "alc407sum": 25.5, "alc407med": 0, "alc407per": "0%"}),
    "send_material": (
        {
            "file": FILE,
            "akc190": STAY,
            "invoiceType": "pdf",
            "invoiceNo": "FP1",
            "invoiceMoney": Decimal("25.00"),
            "rolltype": "0",
            "filetype": "01",
        },
        SUCCESS,
    ),
    "check_card": (
        {"aaz500": CARD, "aaz501": CHIP, "aac002": PERSON, "aac003": NAME},
        {"code": "0", "msg": "", "errmsg": "", "result": "1"},
    ),
    "check_qr_code": ({"qrcode": QR}, {"code": "0", "msg": "", "aac002": PERSON, "aac003": NAME, "aaz502": "1"}),
    "find_offsite_filings": (
        {"aac002": PERSON, "aac003": NAME},
        {"code": "0", "msg": "", "Bs001Gets": [{"aac002": PERSON, "aac003": NAME, "aae016": "1"}]},
    ),
    "register_offsite": (
        {
            "bs003WS": {
                "aac002": PERSON,
                "aac003": NAME,
                "akc190": STAY,
                "aka130": "72",
                "aae030": "2026-02-20",
                "akc191": "7",
                "alc028": "T14.900",
                "alc011": "RD0001",
                "akc201": "骨科",
                "akc199": "301",
                "akc200": "12",
                "ysbm": "测医师",
                "sbkid": CARD,
            }
        },
        {"code": "0", "msg": ""},
    ),
    "cancel_offsite_registration": ({"akc190": STAY, "alc011": "RD0001"}, {"code": "0", "msg": ""}),
    "upload_offsite_lines": (
        {"akc190": STAY, "advice": [ORDER], "bs004": [BS004]},
        {"code": "0", "msg": "", "count": "2"},
    ),
    "cancel_offsite_lines": ({"akc190": STAY}, {"code": "0", "msg": ""}),
    "leave_offsite": (
        {
            **LEAVING,
            "aae031": "2026-03-01",
            "akc194": "T14.900",
            "akc195": "右手外伤",
            "akc202": "1",
            "bskm02": [{"blz060": "右手外伤2小时"}],
            "bskm12": [{**INVOICE, "filetype": "01"}],
        },
        {"code": "0", "msg": ""},
    ),
    "cancel_offsite_leave": ({"akc190": STAY}, {"code": "0", "msg": ""}),
    "read_offsite_qr_code": ({"qrcode": QR}, {"resCode": "0", "resMsg": "", "aac147": PERSON, "aac003": NAME}),
    "read_offsite_card": (
        {"aaz500": CARD, "aaz501": CHIP},
        {"resCode": "0", "resMsg": "", "aac147": PERSON, "aac003": NAME, "baz932": "20300101", "aaz502": "1"},
    ),
}
#: These say how it went in members of their own.
ODD = ("read_offsite_qr_code", "read_offsite_card")
#: What each sends is encrypted, but for this one.
FORM = "send_material"


def answer(operation: str, code: object, text: str = "") -> dict[str, Any]:
    """An answer of the centre with ``code``."""
    return {"resCode": code, "resMsg": text} if operation in ODD else {"code": code, "msg": text}
