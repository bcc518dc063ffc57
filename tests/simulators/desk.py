"""A desk of the hospital that speaks to the gateway in-process."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulators.common.numbers import read_json, write_json
from simulators.jiangsu.gateway import Gateway

NUMBER = "MZ1"


class Desk:
    """A desk of the hospital: sends what 000 shows, counts its message ids."""

    def __init__(self, gateway: Gateway | None = None) -> None:
        self.gateway = gateway or Gateway()
        self.count = 0
        self.ask(action="init")
        self.ask(action="transaction", transactionName="签到")

    def ask(self, **body: Any) -> dict[str, Any]:
        return self.gateway.handle(read_json(write_json(body).encode()))

    def do(self, name: str, msgid: str | None = None, **parameters: Any) -> dict[str, Any]:
        self.count += 1
        return self.ask(
            action="transaction",
            transactionName=name,
            messageId=msgid or f"M{self.count:025d}",
            businessParams=parameters,
        )

    def card(self, credential: str = "QR-1") -> dict[str, Any]:
        return self.ask(action="transaction", transactionName="读卡", identifyMode="2", qrCodeInfo=credential)

    def register(self, **more: Any) -> str:
        psn_no = self.card()["data"]["psn_no"]
        answer = self.do("RegisterPatient", psn_no=psn_no, ipt_otp_no=NUMBER, visit_type="1", **more)
        visit_no: str = answer["data"]["visit_no"]
        return visit_no

    def upload(self, visit_no: str, msgid: str | None = None, number: str = "1", **change: Any) -> dict[str, Any]:
        sent = {
            "rxno": "RX1",
            "feedetl_sn": number,
            "fee_ocur_time": "20261120090000",
            "med_list_codg": "X",
            "pric": Decimal("60.0000"),
            "cnt": Decimal("2.0000"),
            "umamt": Decimal("120.00"),
        }
        return self.do("2204", msgid, visit_no=visit_no, ipt_otp_no=NUMBER, feedetail=[sent | change])

    def settled(self) -> tuple[str, str]:
        visit_no = self.register()
        self.upload(visit_no)
        trial = self.do("PreSettle", visit_no=visit_no)["data"]
        answer = self.do("Settle", visit_no=visit_no, pre_settle_id=trial["pre_settle_id"], mdtrt_id="F1")
        assert answer["success"], answer
        return visit_no, f"M{self.count:025d}"

    @property
    def books(self) -> dict[str, Any]:
        return self.gateway.centre.ledger.totals()[NUMBER]
