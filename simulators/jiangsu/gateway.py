"""The gateway of interface 000: one address, ``action`` says what is wanted. Pure: a request in, an answer out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from simulators.common.book import Book
from simulators.jiangsu.centre import Call, Centre
from simulators.jiangsu.ledger import SignIn
from simulators.jiangsu.office import Office
from simulators.jiangsu.refusals import Missing, Refusal
from simulators.jiangsu.transactions import NAMES, TRANSACTIONS

DEVICE = "江苏工伤联网接口"
#: System errors: 1002 and 1005 stand in 000, the others in docs/assumptions.md (J15).
SYSTEM_ERRORS = {
    1001: "系统未初始化",
    1002: "action参数不能为空",
    1003: "未签到",
    1004: "未知的action",
    1005: "transactionName参数不能为空",
    1006: "未知的交易",
    1007: "参数缺失或错误",
}


class SystemError_(Exception):
    """An error of 1000-1099: found before anything is sent on."""

    def __init__(self, code: int, detail: str = "") -> None:
        """``detail`` is added to the text."""
        self.code = code
        self.message = SYSTEM_ERRORS[code] + (f"：{detail}" if detail else "")
        super().__init__(self.message)


class Gateway:
    """The gateway's own state (configuration, sign-in) and the way to the centre."""

    def __init__(self, centre: Centre | None = None, book: Book | None = None) -> None:
        """With a ``book`` the centre is rebuilt from it first."""
        self.office = Office(centre, book)
        self.centre = self.office.centre
        self.config: dict[str, Any] | None = None
        self._sign_nos: list[str] = []  #: its own, oldest first; a restart forgets them (J20)

    @property
    def sign_no(self) -> str:
        """Return the newest of its sign-in numbers that is good, or nothing."""
        return next((each for each in reversed(self._sign_nos) if each in self.centre.ledger.sign_ins), "")

    @property
    def _sign_in(self) -> SignIn | None:
        return self.centre.ledger.sign_ins.get(self.sign_no)

    def handle(self, body: Any) -> dict[str, Any]:
        """Answer one request as 000 does."""
        try:
            if not isinstance(body, dict) or not body.get("action"):
                raise SystemError_(1002)
            action = _ACTIONS.get(str(body["action"]))
            if action is None:
                raise SystemError_(1004, str(body["action"])[:40])
            return action(self, body)
        except SystemError_ as error:
            return {"success": False, "code": error.code, "message": error.message, "device": DEVICE}

    # -- actions
    def init(self, body: dict[str, Any]) -> dict[str, Any]:
        """``init``: the configuration is optional."""
        config = body.get("config", {})
        if not isinstance(config, dict):
            raise SystemError_(1007, "config")
        self.config = config
        return self._ok("江苏工伤联网系统初始化成功") | {
            "device": DEVICE,
            "timestamp": self._now(),
            "version": str(config.get("interfaceVersion") or "V2.1"),
        }

    def health(self, _body: dict[str, Any]) -> dict[str, Any]:
        """``health``."""
        return self._ok(
            "系统健康状态良好",
            {
                "overallHealth": True,
                "timestamp": self._now(),
                "checks": {
                    "dllStatus": {"success": True, "message": "JSSiInterface.dll文件检查通过"},
                    "initStatus": {"initialized": self.config is not None, "hasConfig": bool(self.config)},
                    "signInStatus": {
                        "signedIn": self._sign_in is not None,
                        "signNo": self.sign_no,
                        "signInTime": self._signed_at(),
                    },
                },
            },
        )

    def signin_status(self, _body: dict[str, Any]) -> dict[str, Any]:
        """``signin_status``."""
        known = self._sign_in
        minutes = 0 if known is None else int((self.centre.now() - known.at).total_seconds() // 60)
        return self._ok(
            "签到状态获取成功",
            {
                "signedIn": self._sign_in is not None,
                "signNo": self.sign_no,
                "signInTime": self._signed_at(),
                "signInOperator": self._operator({}),
                "sessionDuration": f"{minutes}分钟",
            },
        )

    def stats(self, _body: dict[str, Any]) -> dict[str, Any]:
        """``stats``."""
        messages = self.centre.ledger.messages
        config = self.config or {}
        return self._ok(
            "统计信息获取成功",
            {
                "currentTime": self._now(),
                "systemStatus": {
                    "initialized": self.config is not None,
                    "signedIn": self._sign_in is not None,
                    "signInTime": self._signed_at(),
                    "currentSignNo": self.sign_no,
                    "signInOperator": self._operator({}),
                },
                "transactionRecords": {
                    "totalCount": len(messages),
                    "oldestRecord": messages[0].at if messages else "",
                    "newestRecord": messages[-1].at if messages else "",
                },
                "configuration": {
                    name: config.get(name, "")
                    for name in ("fixmedinsCode", "fixmedinsName", "interfaceVersion", "logPath")
                },
            },
        )

    def transaction(self, body: dict[str, Any]) -> dict[str, Any]:
        """``transaction``: by number, Chinese or English name (J1)."""
        name = body.get("transactionName")
        if not name:
            raise SystemError_(1005)
        if self.config is None:
            raise SystemError_(1001)
        code = NAMES.get(str(name))
        if code is None:
            raise SystemError_(1006, str(name)[:40])
        if code not in ("9001", "9002") and self._sign_in is None:
            raise SystemError_(1003)
        parameters = body.get("businessParams", {})
        if not isinstance(parameters, dict):
            raise SystemError_(1007, "businessParams")
        return self._transact(code, parameters, str(body.get("messageId") or self.office.message_id()), body)

    def reverse(self, body: dict[str, Any]) -> dict[str, Any]:
        """``reverse`` by the original message id (J14)."""
        original = body.get("originalMessageId")
        if not isinstance(original, str) or not original:
            raise SystemError_(1007, "originalMessageId")
        if self.config is None:
            raise SystemError_(1001)
        if self._sign_in is None:
            raise SystemError_(1003)
        return self._transact("2209", {"omsgid": original}, self.office.message_id(), body)

    def batch_upload(self, body: dict[str, Any]) -> dict[str, Any]:
        """``batch_upload``: prescriptions become lines with numbers of the gateway's own."""
        prescriptions = body.get("prescriptions")
        if not isinstance(prescriptions, list) or not all(isinstance(each, dict) for each in prescriptions):
            raise SystemError_(1007, "prescriptions")
        batch = f"B{self.centre.ledger.next():06d}"
        lines = []
        for number, each in enumerate(prescriptions, 1):
            price, count = each.get("pric"), each.get("cnt")
            if not isinstance(price, Decimal | int) or not isinstance(count, Decimal | int):
                raise SystemError_(1007, "pric/cnt")
            lines.append(
                {
                    "rxno": batch,
                    "feedetl_sn": str(number),
                    "fee_ocur_time": self.centre.stamp(),
                    "med_list_codg": str(each.get("med_list_codg", "")),
                    "med_list_name": str(each.get("med_list_name", "")),
                    "pric": price,
                    "cnt": count,
                    "umamt": (Decimal(price) * Decimal(count)).quantize(Decimal("0.01")),
                }
            )
        parameters = {"visit_no": body.get("visitNo"), "feedetail": lines}
        return self.transaction({**body, "transactionName": "2204", "businessParams": parameters})

    def complete_process(self, body: dict[str, Any]) -> dict[str, Any]:
        """``complete_process``: read card, register, pre-settle, settle; stops at the first failure."""
        patient, details = body.get("patientInfo"), body.get("feeDetails")
        if not isinstance(patient, dict) or not isinstance(details, list):
            raise SystemError_(1007, "patientInfo/feeDetails")
        steps: list[dict[str, Any]] = []
        known: dict[str, Any] = {"ipt_otp_no": f"CP{self.centre.ledger.next():08d}"}
        for number, (name, code) in enumerate(
            (("读卡", "1101"), ("登记", "2201"), ("预结算", "2206"), ("结算", "2207")), 1
        ):
            parameters: dict[str, Any] = {"ipt_otp_no": known["ipt_otp_no"]}
            if code == "2201":
                parameters |= patient | {"psn_no": known["psn_no"]}
            elif code == "2206":
                parameters |= {"visit_no": known["visit_no"], "fee_details": details}
            elif code == "2207":
                parameters |= {"visit_no": known["visit_no"], "pre_settle_id": known["pre_settle_id"]}
            answer = self.transaction({**body, "transactionName": code, "businessParams": parameters})
            steps.append(
                {
                    "step": number,
                    "name": name,
                    "success": answer["success"],
                    "message": answer["message"],
                    "data": answer.get("data", {}),
                }
            )
            if not answer["success"]:
                return answer | {"processSteps": steps}
            known |= answer["data"]
        return self._ok("工伤就医流程完成") | {"processSteps": steps}

    def retry(self, body: dict[str, Any]) -> dict[str, Any]:
        """``retry``: the gateway tries the transaction again; here at once and once."""
        return self.transaction(body)

    # -- inside
    def _transact(
        self, code: str, parameters: dict[str, Any], message_id: str, envelope: dict[str, Any]
    ) -> dict[str, Any]:
        mode = str(envelope.get("identifyMode", "1"))
        credential = str(envelope.get("qrCodeInfo") or "") if mode == "2" else None
        if code == "9002":
            return self._sign_out(parameters, message_id)
        call = Call(code, parameters, message_id, self._operator(envelope), mode, credential)
        try:
            data = self.office.run(call)
        except Refusal as error:
            return {
                "success": False,
                "code": error.code,
                "message": error.message,
                "transactionCode": code,
                "businessErrorCode": error.business,
                "businessErrorMsg": error.message,
            }
        except Missing as error:
            raise SystemError_(1007, str(error)) from None
        if code == "9001":
            self._sign_nos.append(data["sign_no"])
        return self._ok(f"{TRANSACTIONS[code].zh}成功", {} if data is None else data)

    def _sign_out(self, parameters: dict[str, Any], message_id: str) -> dict[str, Any]:
        """9002: the number that is given, else all of the gateway's own (J39)."""
        for number in [parameters["sign_no"]] if parameters.get("sign_no") else list(self._sign_nos):
            self.office.run(Call("9002", {"sign_no": number}, message_id))
        self._sign_nos = [each for each in self._sign_nos if each in self.centre.ledger.sign_ins]
        return self._ok("签退成功", {})

    def _operator(self, envelope: dict[str, Any]) -> str:
        known, config = self._sign_in, self.config or {}
        default = known.operator if known is not None else config.get("defaultOperator") or "001"
        return str(envelope.get("operatorId") or default)

    def _now(self) -> str:
        return f"{self.centre.now():%Y-%m-%d %H:%M:%S}"

    def _signed_at(self) -> str:
        known = self._sign_in
        return "" if known is None else f"{known.at:%Y-%m-%d %H:%M:%S}"

    def _ok(self, message: str, data: Any = None) -> dict[str, Any]:
        answer: dict[str, Any] = {"success": True, "code": 200, "message": message}
        return answer if data is None else answer | {"data": data}


_ACTIONS: dict[str, Callable[[Gateway, dict[str, Any]], dict[str, Any]]] = {
    "init": Gateway.init,
    "transaction": Gateway.transaction,
    "health": Gateway.health,
    "stats": Gateway.stats,
    "signin_status": Gateway.signin_status,
    "batch_upload": Gateway.batch_upload,
    "complete_process": Gateway.complete_process,
    "retry": Gateway.retry,
    "reverse": Gateway.reverse,
}
