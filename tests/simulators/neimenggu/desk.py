"""A desk of a hospital that was written from interface 002 by hand: its own encryption, nothing of the adapter."""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus
from zoneinfo import ZoneInfo

from Crypto.Cipher import AES

from simulators.common.book import Book
from simulators.common.faults import Faults
from simulators.common.http import Request, Response
from simulators.neimenggu import view
from simulators.neimenggu.centre import Centre
from simulators.neimenggu.control import control
from simulators.neimenggu.door import Door
from simulators.neimenggu.office import Office

KEY = "0123456789ABCDEF0123456789ABCDEF"
STAY, OFF = "ZY1", "YD1"
PDF = b"%PDF-1.4 invented"
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime.datetime(2026, 11, 20, 12, tzinfo=SHANGHAI)
DAY_AFTER = datetime.timedelta(days=1)
PUBLIC, FORM = "/nm-his/public/sendHis/{}.html", "/nm-his/his/pub/interface/upInvoice/saveInvoice.html"


def day_key(day: datetime.date) -> str:
    return hashlib.md5(f"{day:%Y-%m-%d}".encode()).hexdigest().upper()


def sealed(key: str, text: str) -> str:
    raw = text.encode("utf-8", "backslashreplace")  # half a character, as JSON escapes it
    raw += bytes([16 - len(raw) % 16]) * (16 - len(raw) % 16)
    return base64.b64encode(AES.new(key.encode(), AES.MODE_ECB).encrypt(raw)).decode()


def opened(key: str, text: str) -> str:
    raw: bytes = AES.new(key.encode(), AES.MODE_ECB).decrypt(base64.b64decode(text))
    return raw[: -raw[-1]].decode()


def credentials(username: str = "hospital", password: str = "secret") -> dict[str, Any]:
    return {"username": username, "password": hashlib.md5(password.encode()).hexdigest().upper()}


def invoice(number: str = "FP1", money: str = "120.00", body: bytes = PDF, **change: Any) -> dict[str, Any]:
    made = base64.b64encode(body).decode().replace("+", "-").replace("/", "_")
    return {"body": made, "invoiceType": "pdf", "invoiceNo": number, "invoiceMoney": money} | change


def bill(*invoices: dict[str, Any], local: bool = True) -> dict[str, Any]:
    name = "km12" if local else "bskm12"
    extra = {} if local else {"filetype": "01"}
    return {f"{name}s": {name: [each | extra for each in invoices]}}


@dataclass
class Desk:
    """Speaks to a centre in this process; ``now`` is the true time."""

    now: datetime.datetime = NOON
    book: Book | None = None
    session: str = ""
    cards: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.office = Office(Centre(now=lambda: self.now), self.book)
        self.centre, self.faults = self.office.centre, Faults()
        self.door, self.port = Door(self.office, self.faults), control(self.office, self.faults)

    @classmethod
    def at(cls, folder: Path) -> Desk:
        return cls(book=Book(folder))

    # -- the wire
    def http(self, request: Request) -> Response:
        response = asyncio.run(self.door.handle(request))
        assert response is not None
        return response

    def post(self, method: str, message: str, session: str | None = None) -> dict[str, Any]:
        headers = {"content-type": "application/x-www-form-urlencoded", "sessionid": session or ""}
        body = f"message={quote_plus(message)}".encode() if message else b""
        return self.read(self.http(Request("POST", PUBLIC.format(method), body, headers)))

    @staticmethod
    def read(response: Response) -> dict[str, Any]:
        assert response.status == 200
        answer: dict[str, Any] = json.loads(response.body, parse_float=Decimal)
        return answer

    def login(self, **change: Any) -> dict[str, Any]:
        text = json.dumps(credentials() | change)
        answer = self.post("login", sealed(day_key(self.now.astimezone(SHANGHAI).date()), text))
        self.session = answer.get("sessionid", self.session)
        return answer

    def ask(self, method: str, /, **members: Any) -> dict[str, Any]:
        if not self.session:
            self.login()
        text = json.dumps({"sessionid": self.session} | members, ensure_ascii=False)
        return self.post(method, sealed(KEY, text), self.session)

    def code(self, method: str, /, **members: Any) -> int:
        answer = self.ask(method, **members)
        return int(answer["code"] if "code" in answer else answer["resCode"])

    def form(self, file: bytes | None = PDF, **change: Any) -> int:
        members = {
            "sessionid": self.session,
            "akc190": STAY,
            "invoiceType": "pdf",
            "invoiceNo": "FP1",
            "invoiceMoney": "120.00",
            "rolltype": "0",
            "filetype": "01",
        } | change
        parts = [
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in members.items()
        ]
        if file is not None:
            head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n'
            parts.append(head + b"Content-Type: application/pdf\r\n\r\n" + file + b"\r\n")
        headers = {"content-type": "multipart/form-data; boundary=b", "sessionid": self.session}
        return int(self.read(self.http(Request("POST", FORM, b"".join(parts) + b"--b--\r\n", headers)))["code"])

    def control(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        request = Request(method, path, b"" if body is None else json.dumps(body).encode())
        response = asyncio.run(self.port.handle(request))
        return response.status, json.loads(response.body)

    def arrange(self, what: str, **body: Any) -> Any:
        status, answer = self.control(*what.split(" "), body)
        assert status == 200, answer
        return answer

    def switch(self, **values: Any) -> None:
        self.arrange("PUT /switches", **values)

    def stay(self, number: str = STAY) -> dict[str, Any]:
        found: dict[str, Any] = view.ledger(self.centre, {"akc190": number})["stays"][-1]
        return found

    # -- people
    def person(self, number: int) -> dict[str, str]:
        return self.centre.world.people[f"9{number:08d}"]

    # -- what a stay goes through
    def kc21(self, **change: Any) -> dict[str, Any]:
        person = self.person(1)
        return {
            "aab001": person["aab001"],
            "aac001": person["aac001"],
            "aac002": person["aac002"],
            "aac003": person["aac003"],
            "aac004": person["aac004"],
            "aka130": "21",
            "akc191": "7",
            "akc190": STAY,
            "akc192": "2026-11-18",
            "alc028": "T14.900",
            "alca02": "R2020001",
            "aae073": "S2020001",
            "alk023": "骨科",
            "akc199": "一病房",
            "alk024": "12",
            "ysbm": "虚构医师",
            "sbkid": "A00000001",
            "akc666": "2",
            "bz": "",
        } | change

    def register(self, isnewinjure: str = "0", **change: Any) -> int:
        return self.code("register", isnewinjure=isnewinjure, kc21=self.kc21(**change))

    def fresh(self, **change: Any) -> int:
        """Register somebody newly hurt."""
        person = self.person(3)
        mine = {name: person[name] for name in ("aac001", "aac002", "aac003", "aac004")}
        return self.register("1", **(mine | {"alca02": "", "aae073": ""} | change))

    def bs003(self, **change: Any) -> dict[str, Any]:
        person = self.person(4)
        return {
            "aac002": person["aac002"],
            "aac003": person["aac003"],
            "akc190": OFF,
            "aka130": "72",
            "aae030": "2026-11-18",
            "akc192": "T14.900",
            "akc193": "挤压伤",
            "akc191": "7",
            "alc028": "T14.900",
            "alc011": "W2020004",
            "akc201": "骨科",
            "akc199": "一病房",
            "akc200": "12",
            "ysbm": "虚构医师",
            "sbkid": "A00000004",
        } | change

    def register_offsite(self, **change: Any) -> int:
        return self.code("offsiteRegister", bs003WS=self.bs003(**change))

    def med(self, **change: Any) -> dict[str, Any]:
        return {
            "alc400": "CF1",
            "alc401": "2026-11-19",
            "akc229": "1",
            "alc402": "HC0100000001",
            "alc403": "虚构外固定支架",
            "aka063": "51",
            "aka065": "1",
            "alc404": "9",
            "alc405": "60.0000",
            "alc406": "2",
            "alc407": "120.00",
            "aka070": "",
            "zka100": "",
            "akc230": "",
            "akc231": "外固定支架",
            "akc515": "N1",
            "reason": "",
            "noinjury": "0",
            "aae080": "999",
            "spreason": "0",
            "bzmsg": "",
            "vmed": "1",
            "akc999": "",
        } | change

    def drug(self, **change: Any) -> dict[str, Any]:
        return self.med(
            **{
                "alc402": "XA11CBW032X0040",
                "alc403": "虚构维生素片",
                "aka063": "11",
                "alc404": "0",
                "zka100": "10mg",
                "akc515": "N2",
                "akc999": "81000000000000000001",
            }
            | change
        )

    def own(self, **change: Any) -> dict[str, Any]:
        """A material outside the catalogue."""
        return self.med(**{"alc402": "SZFCL999", "alc403": "院内敷料", "aka065": "3", "aka070": "片"} | change)

    def offsite_med(self, **change: Any) -> dict[str, Any]:
        line = self.med()
        for name in ("alc402", "alc403", "alc404", "alc405", "alc406"):
            del line[name]
        return (
            line
            | {
                "ala002": "HC0100000001",
                "ala020": "虚构外固定支架",
                "ala012": "9",
                "akc225": "60.000000",
                "akc226": "2",
            }
            | change
        )

    def advice(self, **change: Any) -> dict[str, Any]:
        return {
            "aae080": "Y1",
            "alk007": "2026-11-18",
            "alk008": "2026-11-20",
            "alk009": "换药",
            "alk011": "一级",
            "alk012": "平卧",
            "alk013": "1",
            "alk014": "外用",
            "alk015": "",
            "alk016": "虚构医师",
            "alk017": "虚构护士",
            "alk020": "虚构护士",
            "alk022": "1",
            "alk023": "骨科",
            "alk024": "12",
        } | change

    def upload(self, *meds: dict[str, Any], advice: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        members: dict[str, Any] = {"akc190": STAY, "meds": {"med": list(meds)}}
        if advice is not None:
            members["advices"] = {"advice": advice}
        return self.ask("sendMedInfo", **members)

    def upload_offsite(self, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
        return self.ask("sendBsMedInfo", **({"akc190": OFF, "bs004s": {"bs004": list(lines)}} | more))

    def approve(self, number: str = STAY, rolltype: str = "0") -> int:
        return self.code("discharge", akc190=number, aaca07="JS1", rolltype=rolltype)

    def leaving(self, **change: Any) -> dict[str, Any]:
        person = self.person(1)
        return {
            "akc190": STAY,
            "aac002": person["aac002"],
            "aac003": person["aac003"],
            "akc194": "2026-11-20",
            "akc195": "1",
            "akc196": "T14.900",
            "ints": "2",
            **{f"{name}s": {name: [{"aac004": "1"}]} for name in ("km02", "km03", "km05")},
        } | change

    def leave(self, **change: Any) -> int:
        return self.code("leaveHos", **self.leaving(**change))

    def leaving_offsite(self, **change: Any) -> dict[str, Any]:
        person = self.person(4)
        return {
            "akc190": OFF,
            "aac002": person["aac002"],
            "aac003": person["aac003"],
            "aae031": "2026-11-20",
            "akc194": "T14.900",
            "akc195": "挤压伤",
            "akc202": "1",
            "ints": "2",
            **{f"{name}s": {name: [{"aac004": "1"}]} for name in ("bskm02", "bskm03", "bskm05")},
        } | change

    def leave_offsite(self, **change: Any) -> int:
        return self.code("offsiteLeaveHos", **self.leaving_offsite(**change))

    def until(self, state: str) -> Desk:
        """Bring the local stay to a state."""
        ways = {
            "registered": self.register,
            "uploaded": lambda: self.upload(self.med())["code"],
            "approved": self.approve,
            "left": lambda: self.leave(**bill(invoice())),
            "applied": lambda: self.arrange("POST /applications", akc190=STAY) and 0,
            "reviewed": lambda: self.arrange("POST /reviews", akc190=STAY) and 0,
        }
        return self._go(ways, state)

    def until_offsite(self, state: str) -> Desk:
        """Bring the stay of the person of another province to a state."""
        ways = {
            "registered": self.register_offsite,
            "uploaded": lambda: int(self.upload_offsite(self.offsite_med())["code"]),
            "approved": lambda: self.approve(OFF, "1"),
            "left": lambda: self.leave_offsite(**bill(invoice("FP2"), local=False)),
            "applied": lambda: self.arrange("POST /applications", akc190=OFF) and 0,
            "reviewed": lambda: self.arrange("POST /reviews", akc190=OFF) and 0,
        }
        return self._go(ways, state)

    def _go(self, ways: dict[str, Any], state: str) -> Desk:
        for name, way in ways.items():
            assert way() == 0, name
            if name == state:
                return self
        raise AssertionError(state)
