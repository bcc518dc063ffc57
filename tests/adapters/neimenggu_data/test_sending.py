"""What is sent: strict, named by member and never by value (G10)."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from adapters.neimenggu.contracts import STRICT, Strictness, check_request, contracts
from adapters.neimenggu.contracts.tables import Shape
from adapters.neimenggu.interfaces import INTERFACES
from engine.outcomes import Category, Refused
from tests.adapters.neimenggu_data.samples import FILE, OFF_CATALOGUE, REQUESTS, STAY, kc21, line, offsite_line, order


def wire(operation: str, request: dict[str, Any], **how: Any) -> dict[str, Any]:
    found = check_request(INTERFACES[operation], request, **how)
    assert isinstance(found, dict), found
    return found


def refused(operation: str, request: dict[str, Any], **how: Any) -> str:
    found = check_request(INTERFACES[operation], request, **how)
    assert isinstance(found, Refused), found
    assert (found.code, found.category) == ("contract", Category.DATA)
    return found.message


def upload(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"akc190": STAY, "med": list(lines)} | more


def texts(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(texts, value.values()))
    return all(map(texts, value)) if isinstance(value, list) else isinstance(value, str)


@pytest.mark.parametrize("operation", INTERFACES)
def test_a_sound_request_of_every_interface_goes_out_as_text(operation: str) -> None:
    before = copy.deepcopy(REQUESTS[operation])
    assert texts(wire(operation, REQUESTS[operation]))
    assert REQUESTS[operation] == before


def test_wrappers_are_restored_and_amounts_are_plain() -> None:
    sent = wire("upload_lines", upload(line(alc407=Decimal("2.1E+1"), alc406=Decimal("2.00000")), advice=[order()]))
    assert set(sent) == {"akc190", "advices", "meds"}
    (first,) = sent["meds"]["med"]
    assert (first["alc405"], first["alc406"], first["alc407"]) == ("10.5", "2.0000", "21")
    assert sent["advices"]["advice"][0]["aae080"] == "YZ1"
    assert wire("leave", REQUESTS["leave"])["km12s"]["km12"][0]["body"] == FILE
    assert wire("register_offsite", REQUESTS["register_offsite"])["bs003WS"]["aka130"] == "72"


def demanded(shape: Shape, request: dict[str, Any], path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all members of ``request`` that are always demanded."""
    found: list[tuple[Any, ...]] = []
    for member in shape.members:
        here = (*path, member.name)
        if member.always:
            found.append(here)
        if member.shape and member.name in request:
            value = request[member.name]
            for step, row in enumerate(value) if isinstance(value, list) else [(None, value)]:
                found += demanded(member.shape, row, here if step is None else (*here, step))
    return found


def changed(request: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(request)
    inner: Any = copied
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return copied


@pytest.mark.parametrize("operation", INTERFACES)
def test_every_demanded_member_is_missed_by_name(operation: str) -> None:
    request = REQUESTS[operation]
    for path in demanded(contracts()[operation].request, request):
        for nothing in (None, "", "  "):
            message = refused(operation, changed(request, path, nothing))
            assert f"{'.'.join(map(str, path))} " in message
            assert "is missing" in message


@pytest.mark.parametrize("operation", INTERFACES)
def test_an_unknown_member_is_refused_by_name(operation: str) -> None:
    assert "sessionid is not a member" in refused(operation, REQUESTS[operation] | {"sessionid": "8280"})


FORBIDDEN: list[tuple[dict[str, Any], str]] = [
    ({"alc407": Decimal(0)}, "med.0.alc407 (总金额) is zero"),
    ({"alc407": "0.0000"}, "med.0.alc407 (总金额) is zero"),
    ({"alc407": "-0"}, "med.0.alc407 (总金额) is zero"),
    ({"alc406": Decimal(0)}, "med.0.alc406 (数量) is zero"),
    ({"alc407": Decimal(-21)}, "med.0.alc407 (总金额) has another sign than alc406"),
    ({"alc406": Decimal(-2)}, "med.0.alc407 (总金额) has another sign than alc406"),
    ({"alc402": "X" * 31}, "med.0.alc402 (收费项目编码) is longer than 30 characters"),
    ({"alc405": Decimal("10.50001")}, "med.0.alc405 (单价) has more than 4 decimals"),
    ({"alc405": Decimal(1234567)}, "med.0.alc405 (单价) has more than 6 digits before the point"),
    ({"alc405": 10.5}, "med.0.alc405 (单价) is no decimal number"),
    ({"alc405": Decimal("NaN")}, "med.0.alc405 (单价) is no decimal number"),
    ({"alc405": Decimal("1E+999999")}, "med.0.alc405 (单价) is no decimal number"),
    ({"alc405": True}, "med.0.alc405 (单价) is no decimal number"),
    ({"alc405": "1e999"}, "med.0.alc405 (单价) is no decimal number"),
    ({"alc405": "٣"}, "med.0.alc405 (单价) is no decimal number"),
    ({"alc401": "2026-02-30"}, "med.0.alc401 (处方日期) is no date yyyy-mm-dd"),
    ({"alc401": "20260302"}, "med.0.alc401 (处方日期) is no date yyyy-mm-dd"),
    ({"alc401": "2026-W10-1"}, "med.0.alc401 (处方日期) is no date yyyy-mm-dd"),
    ({"alc400": "1" * 21}, "med.0.alc400 (处方号) is longer than 20 characters"),
    ({"alc400": ["1"]}, "med.0.alc400 (处方号) is no text"),
    ({"akc229": "1.5"}, "med.0.akc229 (处方执行天数) is no whole number"),
    ({"akc229": -1}, "med.0.akc229 (处方执行天数) is no whole number"),
    ({"aka063": "01"}, "med.0.aka063 (收费类别) is not in table AKA063"),
    ({"alc404": "2"}, "med.0.alc404 (种类) is not in table ALC404"),
    ({"noinjury": "2"}, "med.0.noinjury (非工伤治疗标识) is not in table NOINJURY"),
    ({"akc999": "1，2"}, "med.0.akc999 (药品追溯码（英文逗号分隔）) is no list with commas (,) in between"),
    ({"akc999": "1,,2"}, "med.0.akc999 (药品追溯码（英文逗号分隔）) is no list with commas (,) in between"),
    ({"alc403": "换\ud800"}, "med.0.alc403 (收费项目名称) is no text"),
    ({"vmed": ""}, "med.0.vmed (版本号) is missing (in the catalogue)"),
    ({"alc404": "0"}, "med.0.zka100 (规格) is missing (drugs)"),
    ({"alc404": "0", "zka100": "10mg"}, "med.0.akc999"),
    ({"spreason": "1"}, "med.0.spreason (特殊伤情抢救标识) has to be 0 (not self-paid)"),
    ({"spreason": "1", "aka065": "1"}, "med.0.spreason"),
    ({"alc402": "SZFCL999"}, "med.0.aka063 (收费类别) is missing (outside the catalogue)"),
    ({"alc402": "SZFYP999"} | OFF_CATALOGUE | {"aka065": "2"}, "med.0.aka065 (收费项目等级) has to be 3"),
    ({"alc402": "SZFYP999"} | OFF_CATALOGUE | {"aka070": ""}, "med.0.aka070 (剂型) is missing"),
    ({"alc402": "SZFYP999"} | OFF_CATALOGUE | {"noinjury": "1"}, "med.0.noinjury (非工伤治疗标识) has to be 0"),
    ({"alc402": "SZFYP999"} | OFF_CATALOGUE | {"akc999": ""}, "med.0.akc999"),
]

#: 4.24 has the same lines under other names; it knows drugs by ala012, and has another precision of prices.
OFFSITE_NAMES = {"alc402": "ala002", "alc403": "ala020", "alc406": "akc226"}
FORBIDDEN_OFFSITE = [each for each in FORBIDDEN if not each[0].keys() & {"alc404", "alc405"}]


@pytest.mark.parametrize(("change", "message"), FORBIDDEN)
def test_a_line_that_the_document_forbids(change: dict[str, Any], message: str) -> None:
    assert message in refused("upload_lines", upload(line(**change)))


@pytest.mark.parametrize(("change", "message"), FORBIDDEN_OFFSITE)
def test_the_same_offsite(change: dict[str, Any], message: str) -> None:
    renamed = {OFFSITE_NAMES.get(name, name): value for name, value in change.items()}
    for old, new in {"med.": "bs004.", **OFFSITE_NAMES}.items():
        message = message.replace(old, new)
    assert message in refused("upload_offsite_lines", {"akc190": STAY, "bs004": [offsite_line(**renamed)]})


@pytest.mark.parametrize(
    "change",
    [
        {"alc406": Decimal(-2), "alc407": Decimal(-21)},
        {"noinjury": "1"},
        {"spreason": "1", "aka065": "3"},
        {"alc402": "SZFYP999", "vmed": None, "spreason": "1"} | OFF_CATALOGUE,
        {"alc402": "SZFZL999", "vmed": None} | {key: OFF_CATALOGUE[key] for key in ("aka065", "aka070")}
        | {"aka063": "22"},
        {"alc404": "0", "zka100": "10mg", "akc999": "1,2"},
        {"akc230": "", "bzmsg": None},
        {"alc402": "X" * 27},
    ],
)  # fmt: skip
def test_a_line_that_the_document_allows(change: dict[str, Any]) -> None:
    assert isinstance(check_request(INTERFACES["upload_lines"], upload(line(**change))), dict)


def test_offsite_prices_have_six_decimals_and_drugs_are_known_by_their_catalogue() -> None:
    sent = wire("upload_offsite_lines", {"akc190": STAY, "bs004": [offsite_line(akc225="1.234567")]})
    assert sent["bs004s"]["bs004"][0]["akc225"] == "1.234567"
    told = refused("upload_offsite_lines", {"akc190": STAY, "bs004": [offsite_line(ala012="02")]})
    assert "bs004.0.zka100 (规格) is missing (drugs)" in told
    assert "bs004.0.akc225" in refused(
        "upload_offsite_lines", {"akc190": STAY, "bs004": [offsite_line(akc225="1.2345678")]}
    )


def test_a_line_belongs_to_an_order_beside_it_or_uploaded_earlier() -> None:
    request = upload(line(aae080="YZ1"), line(aae080="YZ2"), line(), advice=[order()])
    wire("upload_lines", request)  # nothing is known of earlier orders: the centre looks
    wire("upload_lines", request, orders={"YZ2"})
    message = refused("upload_lines", request, orders=set())
    assert "med.1.aae080" in message
    assert "med.0" not in message


def test_lines_or_orders_have_to_be_there() -> None:
    assert "at least one of advice, med" in refused("upload_lines", {"akc190": STAY, "med": [], "advice": None})
    assert set(wire("upload_lines", {"akc190": STAY, "advice": [order()]})) == {"akc190", "advices"}


@pytest.mark.parametrize("mark", ["alca02", "aae073"])
def test_certificate_and_application_are_for_old_injuries_only(mark: str) -> None:
    old = {"isnewinjure": "0", "kc21": kc21(**{mark: ""})}
    assert f"kc21.{mark} " in refused("register", old)
    assert "is missing (old injury)" in refused("register", old)
    new = {"isnewinjure": "1", "kc21": kc21(alca02="", aae073="")}
    wire("register", new)
    assert f"kc21.{mark} " in refused("register", {"isnewinjure": "1", "kc21": kc21()})
    assert "has to stay away (new injury)" in refused("register", {"isnewinjure": "1", "kc21": kc21()})


@pytest.mark.parametrize("mark", ["akc199", "alk024"])
def test_ward_and_bed_are_for_inpatients(mark: str) -> None:
    wire("register", {"isnewinjure": "0", "kc21": kc21(aka130="11", **{mark: ""})})
    assert f"kc21.{mark} " in refused("register", {"isnewinjure": "0", "kc21": kc21(**{mark: ""})})


def test_codes_differ_between_local_and_offsite() -> None:
    assert "kc21.aka130" in refused("register", {"isnewinjure": "0", "kc21": kc21(aka130="72")})
    assert "bs003WS.aka130" in refused(
        "register_offsite", changed(REQUESTS["register_offsite"], ("bs003WS", "aka130"), "21")
    )


def test_an_invoice_has_number_amount_and_file_and_is_a_pdf() -> None:
    for member in ("body", "invoiceNo", "invoiceMoney"):
        assert f"km12.0.{member} " in refused("leave", changed(REQUESTS["leave"], ("km12", 0, member), None))
    assert "km12.0.invoiceType (发票类型) has to be pdf" in refused(
        "leave", changed(REQUESTS["leave"], ("km12", 0, "invoiceType"), "png")
    )
    assert "km12.0.body (发票文件) is not the id of a file" in refused(
        "leave", changed(REQUESTS["leave"], ("km12", 0, "body"), "JVBERi0=")
    )
    wire("send_material", REQUESTS["send_material"] | {"invoiceType": "gif", "filetype": "02"})
    assert "invoiceType" in refused("send_material", REQUESTS["send_material"] | {"invoiceType": "PDF"})


def test_a_discharge_needs_a_record_unless_the_site_says_otherwise() -> None:
    bare = {name: value for name, value in REQUESTS["leave"].items() if name != "km02"}
    assert "at least one of km02, km03, km05" in refused("leave", bare)
    wire("leave", bare, strictness=Strictness(record=False))


def test_switches_of_a_site() -> None:
    request = upload(line(alc404="0", zka100="片" * 20))
    assert "akc999" in refused("upload_lines", request)
    wire("upload_lines", request, strictness=Strictness(traceability=False))
    told = refused("upload_lines", request, strictness=Strictness(lengths="bytes", traceability=False))
    assert told.endswith("med.0.zka100 (规格) is longer than 50 bytes")
    assert Strictness() == STRICT


@pytest.mark.parametrize("wrong", ["x", 1, {"aae080": "1"}, [None], ["x"], [[]]])
def test_what_is_no_list_of_objects(wrong: Any) -> None:
    assert "med" in refused("upload_lines", {"akc190": STAY, "med": wrong})


def test_many_problems_are_counted_not_listed() -> None:
    message = refused("upload_lines", upload(*(line(alc407=0) for _ in range(100))))
    assert message.endswith("and 92 more")
    assert len(message) < 600


@given(some.sampled_from(sorted(REQUESTS)), some.data())
def test_a_refusal_shows_no_value(operation: str, data: some.DataObject) -> None:
    """Whatever stands in whatever member: a dict or a refusal, never an exception, never the value (G10)."""
    secret = "秘密320199198001010019"
    request = copy.deepcopy(REQUESTS[operation])
    inner: Any = request
    while isinstance(inner, dict | list) and inner:
        step = data.draw(some.sampled_from(list(inner) if isinstance(inner, dict) else list(range(len(inner)))))
        junk = secret * 300, [secret], {"aae080": secret}, 1e300, 10**99, Decimal("Infinity"), b"", object()
        if not isinstance(inner[step], dict | list) or data.draw(some.booleans()):
            inner[step] = data.draw(some.sampled_from(junk))
            break
        inner = inner[step]
    found = check_request(INTERFACES[operation], request)
    if isinstance(found, Refused):
        assert "320199" not in found.message
