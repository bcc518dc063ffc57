"""Answers as interface 000 writes them; codes and words come from ``errors.yaml``."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import cache
from typing import Any

from adapters.discretion import discreet
from adapters.jiangsu.envelope import to_json
from engine.environment import SECOND, Micros
from engine.facts import printable
from engine.tables import table
from steps.jiangsu.times import SHANGHAI

#: Members that 000 shows in the answer to ``init`` and in errors.
DEVICE = "江苏工伤联网接口"
OK = 200


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = table(__file__, "errors.yaml")
    return found


@cache
def words() -> Mapping[int, str]:
    """Return the words of every code that is our own."""
    return {int(row["code"]): str(row["zh"]) for row in _table()["codes"]}


class GatewayError(Exception):
    """An answer with ``success: false``; ``more`` are members beside those of 000."""

    def __init__(self, code: int, detail: str = "", *, message: str = "", **more: Any) -> None:
        """``detail`` is added to the words of ``code``; ``message`` stands for them (a centre's own words)."""
        self.code = code
        said = message or words()[code]
        self.message = discreet(printable(said + (f"：{detail}" if detail else "")))
        self.more = more
        super().__init__(self.message)

    def as_body(self) -> dict[str, Any]:
        """Return the body."""
        body: dict[str, Any] = {"success": False, "code": self.code, "message": self.message}
        return body | self.more | {"device": DEVICE}


def refusal(name: str, transaction: str, detail: str = "", **more: Any) -> GatewayError:
    """Return the error for something that is known to be refused before the centre is asked (000: 3000-3999)."""
    row = _table()["refusals"][name]
    text = str(row["zh"]) + (f"：{detail}" if detail else "")
    return refused(int(row["code"]), str(row["business"]), text, transaction, **more)


def refused(code: int, business: str, text: str, transaction: str, **more: Any) -> GatewayError:
    """Return the error for a refusal, in the shape of 000's example."""
    said = discreet(printable(text)) or words()[3000]
    members = {"transactionCode": transaction, "businessErrorCode": business, "businessErrorMsg": said}
    return GatewayError(code, message=said, **members, **more)


def ok(message: str, data: Any = None, **more: Any) -> dict[str, Any]:
    """Return an answer with ``success: true``."""
    body: dict[str, Any] = {"success": True, "code": OK, "message": message}
    if data is not None:
        body["data"] = data
    return body | more


def written(body: Mapping[str, Any]) -> bytes:
    """Return the bytes of an answer; Decimals become numbers with their own decimals (J24)."""
    return to_json(body).encode("utf-8", "replace")


def moment(at: Micros) -> str:
    """Return a time as 000 writes it: ``2024-12-01 10:30:00``."""
    return f"{datetime.datetime.fromtimestamp(at // SECOND, SHANGHAI):%Y-%m-%d %H:%M:%S}"


def spaced(stamp: str) -> str:
    """Return yyyyMMddHHmmss as 000 writes a time; other text as it is."""
    try:
        return f"{datetime.datetime.strptime(stamp, '%Y%m%d%H%M%S'):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return stamp
