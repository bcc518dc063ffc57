"""Si_INIT and Si_Busi: the JSON envelope. DLL conventions, 2.1, 2.2 and 5; J45-J47."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from simulators.common.numbers import read_json, write_json
from simulators.jiangsu.dll import Asked
from simulators.jiangsu.dll_library import Library, Returned, Subject
from simulators.jiangsu.refusals import Missing, Refusal
from simulators.jiangsu.transactions import TRANSACTIONS

_REGION = "990099"


_FORMS: dict[str, str] = {
    "msgid": r"[!-~]{1,40}",  # 26 in 000, 30 by the class comment, unpadded in practice (J45)
    "recer_sys_code": r".+",
    "infver": r".+",
    "opter_type": r"[123]",
    "opter": r".+",
    "opter_name": r".+",
    "inf_time": r"\d{14}",
    "fixmedins_code": r".+",
    "sign_no": r".*",
    "idfi_mode": r"[12]",
}


class JsonLibrary(Library):
    """The newer pair of functions."""

    functions = ("Si_INIT", "Si_Busi")

    def call(self, process: str, body: bytes) -> Returned:
        """Si_Busi: 0 and an envelope, or else a plain text (2.2)."""
        if not self._is_initialised(process):
            return Returned(-1, "动态库未初始化，请先调用Si_INIT")
        try:
            sent = read_json(body, self.centre.switches.dll_encoding)
        except (ValueError, RecursionError):
            return Returned(-1, "入参不是有效的JSON报文")
        if not isinstance(sent, dict) or not isinstance(sent.get("infno"), str):
            return Returned(-1, "入参缺少交易编号infno")
        begun = self.centre.time()
        try:
            output = self._vocabulary.run(self._asked(sent))
        except Refusal as error:
            return self._envelope(begun, "-1", error.message, None)
        except Missing as error:
            return self._envelope(begun, "-1", f"参数缺失或错误：{error}", None)
        if output is None and self.centre.switches.dll_empty_output == "object":
            output = {}
        return self._envelope(begun, "0", "", output)

    def subject(self, body: bytes) -> Subject:
        """Tell what a call is about, as far as it can be read."""
        try:
            sent = read_json(body, self.centre.switches.dll_encoding)
        except (ValueError, RecursionError):
            return Subject(None, None)
        if not isinstance(sent, dict):
            return Subject(None, None)
        about = sent.get("input")
        if isinstance(lines := sent.get("feedetail"), list) and lines:
            about = lines[0]
        return Subject(sent.get("infno"), about.get("ipt_otp_no") if isinstance(about, dict) else None)

    def refusal(self, message: str) -> Returned:
        """Return a refusal with a text of one's own (faults)."""
        return self._envelope(self.centre.time(), "-1", message, None)

    def _asked(self, sent: dict[str, Any]) -> Asked:
        for name, form in _FORMS.items():
            value = sent.get(name)
            if isinstance(value, bool) or not isinstance(value, str | int) or not re.fullmatch(form, str(value)):
                raise Missing(f"报文头{name}")
        code = sent["infno"]
        if code not in TRANSACTIONS:
            raise Missing(f"未知的交易{code[:10]}")
        if code != "9001" and str(sent["sign_no"]) not in self.centre.ledger.sign_ins:
            raise Missing("未签到")
        member = "feedetail" if code == "2204" else "input"
        if not isinstance(sent.get(member), list if code == "2204" else dict):
            raise Missing(member)
        return Asked(
            code=code,
            input={"feedetail": sent[member]} if code == "2204" else sent[member],
            msgid=str(sent["msgid"]),
            operator=str(sent["opter"]),
            sign_no=str(sent["sign_no"]),
            mode=str(sent["idfi_mode"]),
        )

    def _envelope(self, begun: datetime.datetime, infcode: str, message: str, output: Any) -> Returned:
        envelope = {
            "infcode": infcode,
            "inf_refmsgid": f"{_REGION}{begun:%Y%m%d%H%M%S}{next(self._serials):010d}",
            "refmsg_time": _thousandths(begun),
            "respond_time": _thousandths(self.centre.time()),
            "err_msg": message,
            "output": self._shown(output),
        }
        return Returned(0, write_json(envelope))

    def _shown(self, value: Any, name: str = "") -> Any:
        """Return ``value`` as the switches want it: letter case of members, numbers or texts."""
        switches = self.centre.switches
        if isinstance(value, dict):
            return {_CASES[switches.dll_member_case](each): self._shown(item, each) for each, item in value.items()}
        if isinstance(value, list):
            return [self._shown(item) for item in value]
        if name == "psn_no" and switches.dll_psn_no == "number":
            return int(value)
        if isinstance(value, Decimal) and switches.dll_amounts == "text":
            return re.sub(r"^(-?)0\.", r"\1.", str(value))
        return value


_CASES: dict[str, Callable[[str], str]] = {
    "documented": str,
    "upper": str.upper,
    "lower": str.lower,
    "mixed": lambda name: "_".join(each[:1].upper() + each[1:] for each in name.split("_")),
}


def _thousandths(at: datetime.datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}"
