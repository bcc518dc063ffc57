"""Missing, wrong-typed, oversize and hostile input: an answer of documented shape, and nothing changed anywhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from adapters.jiangsu.transactions import TRANSACTIONS
from engine.store import VisitFilter
from service.gateway.actions import ACTIONS
from service.gateway.endpoint import PATH
from service.gateway.envelope import words
from service.gateway.requests import MAX_BYTES
from tests import people
from tests.service.gateway.bench import Bench, bench
from tests.service.gateway.test_visits import COMPLETE, DETAILS, PRESCRIPTIONS, WHO, registered, trial

WRONG: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    1e308,
    10**30,
    "",
    " ",
    "x" * 5_000,
    "'; DROP TABLE visits; --",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "\x00\x1b[2J",
    "\u202e\ufeff",
    "NaN",
    "-.01",
    [],
    {},
    [[]],
    {"": {}},
    [None] * 3,
    {"__proto__": 1, "$ref": "#"},
]
#: One request of each action that would be accepted, but for the visit it speaks of.
GOOD: list[dict[str, Any]] = [
    {"action": "init", "config": {"fixmedinsCode": "H1"}},
    {"action": "health"},
    {"action": "stats"},
    {"action": "signin_status"},
    {
        "action": "transaction",
        "transactionName": "PreSettle",
        "businessParams": {"visit_no": "NO", "fee_details": DETAILS},
    },
    {"action": "transaction", "transactionName": "Settle", "businessParams": {"visit_no": "NO", "pre_settle_id": "P"}},
    {
        "action": "transaction",
        "transactionName": "2204",
        "businessParams": {"visit_no": "NO", "feedetail": PRESCRIPTIONS},
    },
    {"action": "transaction", "transactionName": "2203", "businessParams": {"visit_no": "NO", **WHO}},
    {"action": "transaction", "transactionName": "2208", "businessParams": {"visit_no": "NO"}},
    {"action": "batch_upload", "visitNo": "NO", "prescriptions": PRESCRIPTIONS},
    {"action": "retry", "transactionName": "PreSettle", "businessParams": {"visit_no": "NO"}, "maxRetries": 0},
    {"action": "reverse", "originalMessageId": "H0000120241201103000010001"},
    {**COMPLETE, "identifyMode": "2", "qrCodeInfo": "UNINSURED-1"},
    {
        "action": "transaction",
        "transactionName": "RegisterPatient",
        "businessParams": WHO,
        "identifyMode": "2",
        "qrCodeInfo": "UNINSURED-1",
    },
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the path of everything inside a body."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield (*path, name)
        yield from places(item, (*path, name))


def changed(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a body with another value at one place; ``...`` takes it away."""
    copy = json.loads(json.dumps(body))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def hostile(draw: st.DrawFn) -> dict[str, Any]:
    """A good request with one to three places spoilt."""
    body = draw(st.sampled_from(GOOD))
    for _ in range(draw(st.integers(1, 3))):
        found = [path for path in places(body) if path != ("action",)]
        if found:
            body = changed(
                body, draw(st.sampled_from(found)), draw(st.just(...) | st.sampled_from(WRONG) | json_values)
            )
    extra: dict[str, Any] = draw(st.dictionaries(st.text(max_size=12), json_values, max_size=2))
    return {**extra, **body}


def effects(service: Bench) -> list[str]:
    """What took effect at the centre, sign-ins and reversals of unknown messages apart."""
    messages = service.centre.gateway.centre.ledger.messages
    return [each.code for each in messages if each.result == "applied" and each.code not in ("9001", "9002", "2209")]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(hostile())
def test_a_spoilt_request_gets_an_answer_and_changes_nothing(body: dict[str, Any]) -> None:
    async def go() -> None:
        service, before = _SERVICE[0], _SERVICE[1]
        # Any other credential is somebody's card: with it the request may well be a good one.
        assume(str(body.get("qrCodeInfo") or "UNINSURED-1") == "UNINSURED-1")
        if body.get("identifyMode") not in ("2", 2):
            service.centre.gateway.centre.reader = "UNINSURED-1"
        answer = await service.post(body)
        assert answer["code"] != 1099, answer
        assert [each for each in effects(service) if each not in ("1101",)] == before
        assert service.books() == _SERVICE[2]

    _LOOP[0].run(go())


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(hostile())
def test_a_spoilt_request_about_a_visit_does_all_of_it_or_nothing(body: dict[str, Any]) -> None:
    """What is answered with 1xxx has changed nothing; a success may have."""
    text = json.dumps(body, default=str).replace('"NO"', '"KEPT"')

    async def go() -> None:
        service = _SERVICE[0]
        service.centre.gateway.centre.reader = "UNINSURED-1"
        answer = await service.post(json.loads(text))
        assert answer["code"] not in (1099, 1013, 2003, 2004), answer
        if answer["code"] >= 1000 and answer["code"] < 1100:
            assert service.books() == _SERVICE[2]
        elif answer["success"]:
            _SERVICE[1:] = [[each for each in effects(service) if each != "1101"], service.books()]
        assert service.books() == _SERVICE[2]

    _LOOP[0].run(go())


_LOOP: list[asyncio.Runner] = []
_SERVICE: list[Any] = []


@pytest.fixture(autouse=True, scope="module")
def _one_service() -> Iterator[None]:
    """One service for all examples, with a visit in it that no example speaks of."""
    with asyncio.Runner() as runner:
        made = bench()

        async def begin() -> None:
            service = await made.__aenter__()
            key = await registered(service, "KEPT")
            await trial(service, key)
            _SERVICE[:] = [service, [each for each in effects(service) if each != "1101"], service.books()]

        runner.run(begin())
        _LOOP[:] = [runner]
        yield
        runner.run(made.__aexit__(None, None, None))


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("extra", [{}, {"operatorId": []}, {"operatorId": "x" * 99}, {"businessParams": "x"}])
def test_every_action_with_next_to_nothing(action: str, extra: dict[str, Any]) -> None:
    async def go() -> None:
        answer = await _SERVICE[0].post({"action": action, **extra})
        assert answer["code"] in words() or answer["code"] == 200
        assert answer["code"] != 1099
        assert _SERVICE[0].books() == _SERVICE[2]

    _LOOP[0].run(go())


#: The others succeed with nothing.
DEMANDING = [
    row for row in TRANSACTIONS.values() if row.operation not in ("sign_in", "sign_out", "register", "read_card")
]


@pytest.mark.parametrize("row", DEMANDING, ids=lambda row: row.operation)
@pytest.mark.parametrize("params", [{}, {"visit_no": 5}, {"visit_no": "NO", "ipt_otp_no": "NO"}, {"begindate": "x"}])
def test_every_transaction_with_next_to_nothing(row: Any, params: dict[str, Any]) -> None:
    async def go() -> None:
        answer = await _SERVICE[0].transaction(row.number, params)
        assert answer["code"] != 1099
        assert _SERVICE[0].books() == _SERVICE[2]

    _LOOP[0].run(go())


RAW = [
    (b"", 1008),
    (b"{", 1008),
    (b"[]", 1008),
    (b"null", 1008),
    (b'"action"', 1008),
    (b"\xff\xfe{}", 1008),
    (b'{"action": "init", "action": "settle"}', 1008),
    (b'{"action": "init", "config": {"a": NaN}}', 1008),
    (b'{"action": "init", "config": {"a": Infinity}}', 1008),
    (b'{"action": "init", "x": "\\ud800"}', 1008),
    (b'{"action": "init", "x": ' + b"9" * 5_000 + b"}", 1008),
    (b"[" * 100_000, 1008),
    (b'{"a":' * 100_000, 1008),
    (b"{}", 1002),
    (b'{"action": ""}', 1002),
    (b'{"action": null}', 1002),
    (b'{"action": 5}', 1004),
    (b'{"action": "Init"}', 1004),
    (b'{"action": ["init"]}', 1004),
    (b'{"action": "transaction"}', 1005),
    (b'{"action": "transaction", "transactionName": ""}', 1005),
    (b'{"action": "transaction", "transactionName": "nothing"}', 1006),
    (b'{"action": "transaction", "transactionName": {}}', 1007),
    (b'{"action": "reverse"}', 1007),
    (b'{"action": "batch_upload"}', 1007),
    (b'{"action": "complete_process"}', 1007),
    (b'{"action": "retry", "transactionName": "1101", "maxRetries": 1000000}', 1007),
    (b'{"action": "init", "x": "' + b"x" * MAX_BYTES + b'"}', 1014),
    (b'\xef\xbb\xbf{"action": "init"}', 200),
]


@pytest.mark.parametrize(("content", "code"), RAW, ids=lambda value: repr(value)[:40])
def test_bytes(content: bytes, code: int) -> None:
    async def go() -> None:
        answer = await _SERVICE[0].post(content)
        assert answer["code"] == code
        assert code == 200 or answer["device"] == "江苏工伤联网接口"

    _LOOP[0].run(go())


def test_no_identity_in_errors_or_logs() -> None:
    """G10: what a caller sends about a person comes back in no error and stands in no log."""
    number, name = people.identity_number(7), people.name(7)
    bodies = [
        {"action": "transaction", "transactionName": number},
        {"action": number},
        {
            "action": "transaction",
            "transactionName": "2201",
            "businessParams": {"psn_no": {number: name}, name: number},
        },
        {"action": "transaction", "transactionName": "2201", "businessParams": {"psn_no": number * 5}},
        {
            "action": "transaction",
            "transactionName": "9104",
            "businessParams": {"visit_no": number, "ipt_otp_no": name},
        },
        {"action": "complete_process", "patientInfo": {"med_type": number}, "feeDetails": [{number: name}]},
        {"action": "reverse", "originalMessageId": name},
        {"action": "batch_upload", "visitNo": number, "prescriptions": [{"med_list_codg": number, "pric": name}]},
        {"action": "init", "operatorId": name + number},
    ]

    async def go() -> list[dict[str, Any]]:
        return [await _SERVICE[0].post(body) for body in bodies]

    with structlog.testing.capture_logs() as logged:
        answers = _LOOP[0].run(go())
    assert not any(answer["success"] for answer in answers)
    for text in (json.dumps(answers, default=str, ensure_ascii=False), repr(logged)):
        assert number not in text
        assert name not in text


async def test_too_much_work_is_turned_away_before_anything_is_read() -> None:
    asked = {"action": "transaction", "transactionName": "Register", "businessParams": COMPLETE}
    async with bench() as desk:
        desk.store.figures.waiting = 5_000  # commits that wait for the disk
        answer = await desk.client.post(PATH, json=asked)
        assert (answer.status_code, answer.json()["code"]) == (200, 1013)
        assert answer.headers["retry-after"].isdecimal()
        assert not await desk.store.visits(VisitFilter())
        desk.store.figures.waiting = 0
        assert (await desk.post({"action": "health"}))["code"] == 200
