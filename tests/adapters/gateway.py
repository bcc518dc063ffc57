"""A gateway of interface 000 made of hand-written replies, behind httpx.MockTransport."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx

from adapters.jiangsu import JiangsuGateway
from engine.adapter import Call
from engine.environment import SECOND, Micros
from tests.people import identity_number

PERSON = identity_number(1)
MESSAGE_ID = "H0000120241201103000010001"
NUMBERS = {"visit_no": "V20241201001", "ipt_otp_no": "MZ0001"}
LINE = {
    "ipt_otp_no": "MZ0001",
    "list_type": "1",
    "rxno": "RX1",
    "feedetl_sn": "1",
    "fee_ocur_time": "20241201103000",
    "med_list_codg": "001",
    "med_list_name": "拍片费",
    "pric": "120.0000",
    "cnt": "1.0000",
    "umamt": "120.00",
}
REGISTRATION = {
    "ipt_otp_no": "MZ0001",
    "visit_type": "1",
    "med_type": "11",
    "adm_time": "20241201103000",
    "adm_diag_dscr": "S62.600",
    "dept_code": "001",
    "dept_name": "骨科",
    "doctor_code": "DOC001",
    "doctor_name": "张主任",
}
RECORD = NUMBERS | {
    "psn_no": PERSON,
    "dept_name": "骨科",
    "doctor_code": "DOC001",
    "doctor_name": "张主任",
    "chief_complaint": "右手外伤2小时",
    "diag_code": "S62.600",
}
DAY = {"begindate": "20241201000000", "enddate": "20241201235959"}
PERIOD = {"stmt_begindate": "20241201000000", "stmt_enddate": "20241201235959", "sign_no": "20241201001"}
TOTALS = '"medfee_sumamt": 135.00, "hifp_pay": 108.00, "psn_cash_pay": 27.00'
AMOUNTS = '"total_amt": 135.00, "fund_amt": 108.00, "self_amt": 27.00'

#: operation → (what the visit's step sends, the data of a good reply as JSON text)
GOOD: dict[str, tuple[dict[str, Any], str]] = {
    "check_sign_in": ({}, '{"signedIn": true, "signNo": "20241201001", "signInTime": "2024-12-01 09:00:00"}'),
    "read_card": (
        {"identify_mode": "1"},
        f'{{"psn_no": "{PERSON}", "psn_name": "赵测甲", "age": 44, "exam_ccls": "^Q1|x|肢体残|"}}',
    ),
    "register": (REGISTRATION | {"psn_no": PERSON}, '{"visit_no": "V20241201001"}'),
    "cancel_registration": (NUMBERS, "{}"),
    "upload_lines": (
        NUMBERS | {"feedetail": [LINE]},
        '{"lines": [{"rxno": "RX1", "feedetl_sn": "1", "umamt": 120.00, "ownpay_amt": 0.00}]}',
    ),
    "cancel_lines": (NUMBERS | {"rxno": "", "feedetl_sn": ""}, "{}"),
    "pre_settle": (NUMBERS, f'{{"pre_settle_id": "PS20241201001", {AMOUNTS}}}'),
    "settle": (
        NUMBERS | {"pre_settle_id": "PS20241201001", "mdtrt_id": "INV1"},
        f'{{"settle_id": "S20241201001", {AMOUNTS}}}',
    ),
    "cancel_settlement": (
        NUMBERS | {"settle_id": "S1", "mdtrt_id": "INV1", "setl_time": "20241201110000", "keep_tp_type": "1"},
        "{}",
    ),
    "reverse": ({"originalMessageId": MESSAGE_ID}, f'{{"originalMessageId": "{MESSAGE_ID}", "found": true}}'),
    "receipt": (NUMBERS, f'{{"settle_id": "S20241201001", {AMOUNTS}, "msgid": "{MESSAGE_ID}"}}'),
    "list_lines": (NUMBERS, '{"lines": [], "pageCount": 1}'),
    "list_visits": ({"psn_no": PERSON}, '{"visits": []}'),
    "centre_time": ({}, '{"centre_time": "20241201103000"}'),
    "sign_in": ({}, '{"sign_no": "20241201001"}'),
    "sign_out": ({"sign_no": "20241201001"}, "{}"),
    "change_registration": (REGISTRATION | {"visit_no": "V20241201001"}, "{}"),
    "file_special": (
        {
            "psn_no": PERSON,
            "qualification_id": "Q1",
            "actualStartTime": "20241201",
            "actualEndTime": "20241231",
            "applyTime": "20241130",
            "outArea": "320100",
            "outHospitalName": "虚构康复医院",
            "applyReason": "需转院康复",
        },
        "{}",
    ),
    "upload_outpatient_record": (RECORD | {"visit_time": "20241201103000", "treatment": "石膏固定"}, "{}"),
    "upload_inpatient_record": (
        RECORD
        | {
            "adm_time": "20241201103000",
            "dscg_time": "20241211103000",
            "treatment_course": "手法复位",
            "dscg_condition": "好转",
        },
        "{}",
    ),
    "compare_totals": (PERIOD, f"{{{TOTALS}}}"),
    "compare_bill": (
        {"ipt_otp_no": "MZ0001", "medrcdno": "INV1"},
        f'{{"ipt_otp_no": "MZ0001", "medrcdno": "INV1", {TOTALS}}}',
    ),
    "confirm_period": (PERIOD | {"medfee_sumamt": "135.00", "hifp_pay": "108.00", "psn_cash_pay": "27.00"}, "{}"),
    "unconfirm_period": (PERIOD, "{}"),
    "list_settlements": (DAY, '{"settlements": [], "pageCount": 1}'),
    "list_deductions": (DAY, '{"deductions": [], "pageCount": 1}'),
    "appeal": (
        {"deduct_no": "D1", "ipt_otp_no": "MZ0001", "appeal_reason": "系骨折必需"},
        '{"appeal_no": "A1"}',
    ),
}
WRITES = [name for name, row in JiangsuGateway.operations.items() if row.effect.value != "read"]
READS = [name for name in GOOD if name not in WRITES]
#: Nobody needs to be signed in for these.
OF_THE_SESSION = ("sign_in", "sign_out")

Answer = bytes | str | Exception | httpx.Response


def success(data: str = "{}") -> str:
    return f'{{"success": true, "code": 200, "message": "成功", "data": {data}}}'


def failure(code: object, message: str = "失败", **more: object) -> str:
    return json.dumps({"success": False, "code": code, "message": message, **more}, ensure_ascii=False)


class FakeGateway:
    """Signs in as 000 says; ``answers`` are given, in order, to whatever else is asked (the last one for ever)."""

    def __init__(self, *answers: Answer, signed_in: bool = False, **settings: Any) -> None:
        self.answers = list(answers)
        self.signed_in = signed_in
        self.signing_in = False  #: the operation that is called is 9001 itself
        self.session: dict[str, Answer] = {}  #: answers to init, signin_status, 9001 instead of the good ones
        self.asked: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.headers: list[httpx.Headers] = []
        self.adapter = JiangsuGateway.from_settings(settings)
        self.replace_network(self.adapter)

    def replace_network(self, adapter: JiangsuGateway) -> None:
        self.adapter = JiangsuGateway(adapter._settings, httpx.MockTransport(self._answer))

    @property
    def sent(self) -> list[str]:
        """What was asked: the transaction number, or the action."""
        return [each.get("transactionName", each["action"]) for each in self.asked]

    @property
    def operations(self) -> list[str]:
        """What was asked beside signing in."""
        return [each for each in self.sent if each not in ("init", "signin_status", "9001")]

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.raw.append(request.content)
        self.headers.append(request.headers)
        body = json.loads(request.content)
        self.asked.append(body)
        name = body.get("transactionName", body["action"])
        if name in self.session:
            return _given(self.session[name])
        if name == "init":
            return _given(success())
        if name == "signin_status":
            return _given(success(json.dumps({"signedIn": self.signed_in, "signNo": "1"})))
        if name == "9001" and not self.signing_in:
            self.signed_in = True
            return _given(success('{"sign_no": "20241201001"}'))
        return _given(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    async def call(
        self,
        operation: str,
        request: dict[str, Any] | None = None,
        *,
        timeout: Micros = 5 * SECOND,
        guard: Callable[[], bool] = lambda: True,
    ) -> Any:
        self.signing_in = operation == "sign_in"
        sent = GOOD[operation][0] if request is None else request
        return await self.adapter.call(Call(operation, sent, MESSAGE_ID, timeout, guard))


def _given(answer: Answer) -> httpx.Response:
    if isinstance(answer, Exception):
        raise answer
    if isinstance(answer, httpx.Response):
        return answer
    return httpx.Response(200, content=answer if isinstance(answer, bytes) else answer.encode())
