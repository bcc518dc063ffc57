"""9001, 9002, 1800: signing in and out, the centre's clock. Source: 001; J39, J40."""

from __future__ import annotations

from typing import Any

from simulators.jiangsu.centre import Call, Centre
from simulators.jiangsu.ledger import SignIn


def sign_in(centre: Centre, call: Call) -> dict[str, Any]:
    """9001: a new number each time; the numbers before stay good, for desks sign in beside each other (J39)."""
    number = f"{centre.time():%Y%m%d}{centre.ledger.next():03d}"
    centre.ledger.sign_ins[number] = SignIn(centre.now(), call.operator)
    return {"sign_no": number}


def sign_out(centre: Centre, call: Call) -> None:
    """9002: a success, also when nobody is signed in (J39)."""
    centre.ledger.sign_ins.pop(str(call.parameters.get("sign_no", "")), None)


def centre_time(centre: Centre, _call: Call) -> dict[str, Any]:
    """1800 (J40)."""
    return {"centre_time": centre.stamp()}
