"""What is not a call, who may not call, what goes wrong inside: codes and clear words, nothing begun, no secrets."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
from pydantic import ValidationError

from adapters.platform.calling import HOSPITAL_METHODS
from adapters.platform.contracts import INTERFACES, dumps
from engine.errors import BadInput
from engine.store import VisitFilter
from service.cli.serve import check_platform
from service.platform.endpoint import MAX_BYTES
from service.platform.methods import Methods, UnknownOperation
from service.platform.table import Table, table
from service.settings import Settings
from tests import people
from tests.adapters.platform import samples
from tests.service.platform.bench import bench
from tests.service.platform.flows import wire
from tests.service.platform.test_repeats import payment


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"<xml/>", b"NaN", b"[" * 100_000, b'{"a": 1e99999}'],
    ids=lambda each: repr(each[:12]),
)
async def test_what_is_no_request_is_refused(body: bytes) -> None:
    async with bench() as desk:
        for operation in ("3.1.2", "3.1.1"):
            answer = await desk.post(operation, body)
            assert str(answer["code"]) in ("20001", "20002")
        assert not desk.heard
        assert not await desk.store.visits(VisitFilter())


async def test_half_characters_are_refused() -> None:
    async with bench() as desk:
        body = dumps(payment()).replace('"ZJZF', '"\\\\ud800ZJZF').replace("\\\\\\\\", "\\\\").encode()
        body = body.replace(b"\\\\ud800", b"\\ud800")
        answer = await desk.post("3.1.2", body)
        assert answer["code"] == "20003"
        assert not desk.heard


async def test_a_byte_order_mark_is_read_past() -> None:
    async with bench() as desk:
        assert (await desk.post("3.1.2", b"\xef\xbb\xbf" + dumps(payment()).encode()))["success"]


async def test_too_large() -> None:
    async with bench() as desk:
        answer = await desk.post("3.1.2", b'{"x": "' + b"x" * MAX_BYTES + b'"}')
        assert answer["code"] == "20004"

        async def drops() -> Any:
            for _ in range(20):
                yield b"x" * 100_000

        response = await desk.client.post("/hospital/hospital.interface.clinicPayment", content=drops())
        assert response.json()["code"] == "20004"


@pytest.mark.parametrize("name", ["hospital.interface.nothing", "", "a/b", "prefront/patient/genCard", "../x"])
async def test_an_unknown_method_is_not_opened(name: str) -> None:
    async with bench() as desk:
        response = await desk.client.post(f"/hospital/{name}", content=b"{}")
        if response.status_code == 200:
            assert response.json() == {
                "success": False,
                "msg": "没有这个接口，请核对接口名称",
                "code": "40003",
                "data": None,
            }
        else:
            assert response.status_code == 404


async def test_get_is_for_files_only() -> None:
    async with bench() as desk:
        answer = (await desk.client.get("/hospital/hospital.interface.clinicPayment")).json()
        assert answer["code"] == "40002"
        assert not desk.heard


@pytest.mark.parametrize(
    ("settings", "headers", "let_in"),
    [
        ({"token": "t"}, {}, False),
        ({"token": "t"}, {"Authorization": "Bearer t"}, True),
        ({"token": "t"}, {"X-Token": "u"}, False),
        ({"allow": ["10.0.0.0/8"]}, {}, False),
        ({"allow": ["127.0.0.0/8"]}, {}, True),
        ({}, {"Origin": "http://evil.example"}, False),
    ],
)
async def test_who_may_call(settings: Any, headers: Any, let_in: bool) -> None:
    async with bench(**settings) as desk:
        answer = await desk.post("3.1.2", payment(), **headers)
        assert (str(answer["code"]) == "50001") is not let_in
        assert (desk.count("3.1.2") == 1) is let_in


async def test_names_of_the_site_stand_beside_the_documents() -> None:
    async with bench(names={"5.1.1": "his.createOrder"}, base="/api/v1") as desk:
        body = dumps(wire("5.1.1", samples.request(INTERFACES["5.1.1"], full=True))).encode()
        for name in ("his.createOrder", "HIS.CREATEORDER", "hospital.interface.insuranceCreateOrder"):
            response = await desk.client.post(f"/api/v1/{name}", content=body)
            assert response.json()["success"], response.json()
        assert desk.count("5.1.1") == 1


async def test_no_log_line_holds_a_persons_data() -> None:
    identity = people.identity_number(9)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(20))
    with structlog.testing.capture_logs() as lines:
        async with bench(wait=0.2) as desk:
            desk.his("3.1.2", b"?")
            await desk.post("3.1.2", payment(medicalCardNumber=identity, idCard=identity))
            await desk.post("3.1.2", payment(medicalCardNumber=identity, idCard=identity, amount="1"))
            desk.refuses("3.1.1", "60506", f"卡{identity}不存在")
            answer = await desk.post("3.1.1", {"medicalCardNumber": identity})
            assert identity not in answer["msg"]
    ours = [each for each in lines if str(each["event"]).startswith("platform")]
    assert len(ours) >= 3
    assert identity not in repr(lines)
    assert "ZJZF20260301001" not in repr(ours)


async def test_a_bug_of_ours_keeps_the_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: Any) -> Any:
        raise RuntimeError("secret 4711")

    monkeypatch.setattr("service.platform.endpoint.act", fails)
    async with bench() as desk:
        answer = await desk.post("3.1.2", payment())
        assert answer["code"] == "10003"
        assert "4711" not in answer["msg"]


# -- settings and the table
def test_beyond_loopback_it_needs_a_guard() -> None:
    with pytest.raises(BadInput, match="PLATFORM_TOKEN"):
        check_platform(Settings(platform_port=8330, platform_host="0.0.0.0"))
    check_platform(Settings(platform_port=8330, platform_host="0.0.0.0", platform_allow=["10.1.2.3/32"]))
    check_platform(Settings(platform_port=0, platform_host="0.0.0.0"))


@pytest.mark.parametrize("names", [{"9.9.9": "x"}, {"5.1.1": "hospital.interface.clinicPayment"}, {"13.2.1": "x"}])
def test_wrong_names_are_refused(names: dict[str, str]) -> None:
    with pytest.raises(UnknownOperation):
        Methods.of(names)
    with pytest.raises(BadInput, match=r"interface"):
        check_platform(Settings(platform_port=8330, platform_names=names))


def test_wrong_settings_are_refused() -> None:
    for wrong in ({"platform_allow": ["x"]}, {"platform_base": "a/b"}, {"platform_base": "/x/"}, {"platform_wait": -1}):
        with pytest.raises(ValidationError):
            Settings(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "{nothing}"},
        {"key": ""},
        {"trigger": "x"},
        {"act": "trigger"},
        {"unknown": "60204"},
        {"order": "nothing"},
        {"surprise": 1},
    ],
)
def test_a_wrong_table_is_refused(wrong: dict[str, Any]) -> None:
    raw = table().model_dump()
    raw["interfaces"]["3.1.2"] |= wrong
    with pytest.raises(ValidationError):
        Table.model_validate(raw)


def test_the_table_needs_every_transaction() -> None:
    raw = table().model_dump()
    del raw["interfaces"]["3.1.2"]
    with pytest.raises(ValidationError, match=r"3\.1\.2"):
        Table.model_validate(raw)


async def test_too_much_work_is_turned_away_before_anything_is_read() -> None:
    async with bench() as desk:
        desk.store.figures.waiting = 5_000  # commits that wait for the disk
        answer = await desk.post("3.1.2", payment())
        assert answer["code"] == "40001" and not desk.heard
        name = HOSPITAL_METHODS["3.1.2"].name
        assert (await desk.client.post(f"/hospital/{name}", content=b"{}")).headers["retry-after"].isdecimal()
        assert not await desk.store.visits(VisitFilter())
        desk.store.figures.waiting = 0
        assert (await desk.post("3.1.2", payment()))["success"]
