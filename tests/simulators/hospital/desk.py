"""Talks to a hospital without a network; the clock stands."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from simulators.common.book import Book
from simulators.common.faults import Faults
from simulators.hospital.door import Door
from simulators.hospital.hospital import Hospital
from simulators.hospital.interfaces import BY_PATH
from simulators.hospital.office import Asked, Office

NOW = datetime.datetime(2026, 11, 20, 7, 0, tzinfo=datetime.timezone(datetime.timedelta(hours=8)))
TODAY, COMPACT = "2026-11-20", "20261120"
PAID = {"payTime": f"{TODAY} 07:00:00", "payType": "WeChatPay"}


class Desk:
    """One hospital. A patient is named by his number, P1 to P12."""

    def __init__(self, folder: Path | None = None, **switches: Any) -> None:
        self.now = NOW
        hospital = Hospital(capacity=2, now=lambda: self.now)
        self.office = Office(hospital, None if folder is None else Book(folder))
        self.hospital = hospital
        self.faults = Faults()
        self.door = Door(self.office, self.faults)
        if switches:
            self.office.arrange("PUT /switches", switches)

    def ask(self, what: str, **sent: Any) -> Any:
        """Return the whole answer to a call by name or number."""
        interface, name = BY_PATH[what]
        answer = self.door.exchange(Asked(interface, name, json.dumps(sent))).apply()
        return json.loads(answer.body)

    def code(self, what: str, **sent: Any) -> str:
        return str(self.ask(what, **sent)["code"])

    def data(self, what: str, **sent: Any) -> Any:
        answer = self.ask(what, **sent)
        assert answer["success"] is True, answer
        return answer["data"]

    def arrange(self, what: str, **body: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.office.arrange(what, body)
        return found

    def card(self, patient: str = "P1") -> str:
        found = self.hospital.people.patients[patient]
        return self.hospital.people.cards_of(found)[0].number

    def who(self, patient: str = "P1") -> dict[str, str]:
        person = self.hospital.people.patients[patient].person
        return {"medicalCardNumber": self.card(patient), "idCard": person.identity, "patientName": person.name}

    def bill(self, patient: str = "P1") -> dict[str, Any]:
        """Return a notice that pays all that is open."""
        found = self.data("3.1.1", medicalCardNumber=self.card(patient))
        return PAID | {
            "medicalCardNumber": self.card(patient),
            "outTradeNo": "ZJZF-1",
            "amount": found["amount"],
            "balancePayment": "0.00",
            "detailId": [line["id"] for line in found["detail"]],
        }

    def top_up(self, trade: str = "JZKCZ-1", amount: str = "100.00", patient: str = "P1") -> str:
        return self.code("7.1.2", medicalCardNumber=self.card(patient), outTradeNo=trade, payAmount=amount, **PAID)

    def man(self) -> str:
        """Return a patient who fits the general clinic, is a man and no child."""
        return next(each for each, found in self.hospital.people.patients.items() if found.person.sex == "男")

    def woman(self) -> str:
        return next(each for each, found in self.hospital.people.patients.items() if found.person.sex == "女")

    def today(self, key: str = "R1", patient: str = "P1", **change: Any) -> dict[str, Any]:
        """Return a registration for today."""
        return (
            PAID
            | self.who(patient)
            | {
                "departmentId": "0101",
                "departmentName": "心内科门诊",
                "doctorId": "D001",
                "todayRegisterId": key,
                "payId": f"DRGH-{key}",
                "registrationFee": "10.00",
                "registrationDate": TODAY,
                "regClassId": "1",
                "regClassName": "普通",
                "payState": "1",
                "scheduleType": "2",
            }
            | change
        )

    def booked(self, key: str = "B1", patient: str = "P1", **change: Any) -> dict[str, Any]:
        """Return a booking of a registration, or its payment."""
        return (
            self.who(patient)
            | {
                "hosCode": "1001",
                "hospitalId": "1001",
                "recordId": key,
                "medicalCard": self.card(patient),
                "deptCode": "0101",
                "docCode": "D001",
                "date": COMPACT,
                "scheduleDate": COMPACT,
                "amPm": "AM",
                "startTime": "08:00",
                "type": "01",
                "patientId": self.who(patient)["idCard"],
                "patientPhone": "19900000001",
                "arAmt": "10.00",
                "payId": f"YYGH-{key}",
                "payState": "1",
                "stateTime": f"{TODAY} 07:00:00",
                "payType": "WeChatPay",
            }
            | change
        )
