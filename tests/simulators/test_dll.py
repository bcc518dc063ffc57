"""The shared library's doors, without a network: both framings, as bytes."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulators.common.book import Book
from simulators.common.http import Request
from simulators.common.numbers import read_json, write_json
from simulators.jiangsu.centre import SHANGHAI
from simulators.jiangsu.doors import DLL, doors
from simulators.jiangsu.gateway import Gateway

NUMBER = "MZ1"
TIME = "20261120090000"
LINE = {
    "ipt_otp_no": NUMBER,
    "list_type": "1",
    "rxno": "RX1",
    "feedetl_sn": "1",
    "fee_ocur_time": TIME,
    "med_list_codg": "甲-1",
    "pric": Decimal("60.0000"),
    "cnt": Decimal("2.0000"),
    "umamt": Decimal("120.00"),
}


class Host:
    """A process that has the library loaded."""

    def __init__(self, gateway: Gateway | None = None, process: str = "", encoding: str = "gbk") -> None:
        self.gateway = gateway or Gateway()
        self.gateway.centre.now = lambda: datetime.datetime(2026, 11, 20, 12, tzinfo=SHANGHAI)
        self.doors = doors(self.gateway)
        self.process = process
        self.encoding = encoding
        self.sign_no = ""
        self.count = 0
        self.psn_no = ""

    def raw(self, function: str, body: bytes = b"") -> tuple[int, bytes]:
        request = Request("POST", DLL + function, body, {"x-process": self.process})
        response = self.doors[DLL + function].exchange(request).apply()
        return int(dict(response.headers)["X-Return"]), response.body

    def envelope(self, infno: str, given: Any = None, msgid: str | None = None, **change: Any) -> dict[str, Any]:
        self.count += 1
        member = "feedetail" if infno == "2204" else "input"
        return {
            "infno": infno,
            "msgid": msgid or f"H00001{TIME}{self.count:06d}",
            "recer_sys_code": "JSYTH",
            "infver": "V2.1",
            "opter_type": "1",
            "opter": "001",
            "opter_name": "收费员",
            "inf_time": TIME,
            "fixmedins_code": "H99999999999",
            "sign_no": self.sign_no,
            "idfi_mode": "1",
            member: {} if given is None else given,
            **change,
        }

    def busi(self, infno: str, given: Any = None, msgid: str | None = None, **change: Any) -> dict[str, Any]:
        body = write_json(self.envelope(infno, given, msgid, **change)).encode(self.encoding)
        value, out = self.raw("Si_Busi", body)
        assert value == 0, out.decode(self.encoding)
        answer: dict[str, Any] = read_json(out, self.encoding)
        return answer

    def good(self, infno: str, given: Any = None, msgid: str | None = None) -> Any:
        answer = self.busi(infno, given, msgid)
        assert answer["infcode"] == "0", answer
        return answer["output"]

    def refused(self, infno: str, given: Any = None, msgid: str | None = None, **change: Any) -> str:
        answer = self.busi(infno, given, msgid, **change)
        assert (answer["infcode"], answer["output"]) == ("-1", None)
        text: str = answer["err_msg"]
        return text

    def begin(self) -> Host:
        assert self.raw("Si_INIT") == (0, b"")
        self.sign_no = self.good("9001")["sign_no"]
        self.gateway.centre.reader = "QR-1"
        self.psn_no = self.good("1101")["psn_no"]
        return self

    @property
    def registration(self) -> dict[str, Any]:
        return {
            "ipt_otp_no": NUMBER,
            "med_type": "11",
            "adm_time": TIME,
            "adm_diag_dscr": "S82",
            "psn_no": self.psn_no,
            "qualification_id": "",
        }

    def settling(self, bill: str) -> dict[str, Any]:
        return {
            "ipt_otp_no": NUMBER,
            "psn_no": self.psn_no,
            "med_type": "11",
            "mdtrt_id": bill,
            "setl_time": TIME,
            "dscg_time": TIME,
            "dscg_trt_rslt": "04",
            "diag_code": "S82",
            "diag_dscr": "S82",
        }

    def settled(self) -> str:
        """Settle a visit; return the message id of the 2207."""
        self.good("2201", self.registration)
        self.good("2204", [LINE])
        self.good("2207", self.settling("F1"))
        return f"H00001{TIME}{self.count:06d}"

    @property
    def books(self) -> dict[str, Any]:
        return self.gateway.centre.ledger.totals()[NUMBER]


def test_a_visit_from_card_to_settlement_and_back() -> None:
    host = Host().begin()
    card = host.good("1101")
    assert card["exam_ccls"].startswith("^Q")
    qualification = card["exam_ccls"].split("^")[1].split("|")[0]
    assert host.good("2201", host.registration | {"qualification_id": qualification}) == {}
    assert host.good("2203", host.registration | {"adm_bed": "7"}) == {}
    (row,) = host.good("2204", [LINE])
    assert (row["feedetl_sn"], row["med_list_codg"], row["umamt"]) == ("1", "甲-1", Decimal("120.00"))
    trial = host.good("2206", host.settling("0000"))
    done = host.good("2207", host.settling("F1"))
    assert trial == done | {"mdtrt_id": "0000"}
    assert set(done) == {
        *("ipt_otp_no", "mdtrt_id", "medfee_sumamt", "hifp_pay", "psn_cash_pay"),
        *("drug_fee", "dati_fee", "ms_fee", "med_list_codg", "umamt"),
    }
    assert done["medfee_sumamt"] == done["hifp_pay"] + done["psn_cash_pay"] == done["drug_fee"] == Decimal("120.00")
    cancelling = {"ipt_otp_no": NUMBER, "mdtrt_id": "F1", "setl_time": TIME, "keep_tp_type": "0"}
    assert host.good("2208", cancelling) == {}
    assert host.good("9104", {"ipt_otp_no": NUMBER, "mdtrt_idc": "", "pageNumber": 1})["lines"] == []
    assert host.good("2202", {"ipt_otp_no": NUMBER}) == {}
    assert host.books["registrations"] == 0


def test_queries_speak_the_librarys_names() -> None:
    host = Host().begin()
    settle = host.settled()
    receipt = host.good("6101", {"ipt_otp_no": NUMBER})
    assert set(receipt) == {
        *("ipt_otp_no", "mdtrt_id", "medfee_sumamt", "hifp_pay", "psn_cash_pay", "setl_time", "msgid")
    }
    assert (receipt["mdtrt_id"], receipt["msgid"]) == ("F1", settle)
    (visit,) = host.good("9105", {"psn_no": int(host.psn_no)})["visits"]
    assert "visit_no" not in visit
    assert (visit["ipt_otp_no"], visit["visit_type"], visit["status"]) == (NUMBER, "1", "settled")
    today = host.gateway.centre.stamp()[:8]
    period = {"begindate": today + "000000", "enddate": today + "235959"}
    (row,) = host.good("9103", period)["settlements"]
    assert (row["medrcdno"], row["msgid"], row["opter"]) == ("F1", settle, "001")
    assert host.good("1321", {"ipt_otp_no": NUMBER, "medrcdno": "F1", "opter": ""})["hifp_pay"] == Decimal("96.00")
    assert len(host.good("1800")["centre_time"]) == 14


def test_both_doors_open_on_one_centre() -> None:
    host = Host().begin()
    settle = host.settled()
    desk = host.gateway
    desk.handle({"action": "init"})
    desk.handle({"action": "transaction", "transactionName": "9001"})
    answer = desk.handle({"action": "reverse", "originalMessageId": settle})
    assert answer["data"]["found"] is True
    assert "无结算" in host.refused("6101", {"ipt_otp_no": NUMBER})


def test_a_reversal_names_message_and_transaction() -> None:
    host = Host().begin()
    settle = host.settled()
    assert "oinfno" in host.refused("2209", {"omsgid": settle, "oinfno": "2204"})
    assert host.good("2209", {"omsgid": settle, "oinfno": "2207"})["found"] is True
    assert host.good("2209", {"omsgid": settle, "oinfno": "2207"})["found"] is False
    assert "冲正" in host.refused("2207", host.settling("F1"), settle)


def test_an_inpatients_trial_has_five_noughts() -> None:
    host = Host().begin()
    host.good("2201", host.registration | {"med_type": "21"})
    host.good("2204", [LINE])
    sent = host.settling("0000") | {"med_type": "21"}
    assert "mdtrt_id" in host.refused("2206", sent)
    assert host.good("2206", sent | {"mdtrt_id": "00000"})["mdtrt_id"] == "00000"


@pytest.mark.parametrize(
    ("infno", "given", "part"),
    [
        ("2201", {"ipt_otp_no": NUMBER}, "psn_no"),
        ("2205", {"ipt_otp_no": NUMBER}, "rxno"),
        ("2205", {"ipt_otp_no": NUMBER, "rxno": "", "feedetl_sn": ""}, "无已上传明细"),
        ("2204", [LINE | {"umamt": Decimal("119.99")}], "不符"),
        ("2204", [LINE, LINE | {"ipt_otp_no": "MZ2"}], "ipt_otp_no"),
        ("2204", [LINE | {"fee_ocur_time": "2026-11-20"}], "fee_ocur_time"),
        ("2204", [], "feedetail"),
        ("2204", [LINE | {"pric": Decimal("1e30")}], "pric"),
        ("2204", [LINE | {"cnt": "NaN"}], "cnt"),
        ("2202", {"ipt_otp_no": "nobody"}, "就诊不存在"),
        ("2209", {"omsgid": "M"}, "oinfno"),
        ("9999", {}, "9999"),
    ],
)
def test_refusals_are_an_envelope_with_a_text_and_no_number(infno: str, given: Any, part: str) -> None:
    host = Host().begin()
    host.good("2201", host.registration)
    assert part in host.refused(infno, given)


def test_settling_wants_whom_it_was_registered_for_and_a_bill() -> None:
    host = Host().begin()
    host.good("2201", host.registration)
    host.good("2204", [LINE])
    assert "就诊不存在" in host.refused("2207", host.settling("F1") | {"psn_no": "1"})
    assert "med_type" in host.refused("2207", host.settling("F1") | {"med_type": "12"})
    assert "mdtrt_id" in host.refused("2207", host.settling("000"))
    assert host.good("2207", host.settling("F1") | {"psn_no": int(host.psn_no)})["mdtrt_id"] == "F1"


@pytest.mark.parametrize("member", ["msgid", "recer_sys_code", "opter", "inf_time", "sign_no", "idfi_mode", "input"])
def test_an_envelope_lacks_nothing(member: str) -> None:
    host = Host().begin()
    envelope = host.envelope("1800")
    del envelope[member]
    value, out = host.raw("Si_Busi", write_json(envelope).encode("gbk"))
    answer = json.loads(out.decode("gbk"))
    assert (value, answer["infcode"]) == (0, "-1")
    assert member in answer["err_msg"]


def test_2204_has_feedetail_in_place_of_input() -> None:
    host = Host().begin()
    host.good("2201", host.registration)
    envelope = host.envelope("2204", [LINE])
    envelope["input"] = {"feedetail": envelope.pop("feedetail")}
    value, out = host.raw("Si_Busi", write_json(envelope).encode("gbk"))
    assert (value, json.loads(out.decode("gbk"))["infcode"]) == (0, "-1")


def test_first_the_library_then_a_sign_in() -> None:
    host = Host()
    value, out = host.raw("Si_Busi", write_json(host.envelope("9001")).encode("gbk"))
    assert value < 0
    assert "Si_INIT" in out.decode("gbk")
    host.raw("Si_INIT")
    assert "未签到" in host.refused("1101")
    host.begin()
    other = Host(host.gateway, process="other")
    assert other.raw("Si_Busi", b"{}")[0] < 0
    first = host.sign_no
    second = host.good("9001")["sign_no"]  # a desk beside: the first number stays good (J39)
    assert host.good("9002") == {}
    assert "未签到" in host.refused("1800")
    host.sign_no = second
    assert first != second
    assert host.good("1800")


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"infno": 9001}', b"\xff\xfe\xff", b"9" * 5000])
def test_what_is_no_envelope_gets_a_return_value_and_a_text(body: bytes) -> None:
    host = Host().begin()
    value, out = host.raw("Si_Busi", body)
    assert value != 0
    assert not out.decode("gbk").startswith("{")


def test_the_code_page_is_gbk_unless_it_is_utf_8() -> None:
    host = Host().begin()
    assert host.raw("Si_Busi", write_json(host.envelope("1101", opter_name="收费员")).encode("utf-8"))[0] != 0
    assert "收".encode("gbk") != "收".encode()
    other = Host(Gateway(), encoding="utf-8")
    other.gateway.centre.switches.dll_encoding = "utf-8"
    assert other.begin().good("1101")["psn_name"]


def test_replies_differ_as_the_switches_want() -> None:
    host = Host().begin()
    host.settled()
    host.gateway.office.arrange(
        "PUT /switches",
        {"dll_member_case": "upper", "dll_psn_no": "number", "dll_empty_output": "null", "dll_amounts": "text"},
    )
    assert host.good("1101")["PSN_NO"] == int(host.psn_no)
    assert host.good("9002") is None
    host.gateway.office.arrange("PUT /switches", {"dll_member_case": "mixed"})
    host.sign_no = host.good("9001")["Sign_No"]
    receipt = host.good("1321", {"ipt_otp_no": NUMBER, "medrcdno": "F1", "opter": ""})
    assert receipt["Medfee_Sumamt"] == "120.00"
    host.gateway.office.arrange("PUT /amounts", {"ipt_otp_no": NUMBER, "psn_cash_pay": Decimal("-0.01")})
    receipt = host.good("1321", {"ipt_otp_no": NUMBER, "medrcdno": "F1", "opter": ""})
    assert receipt["Psn_Cash_Pay"] == "-.01"


def test_sign_ins_and_visits_survive_the_centre(tmp_path: Path) -> None:
    host = Host(Gateway(book=Book(tmp_path))).begin()
    settle = host.settled()
    before = host.books
    host.gateway = Gateway(book=Book(tmp_path))
    host.doors = doors(host.gateway)
    assert host.books == before
    assert host.good("6101", {"ipt_otp_no": NUMBER})["msgid"] == settle


# -- the older pair
class CaretHost(Host):
    """A process that has the older library loaded."""

    def handle(self, number: str, parameters: str = "", serial: str | None = None) -> tuple[int, str]:
        self.count += 1
        serial = serial or f"{TIME}-H99999-{self.count:04d}"
        head = f"{number}^H99999^001^{self.sign_no}^{serial}"
        rest = f"0000^{parameters}^1^" if self.gateway.centre.switches.caret_variant == "A" else f"0^0^{parameters}^"
        value, out = self.raw("BUSINESS_HANDLE", f"{head}^{rest}".encode("gbk"))
        return value, out.decode("gbk")

    def output(self, number: str, parameters: str = "", serial: str | None = None) -> str:
        value, out = self.handle(number, parameters, serial)
        assert value == 0, out
        return out.split("^")[2 if self.gateway.centre.switches.caret_variant == "A" else 1]

    def begin(self) -> CaretHost:
        assert self.raw("INIT") == (0, b"")
        self.sign_no = self.output("9100").rstrip("|")
        self.gateway.centre.reader = "QR-1"
        self.psn_no = self.output("2100").split("|")[0]
        return self


@pytest.mark.parametrize("variant", ["A", "B"])
def test_the_older_pair_does_a_visit(variant: str) -> None:
    host = CaretHost()
    host.gateway.centre.switches.caret_variant = variant
    host.begin()
    registration = f"{NUMBER}|11|{TIME}|S82|||||001||{host.psn_no}||"
    assert host.output("2210", registration) == ""
    lines = "$".join(f"{NUMBER}|1|RX1|{n}|{TIME}|X|60.0000|2.00|120.00||||" for n in (1, 2))
    assert [row.split("|")[1] for row in host.output("2310", lines).split("$")] == ["1", "2"]
    assert host.output("2320", f"{NUMBER}|RX1|2|001|") == ""
    settling = f"{NUMBER}|%s|11|{TIME}|{TIME}|04|S82|S82||"
    assert host.output("2420", settling % "") == "120.00|96.00|24.00|120.00|0.00|0.00|"
    assert host.output("2410", settling % "F1", "SERIAL-1").startswith("120.00|96.00|24.00|")
    today = host.gateway.centre.stamp()[:8]
    assert host.output("1120", f"{today}|{today}|") == "120.00|96.00|24.00|"
    assert host.output("1210", f"{today}|{today}|") == f"{NUMBER}|F1|120.00|96.00|24.00|"
    assert host.output("2421", "2410|SERIAL-1|") == ""
    assert host.books["settled_total"] == Decimal("0.00")
    assert host.output("2320", f"{NUMBER}|||001|") == ""
    assert host.output("2240", f"{NUMBER}|001|") == ""
    assert host.books["registrations"] == 0
    assert len(host.output("1800")) == 15
    assert host.output("9110") == ""


def test_the_older_pair_fails_with_a_text_that_may_be_framed() -> None:
    host = CaretHost()
    assert host.handle("9100")[0] == -1
    host.begin()
    assert host.handle("2240", "nobody|001|") == (-1, "就诊不存在或已撤销")
    assert host.handle("1101")[0] == -1  # a number of the other framing means something else here
    assert host.raw("BUSINESS_HANDLE", b"9100^H")[0] == -1
    host.gateway.centre.switches.caret_failure = "framed"
    assert host.handle("2240", "nobody|001|")[1].split("^")[2] == "就诊不存在或已撤销"
    host.sign_no = "nobody"
    assert "未签到" in host.handle("1800")[1]
