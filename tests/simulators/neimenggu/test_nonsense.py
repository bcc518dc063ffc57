"""Whatever is sent, the centre answers with a code of its own, and no refusal leaves anything behind."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from simulators.neimenggu.data import ERRORS
from tests.simulators.neimenggu.desk import OFF, STAY, Desk, bill, invoice
from tests.simulators.neimenggu.test_codes import watch

_NONSENSE: tuple[Any, ...] = (
    *(None, "", " ", "x", "0", "-1", "1e9", "NaN", "二", "2026-02-30", "9" * 5000, "\ud800"),
    *(0, -1, 10**40, 1.5, float("nan"), True, [], {}, [None], ["x"], {"med": None}, {"med": [[]]}, [[[]]]),
)


def _requests(desk: Desk) -> dict[str, dict[str, Any]]:
    person = desk.person(1)
    return {
        "getInjuryByNameAndId": {"aac002": person["aac002"], "aac003": person["aac003"]},
        "getCure": {"alca02": "R2020001"},
        "getCureBatch": {"akc176s": "2020-01-01", "aae035": "2020-01-01"},
        "getReport": {"aac001": "900000003"},
        "getReportBatch": {"aae035": "2026-01-01", "aae037": "2026-12-01"},
        "register": {"isnewinjure": "0", "kc21": desk.kc21()},
        "regundo": {"akc190": STAY, "alca02": "R2020001"},
        "sendMedInfo": {
            "akc190": STAY,
            "advices": {"advice": [desk.advice()]},
            "meds": {"med": [desk.med(), desk.drug(), desk.own(), desk.med(alc406="-1", alc407="-60")]},
        },
        "invalidData": {"akc190": STAY},
        "discharge": {"akc190": STAY, "aaca07": "1", "rolltype": "0"},
        "leaveHos": desk.leaving(**bill(invoice())),
        "leaveHosUndo": {"akc190": STAY},
        "getPerDetail": {"akc190": STAY, "akc192s": "2026-01-01", "aaa027": "150000"},
        "getJSSheet": {"akc190": STAY, "rolltype": "0"},
        "getPerMed": {"akc190": STAY},
        "sbkAuth": {"aaz500": "A00000001", "aaz501": "x", "aac002": person["aac002"], "aac003": person["aac003"]},
        "dzSbkAuth": {"qrcode": "x"},
        "getBSTdjyba": {"aac002": person["aac002"], "aac003": person["aac003"], "aae030s": "20261118"},
        "offsiteRegister": {"bs003WS": desk.bs003()},
        "offsiteRegisterUndo": {"akc190": OFF},
        "sendBsMedInfo": {"akc190": OFF, "bs004s": {"bs004": [desk.offsite_med()]}},
        "medInfoInvalidData": {"akc190": OFF},
        "offsiteLeaveHos": desk.leaving_offsite(**bill(invoice("FP2"), local=False)),
        "offsiteLeaveHosUndo": {"akc190": OFF},
        "parsingQrcode": {"qrcode": "x"},
        "parsingSbk": {"aaz500": "A00000001", "aaz501": "x"},
    }


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Return everything in a request that can be something else: where it is and under what."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in pairs:
        yield value, key
        yield from _places(each)


@pytest.mark.parametrize("seed", range(4))
def test_nonsense_is_answered(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    desk.until("approved")
    desk.until_offsite("approved")
    watch(desk)
    requests = _requests(desk)
    for _ in range(100):
        method = chance.choice(list(requests))
        members = copy.deepcopy(requests[method])
        holder, key = chance.choice(list(_places(members)))
        holder[key] = chance.choice(_NONSENSE)

        assert desk.code(method, **members) in ERRORS


@pytest.mark.parametrize("value", _NONSENSE)
def test_nonsense_in_a_form_and_for_log_in(desk: Desk, value: Any) -> None:
    desk.until("approved").leave()
    for name in ("invoiceMoney", "invoiceNo", "filetype", "rolltype", "akc190"):
        assert desk.form(**{name: str(value).replace("\ud800", "?")}) in ERRORS
    assert desk.ask("logout", username=value, password=value)["code"] in ERRORS
    assert desk.login(username=value)["code"] in ERRORS
