"""The JSON envelope of Si_Busi (DLL conventions, 2.1 and 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.jiangsu.dll.framing import Accepted, Declined, Request, Unreadable, decoded, encoded
from adapters.jiangsu.dll.mapping import Stamp, Strange, lowered, mapping
from adapters.jiangsu.dll.settings import DllSettings
from adapters.jiangsu.envelope import to_json
from adapters.jiangsu.transactions import Transaction
from engine.facts import loads


class JsonFraming:
    """Requests with ``infno`` and ``input``, replies with ``infcode`` and ``output``."""

    def __init__(self, settings: DllSettings) -> None:
        """``settings`` say who asks whom."""
        self._settings = settings

    def request(self, transaction: Transaction, parameters: Mapping[str, Any], stamp: Stamp) -> Request:
        """Return the envelope. Raises Unfit."""
        settings = self._settings
        name, members = mapping()[transaction.number].outgoing(parameters, stamp)
        envelope = {
            "infno": transaction.number,
            "msgid": stamp.message_id,
            "recer_sys_code": settings.receiver_sys_code,
            "infver": settings.interface_version,
            "opter_type": settings.operator_type,
            "opter": settings.operator_id,
            "opter_name": settings.operator_name,
            "inf_time": stamp.now,
            "fixmedins_code": settings.fixmedins_code,
            "sign_no": stamp.sign_no,
            "idfi_mode": stamp.identify_mode,
            name: members,
        }
        return Request(encoded(to_json(envelope), settings.encoding, members), members)

    def reply(self, transaction: Transaction, value: int, out: bytes) -> Accepted | Declined:
        """Two stages: return value 0, then ``infcode`` (DLL conventions, 2.2). Raises Unreadable."""
        if value != 0:  # a plain text, from before or after sending: nobody knows (J46)
            raise Unreadable(f"return value {value}")
        if not out:
            raise Unreadable("empty")
        try:
            envelope = lowered(loads(decoded(out, self._settings.encoding).encode()))
        except Strange as error:
            raise Unreadable(str(error)) from None
        except (ValueError, RecursionError) as error:
            raise (error if isinstance(error, Unreadable) else Unreadable("not JSON")) from None
        code = envelope.get("infcode")
        match str(code) if isinstance(code, int | str) and not isinstance(code, bool) else "":
            case "0":
                return Accepted(envelope.get("output"))
            case "-1":
                return Declined("-1", str(envelope.get("err_msg") or ""))
        raise Unreadable("no infcode that is known")
