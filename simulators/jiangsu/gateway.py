"""The gateway of interface 000: one address, ``action`` says what is wanted. Pure: a request in, an answer out."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from simulators.jiangsu.book import Book
from simulators.jiangsu.centre import NAMES, TRANSACTIONS, Centre, Missing, Refusal
from simulators.jiangsu.ledger import Message

DEVICE = "江苏工伤联网接口"
_SHANGHAI = ZoneInfo("Asia/Shanghai")
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
        self.centre = centre or Centre()
        self._book = None
        self.config: dict[str, Any] | None = None
        self.sign_no = ""
        self.signed_at: datetime.datetime | None = None
        self.operator = ""
        if book is not None:
            clock = self.centre.now
            for at, entry in book.read():
                self.centre.now = _fixed(at)
                self._replay(entry)
            self.centre.now = clock
        self._book = book

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
                        "signedIn": self.signed_at is not None,
                        "signNo": self.sign_no,
                        "signInTime": self._signed_at(),
                    },
                },
            },
        )

    def signin_status(self, _body: dict[str, Any]) -> dict[str, Any]:
        """``signin_status``."""
        minutes = 0 if self.signed_at is None else int((self.centre.now() - self.signed_at).total_seconds() // 60)
        return self._ok(
            "签到状态获取成功",
            {
                "signedIn": self.signed_at is not None,
                "signNo": self.sign_no,
                "signInTime": self._signed_at(),
                "signInOperator": self.operator,
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
                    "signedIn": self.signed_at is not None,
                    "signInTime": self._signed_at(),
                    "currentSignNo": self.sign_no,
                    "signInOperator": self.operator,
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
        if code in ("9001", "9002"):
            return self._sign(code, body)
        if self.signed_at is None:
            raise SystemError_(1003)
        parameters = body.get("businessParams", {})
        if not isinstance(parameters, dict):
            raise SystemError_(1007, "businessParams")
        message_id = str(body.get("messageId") or self._own_message_id())
        return self._transact(code, parameters, message_id, body)

    def reverse(self, body: dict[str, Any]) -> dict[str, Any]:
        """``reverse`` by the original message id (J14)."""
        original = body.get("originalMessageId")
        if not isinstance(original, str) or not original:
            raise SystemError_(1007, "originalMessageId")
        if self.config is None:
            raise SystemError_(1001)
        if self.signed_at is None:
            raise SystemError_(1003)
        return self._transact("2209", {"omsgid": original}, self._own_message_id(), body)

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
    def _sign(self, code: str, body: dict[str, Any]) -> dict[str, Any]:
        if code == "9002":
            self.signed_at, self.sign_no, self.operator = None, "", ""
            return self._ok("签退成功", {})
        config = self.config or {}
        self.signed_at = self.centre.now()
        self.sign_no = f"{self.signed_at:%Y%m%d}{self.centre.ledger.next():03d}"
        self.operator = str(body.get("operatorId") or config.get("defaultOperator") or "001")
        return self._ok("签到成功", {"sign_no": self.sign_no, "sign_time": self._signed_at()})

    def _transact(
        self, code: str, parameters: dict[str, Any], message_id: str, envelope: dict[str, Any]
    ) -> dict[str, Any]:
        ledger = self.centre.ledger
        message = Message(message_id, code, self._hospital_number(parameters), self.centre.stamp(), "refused")
        ledger.messages.append(message)
        at = self.centre.now()
        try:
            data = self.centre.transact(code, parameters, message_id, envelope)
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
        message.result = "applied"
        if self._book is not None and code not in ("6101", "9103", "9104", "9105", "1800"):
            kept = {name: envelope[name] for name in ("identifyMode", "qrCodeInfo") if name in envelope}
            entry = {"code": code, "parameters": parameters, "msgid": message_id, "envelope": kept}
            self._book.write(at, entry | {"counter": ledger.counter})
        return self._ok(f"{TRANSACTIONS[code].zh}成功", {} if data is None else data)

    def _replay(self, entry: dict[str, Any]) -> None:
        code, parameters, message_id = entry["code"], entry["parameters"], entry["msgid"]
        number = self._hospital_number(parameters)
        self.centre.ledger.messages.append(Message(message_id, code, number, self.centre.stamp(), "applied"))
        if code == "1101" and entry["envelope"].get("identifyMode") != "2":
            return  # the card is in nobody's reader any more; people by credential come back by themselves
        # Numbers were also drawn in between, by sign-ins: draw the same ones again.
        self.centre.ledger.counter = entry["counter"] - (1 if code in ("2201", "2206", "2207") else 0)
        self.centre.transact(code, parameters, message_id, entry["envelope"])

    def _hospital_number(self, parameters: dict[str, Any]) -> str:
        if isinstance(number := parameters.get("ipt_otp_no"), str):
            return number
        visit = self.centre.ledger.visits.get(str(parameters.get("visit_no")))
        return "" if visit is None else visit.ipt_otp_no

    def _own_message_id(self) -> str:
        return f"H99999{self.centre.stamp()}{self.centre.ledger.next():06d}"

    def _now(self) -> str:
        return f"{self.centre.now():%Y-%m-%d %H:%M:%S}"

    def _signed_at(self) -> str:
        return "" if self.signed_at is None else f"{self.signed_at:%Y-%m-%d %H:%M:%S}"

    def _ok(self, message: str, data: Any = None) -> dict[str, Any]:
        answer: dict[str, Any] = {"success": True, "code": 200, "message": message}
        return answer if data is None else answer | {"data": data}


def _fixed(at: datetime.datetime) -> Callable[[], datetime.datetime]:
    return lambda: at


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
