"""Each step of Inner Mongolia by itself: what is sent, what a reply brings, what disagrees, what a refusal means."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.neimenggu.contracts import STRICT, check_request
from adapters.neimenggu.interfaces import INTERFACES, OPERATIONS
from engine.outcomes import Category, InDoubt
from engine.steps import Progress, View
from steps.neimenggu import CONDITIONS, MODELS, STEPS
from steps.neimenggu.fees import PartlySaved
from tests.steps.neimenggu.peer import match
from tests.steps.neimenggu.views import (
    FILE,
    FILING,
    INJURY,
    INVOICE,
    KEY,
    LEAVING,
    NAME,
    NEW_INJURY,
    OPENING,
    ORDER,
    PAID,
    PERSON,
    RECORD,
    TREATMENT,
    after,
    fee,
    in_doubt,
    kept,
    matched,
    refusal,
    step,
    uploaded,
    view,
)

D = Decimal
SHEET: dict[str, Any] = {
    "akc190": KEY,
    "aac002": PERSON,
    "alc407sum": D("100.00"),
    "alc408sum": D("10.00"),
    "jjin": D("90.00"),
    "akc667": "0",
    "kc22dto": [{"alc403": "x", "alc408": D("10.00")}],
}


def told(progress: Progress) -> list[str]:
    return [f"{each.what}: {each.expected} / {each.actual}" for each in progress.disagreements]


# -- every step at once
@pytest.mark.parametrize("name", STEPS)
def test_every_step_names_an_operation_that_there_is(name: str) -> None:
    found = step(name)
    assert found.name == f"neimenggu.{name}"
    assert found.operation in ({"match"} if found.role == "catalogue" else OPERATIONS)


def requests() -> list[tuple[str, View]]:
    local = uploaded(**LEAVING | PAID, injury=INJURY, application="A1", treatments=[TREATMENT], material=INVOICE)
    waiting = view(fees=matched(fee("L1"), fee("L2", order="YZ1")), orders={"YZ1": ORDER})
    card = view(card={"card_number": "C1", "card_identifier": "I1"}, qr_code="Q" * 22)
    seen = view("OffsiteVisit", fees=matched(fee("L1", price="50.000000")), filings=[FILING])
    leaving = view("OffsiteVisit", **LEAVING | PAID)
    found = [(name, local) for name in STEPS if name not in ("match_lines", "begin_upload")]
    special = {
        "check_card": card,
        "check_qr_code": card,
        "read_offsite_card": card,
        "read_offsite_qr_code": card,
        "upload_lines": waiting,
        "find_offsite_filings": seen,
        "register_offsite": seen,
        "upload_offsite_lines": seen,
        "discharge_offsite": leaving,
        "cancel_offsite_registration": leaving,
    }
    return [(name, special.get(name, known)) for name, known in found]


@pytest.mark.parametrize(("name", "seen"), requests(), ids=[name for name, _ in requests()])
def test_what_is_sent_fits_the_contract(name: str, seen: View) -> None:
    found = step(name)
    fitting = check_request(INTERFACES[found.operation], found.request(seen), STRICT)
    assert isinstance(fitting, dict), fitting


# -- cards
def test_a_card_is_valid_by_its_result_not_by_its_code() -> None:
    seen = view(card={"card_number": "C1", "card_identifier": "I1"})
    assert step("check_card").fold(seen, {"result": "1"}).disagreements == ()
    bad = step("check_card").fold(seen, {"result": "0", "errmsg": "卡已注销"})
    assert bad.data["card_valid"] is False
    assert "invalid" in told(bad)[0]


@pytest.mark.parametrize(("name", "member"), [("check_qr_code", "aac002"), ("read_offsite_card", "aac147")])
def test_a_card_of_somebody_else_or_out_of_order_disagrees(name: str, member: str) -> None:
    seen = view(card={"card_number": "C1", "card_identifier": "I1"}, qr_code="Q" * 22)
    assert step(name).fold(seen, {member: PERSON, "aaz502": "1"}).disagreements == ()
    other = step(name).fold(seen, {member: "1" * 18, "aaz502": "1"})
    assert PERSON not in str(other)
    assert "1" * 18 not in str(other)
    assert len(other.disagreements) == 1
    assert "注销" in told(step(name).fold(seen, {member: PERSON, "aaz502": "9"}))[0]


def test_an_offsite_qr_code_brings_the_card_number() -> None:
    seen = view("OffsiteVisit", card_number=None, qr_code="Q" * 22)
    assert step("read_offsite_qr_code").fold(seen, {"aac147": PERSON, "aaz500": "C9"}).data["card_number"] == "C9"
    assert "card number" in told(step("read_offsite_qr_code").fold(seen, {"aac147": PERSON}))[0]


# -- choosing
def test_lists_keep_what_people_choose_by_and_no_names() -> None:
    row = INJURY | {"aac003": NAME, "aac002": PERSON, "aaea06": "长" * 2000}
    found = step("find_injuries").fold(view(), {"counts": 1, "lc01": [row]}).data["injuries"][0]
    assert found["alca02"] == "GS-7"
    assert len(found["aaea06"]) == 300
    assert NAME not in str(found)
    assert PERSON not in str(found)


@pytest.mark.parametrize(("name", "code"), [("find_treatments", "190002"), ("find_offsite_filings", "300004")])
def test_not_found_is_an_empty_list(name: str, code: str) -> None:
    assert step(name).refused(view(), refusal(code, Category.NOT_FOUND)).data == {step(name).keeps: []}
    assert step(name).refused(view(), refusal("1", Category.DATA)) is None


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"akc175": "0"}, False),
        ({"akc175": "2"}, False),
        ({"akc173": "2026-03-02"}, False),
        ({"akc173": "2026-03-01", "aae031": "2026-03-01"}, True),
        ({"aae031": "2026-02-28"}, False),
        ({"aae031": ""}, True),
        ({"alca02": "GS-8"}, False),
        ({"aae073": "A2"}, False),
    ],
)
def test_an_application_has_to_be_approved_and_to_cover_the_admission(change: dict[str, str], fits: bool) -> None:
    seen = view(application="A1", treatments=[TREATMENT | change])
    assert CONDITIONS["may_register"](seen) is fits


@pytest.mark.parametrize(
    ("change", "fits"),
    [({}, True), ({"aae016": "0"}, False), ({"aae100": "0"}, False), ({"aae031": "20260228"}, False)],
)
def test_a_filing_has_to_be_approved_and_valid_on_the_day(change: dict[str, str], fits: bool) -> None:
    assert CONDITIONS["has_filing"](view("OffsiteVisit", filings=[FILING | change])) is fits


def test_only_the_only_injury_is_chosen_by_itself() -> None:
    two = [INJURY, NEW_INJURY]
    assert CONDITIONS["is_old_injury"](view())
    assert not CONDITIONS["is_old_injury"](view(injuries=two))
    assert CONDITIONS["is_old_injury"](view(injuries=two, certificate="GS-7"))
    assert CONDITIONS["is_new_injury"](view(injuries=two, new_injury=True))
    assert not CONDITIONS["is_new_injury"](view(injuries=[NEW_INJURY, NEW_INJURY | {"aab001": "E8"}], new_injury=True))
    other = [NEW_INJURY, NEW_INJURY | {"aab001": "E8"}]
    assert CONDITIONS["is_new_injury"](view(injuries=other, new_injury=True, employer="E8"))


@pytest.mark.parametrize(
    ("settings", "reports", "register", "left_out"),
    [
        ({"new_injuries": "yes", "filing": "optional"}, [], True, False),
        ({"new_injuries": "yes", "filing": "required"}, [], False, False),
        ({"new_injuries": "yes", "filing": "required"}, [{"clc004": "40"}], True, False),
        ({"new_injuries": "when_asked"}, [], False, False),
        ({"new_injuries": "no"}, [], False, True),
        ({"new_injuries": "no", "new_injuries_by_agency": "150500=yes"}, [], True, False),
        ({"new_injuries": "yes", "new_injuries_by_agency": "150500=no, 150600=yes"}, [], False, True),
    ],
)
def test_what_agencies_want_of_new_injuries(
    settings: dict[str, str], reports: list[Any], register: bool, left_out: bool
) -> None:
    seen = view(settings=settings, injuries=[NEW_INJURY | {"aab301": "150581"}], reports=reports)
    assert CONDITIONS["may_register"](seen) is register
    assert CONDITIONS["is_left_out"](seen) is left_out
    asked = view(settings=settings, injuries=[NEW_INJURY], reports=reports, asked_for_by="社保")
    assert CONDITIONS["may_register"](asked)
    assert not CONDITIONS["is_left_out"](asked)


# -- registration
def test_an_old_and_a_new_injury_register_differently() -> None:
    old = step("register").request(view(application="A1", treatments=[TREATMENT]))
    assert (old["isnewinjure"], old["kc21"]["alca02"], old["kc21"]["aae073"]) == ("0", "GS-7", "A1")
    new = step("register").request(view(injuries=[NEW_INJURY]))
    assert new["isnewinjure"] == "1"
    assert not {"alca02", "aae073"} & set(new["kc21"])
    assert new["kc21"]["aab001"] == "E7"


@pytest.mark.parametrize(
    ("name", "code", "model"), [("register", "51014", "InpatientVisit"), ("register_offsite", "310020", "OffsiteVisit")]
)
def test_registered_already_is_looked_into_only_after_a_lost_answer(name: str, code: str, model: str) -> None:
    seen = view(model, filings=[FILING] if model == "OffsiteVisit" else None)
    again = refusal(code, Category.ALREADY_DONE)
    assert step(name).refused(seen, again) is None
    assert isinstance(step(name).refused(in_doubt(step(name), seen, lost=True), again), InDoubt)
    assert step(name).refused(in_doubt(step(name), seen, lost=True), refusal("51015", Category.DATA)) is None


# -- fees
def test_a_line_is_sent_as_it_is_matched() -> None:
    line = fee("L1", trace_codes=["T1", "T2"], not_injury=True, order="YZ1")
    (sent,) = step("upload_lines").request(view(fees=matched(line), orders={"YZ1": ORDER}))["med"]
    assert (sent["alc402"], sent["alc403"], sent["vmed"], sent["aka063"]) == ("XH1", "目录H1", "2026.1", "30")
    assert (sent["akc999"], sent["noinjury"], sent["spreason"], sent["akc229"]) == ("T1,T2", "1", "0", "1")
    assert (sent["alc405"], sent["alc406"], sent["alc407"]) == (D("50.00"), D("1"), D("50.00"))


@pytest.mark.parametrize(
    ("kind", "code", "local", "offsite"),
    [("drug", "SZFYP999", "0", "02"), ("treatment", "SZFZL999", "1", "01"), ("material", "SZFCL999", "9", "9")],
)
def test_what_is_in_no_catalogue_goes_by_its_own_name(kind: str, code: str, local: str, offsite: str) -> None:
    more = {"off_catalogue": kind, "fee_category": "30", "dosage_form": "片", "specification": "10mg"}
    line = fee("L1", **more, trace_codes=["T1"])
    (sent,) = step("upload_lines").request(view(fees={"L1": line}))["med"]
    assert (sent["alc402"], sent["alc403"], sent["aka065"], sent["alc404"]) == (code, "测试项目", "3", local)
    assert "vmed" not in sent
    (there,) = step("upload_offsite_lines").request(view("OffsiteVisit", fees={"L1": line}))["bs004"]
    assert (there["ala002"], there["ala012"]) == (code, offsite)


def test_orders_go_with_the_first_line_that_names_them_and_again_when_they_change() -> None:
    lines = matched(
        fee("L1", order="YZ1"), fee("L2", prescribed_on="2026-03-03"), fee("L3", prescribed_on="2026-03-04")
    )
    seen = view(settings={"batch_size": 1}, fees=lines, orders={"YZ1": ORDER, "YZ2": ORDER | {"order": "YZ2"}})
    assert [each["aae080"] for each in step("upload_lines").request(seen)["advice"]] == ["YZ1"]
    seen = after(seen, step("upload_lines").fold(seen, {"counts": 2}).data)
    assert step("upload_lines").request(seen)["advice"] == []
    seen = after(seen, {"orders": {"YZ1": {"words": "口服"}}})
    assert [each["alk009"] for each in step("upload_lines").request(seen)["advice"]] == ["口服"]


def test_charges_and_refunds_never_share_a_batch() -> None:
    """Together they could come to nothing, and a lost answer could not be told from a lost request."""
    upload = step("upload_lines")
    seen = view(fees=matched(fee("L1")))
    seen = after(seen, upload.fold(seen, {"counts": 1}).data)
    seen = after(seen, {"fees": matched(fee("L2"), fee("R1", "-50.00", refund_of="L1"))})
    assert [each["alc407"] for each in upload.request(seen)["med"]] == [D("50.00")]
    seen = after(seen, upload.fold(seen, {"counts": 1}).data)
    assert [each["alc407"] for each in upload.request(seen)["med"]] == [D("-50.00")]


@pytest.mark.parametrize(("saved", "fits"), [(2, True), (3, True), (1, False), (0, False), (4, False)])
def test_orders_may_or_may_not_be_counted_but_no_line_may_be_missing(saved: int, fits: bool) -> None:
    seen = view(fees=matched(fee("L1"), fee("L2", order="YZ1")), orders={"YZ1": ORDER})
    if fits:
        assert step("upload_lines").fold(seen, {"counts": saved}).data["uploaded_total"] == D("100.00")
    else:
        with pytest.raises(PartlySaved):
            step("upload_lines").fold(seen, {"counts": saved})


def test_the_timer_begins_an_upload_and_a_hand_over_does_not() -> None:
    seen = view(fees={"L1": fee("L1")})
    reply = {"version": "2026.1", "items": {"H1": match("H1")}}
    handed, timed = (after(seen, step(name).fold(seen, reply).data) for name in ("match_lines", "begin_upload"))
    assert not CONDITIONS["upload_is_due"](handed)
    assert CONDITIONS["upload_is_due"](timed)
    assert timed.data["fees"]["L1"]["match"] == kept("H1")
    nothing = step("begin_upload").fold(seen, {"version": "2026.1", "items": {}})
    assert nothing.data["uploading"] is None
    assert CONDITIONS["upload_is_due"](View(**{**_fields(handed), "settings": {"upload_at_once": True}}))


def _fields(seen: View) -> dict[str, Any]:
    return {name: getattr(seen, name) for name in View.__dataclass_fields__}


def test_a_match_is_written_down_only_where_it_changes_something() -> None:
    seen = view(fees=matched(fee("L1")) | {"L2": fee("L2", hospital_code="H2")})
    reply = {"version": "2026.1", "items": {"H1": match("H1")}}
    assert "fees" not in step("match_lines").fold(seen, reply).data
    gone = after(seen, step("match_lines").fold(seen, {"version": "2026.2", "items": {}}).data)
    assert "match" not in gone.data["fees"]["L1"]
    assert step("match_lines").request(uploaded())["items"] == []


@pytest.mark.parametrize("category", [Category.ORDER, Category.BUSINESS, Category.NOT_FOUND])
def test_a_refusal_of_the_visit_is_not_blamed_on_lines(category: Category) -> None:
    seen = view(fees=matched(fee("L1")))
    assert step("upload_lines").refused(seen, refusal("81005", category)) is None
    assert step("upload_lines").refused(seen, refusal("81006", Category.DATA)) is None
    assert step("upload_lines").refused(seen, refusal("81023", Category.DATA)) is not None


def test_the_drug_share_is_held_against_the_site() -> None:
    reply = {"alc407sum": D("200.00"), "alc407med": D("90.00"), "alc407per": "45.00%"}
    for limit, exceeds in ((0, False), (45, False), (44, True)):
        found = step("look_at_drug_share").fold(view(settings={"drug_share_limit": limit}, batches=3), reply)
        assert found.data["drug_share"]["exceeds"] is exceeds
        assert found.data["drug_share"]["batches"] == 3
    assert step("look_at_drug_share").refused(view(), refusal("240002", Category.NOT_FOUND)).data
    assert not CONDITIONS["drug_share_is_due"](view(batches=1))
    rehabilitation = view(treatment_kind="4", batches=1)
    assert CONDITIONS["drug_share_is_due"](rehabilitation)
    assert not CONDITIONS["drug_share_is_due"](view(treatment_kind="4", batches=1, drug_share={"batches": 1}))


# -- money
def test_an_approval_agrees_with_the_ledger_in_total_and_by_category() -> None:
    good = {"alc407": D("100"), "collection": [{"aka063": "30", "alc407": D("100")}]}
    assert told(step("approve_fees").fold(uploaded(), good)) == []
    bad = {"alc407": D("100"), "collection": [{"aka063": "31", "alc407": D("99.99")}]}
    assert told(step("approve_fees").fold(uploaded(), bad)) == [
        "sum of the categories of 4.12 = its total: 100 / 99.99",
        "category 30 of 4.12: 100.00 / 0",
        "category 31 of 4.12: 0 / 99.99",
    ]
    assert told(step("approve_fees").told(uploaded(), {"approved_total": "99.00"}))
    assert step("approve_fees").request(uploaded())["aaca07"] == KEY


def test_a_sheet_agrees_with_the_ledger_and_with_itself() -> None:
    assert told(step("fetch_sheet").fold(uploaded(), {"kc21dto": SHEET})) == []
    wrong = SHEET | {"jjin": D("91.00"), "kc22dto": [{"alc408": D("9.00")}], "aac002": "1" * 18, "akc190": "other"}
    found = told(step("fetch_sheet").fold(uploaded(), {"kc21dto": wrong}))
    assert len(found) == 4
    assert "1" * 18 not in str(found)
    assert told(step("fetch_sheet").fold(uploaded(), {"kc21dto": SHEET | {"alc407sum": D("99.99")}}))


def test_a_later_sheet_takes_the_place_of_the_one_before_and_a_reviewed_one_is_final() -> None:
    seen = uploaded(sheet={"akc194": "2026-03-20", "alc407sum": "1"})
    seen = after(seen, step("fetch_sheet").fold(seen, {"kc21dto": SHEET}).data)
    assert "akc194" not in seen.data["sheet"]
    assert not CONDITIONS["is_reviewed"](seen)
    seen = after(seen, step("fetch_sheet").fold(seen, {"kc21dto": SHEET | {"akc667": "1"}}).data)
    assert CONDITIONS["is_reviewed"](seen)
    assert seen.data["final"] == {"total": "100.00", "fund": "90.00", "self_paid": "10.00"}


def test_amounts_with_four_decimals_agree_to_the_cent() -> None:
    seen = view(fees=matched(fee("L1", "0.3333", price="0.1111", quantity="3")))
    seen = after(seen, step("upload_lines").fold(seen, {"counts": 1}).data)
    reply = {"alc407": D("0.33"), "collection": [{"aka063": "30", "alc407": D("0.33")}]}
    assert told(step("approve_fees").fold(seen, reply)) == []


# -- leaving
def test_a_discharge_local_and_offsite_with_the_same_data() -> None:
    local = step("discharge").request(uploaded(**LEAVING | PAID))
    assert (local["akc194"], local["akc195"], local["akc196"], local["ints"]) == ("2026-03-20", "9", "S82.201", "19")
    assert local["km02"] == RECORD["km02"]
    assert local["km12"] == [{"body": FILE, "invoiceType": "pdf", "invoiceNo": "FP1", "invoiceMoney": "100.00"}]
    there = step("discharge_offsite").request(view("OffsiteVisit", **LEAVING | PAID))
    assert (there["aae031"], there["akc194"], there["akc195"], there["akc202"]) == (
        "2026-03-20",
        "S82.201",
        "胫骨骨折术后",
        "9",
    )
    assert there["bskm12"] == [{"body": FILE, "invoiceNo": "FP1", "invoiceMoney": "100.00", "filetype": "01"}]
    assert step("discharge").request(uploaded(**LEAVING | {"stay_days": 20}))["ints"] == "20"


def test_discharged_already_is_looked_into_only_after_a_lost_answer() -> None:
    seen, again = uploaded(**LEAVING), refusal("110010", Category.ALREADY_DONE)
    assert step("discharge").refused(seen, again) is None
    assert isinstance(step("discharge").refused(in_doubt(step("discharge"), seen, lost=True), again), InDoubt)


def test_a_refused_material_is_done_only_as_a_repetition() -> None:
    seen, again = uploaded(material=INVOICE), refusal("1004", Category.BUSINESS)
    assert step("send_material").refused(seen, again) is None
    repeated = step("send_material").refused(in_doubt(step("send_material"), seen), again)
    assert repeated.data["sent_material"]["FP1"]["file"] == FILE
    assert step("send_material").refused(in_doubt(step("send_material"), seen), refusal("1", Category.DATA)) is None


# -- back
@pytest.mark.parametrize(
    "name",
    [
        "cancel_registration",
        "cancel_lines",
        "cancel_discharge",
        "cancel_offsite_registration",
        "cancel_offsite_lines",
        "cancel_offsite_discharge",
    ],
)
def test_an_undo_takes_nothing_to_undo_for_done_and_a_review_for_a_refusal(name: str) -> None:
    seen = uploaded(**LEAVING)
    assert step(name).refused(seen, refusal("120002", Category.NOTHING_TO_UNDO)) is not None
    assert step(name).refused(seen, refusal("120003", Category.BUSINESS)) is None
    assert step(name).refused(seen, refusal("61007", Category.DATA)) is None
    lost = in_doubt(step(name), seen, lost=True)
    assert isinstance(step(name).refused(lost, refusal("61007", Category.DATA)), InDoubt)
    assert step(name).refused(lost, refusal("120003", Category.BUSINESS)) is None


def test_cancelled_lines_are_pending_again_and_nobody_is_leaving() -> None:
    seen = uploaded(**LEAVING)
    back = after(seen, step("cancel_lines").fold(seen, {}).data)
    assert not {"uploaded_total", "discharged_on", "record", "settlement_number"} & set(back.data)
    assert len(step("upload_lines").request(back)["med"]) == 2


# -- what a HIS hands over
@pytest.mark.parametrize(
    ("model", "change", "said"),
    [
        ("InpatientOpening", {"ward": ""}, "ward: needed of inpatients"),
        ("InpatientOpening", {"identity_number": "1"}, "at least 15"),
        ("InpatientOpening", {"diseases": []}, "at least 1 item"),
        ("InpatientOpening", {"admitted_on": "20260301"}, "expected yyyy-mm-dd"),
        ("InpatientOpening", {"admitted_on": "2026-02-30"}, "expected yyyy-mm-dd"),
        ("InpatientOpening", {"certificate": "GS-7", "new_injury": True}, "a new injury has none"),
        ("InpatientOpening", {"nonsense": 1}, "Extra inputs"),
        ("InpatientOpening", {"qr_code": "Q" * 23}, "at most 22"),
        ("InpatientOpening", {"fees": [fee("L1"), fee("L1")]}, "L1 comes twice"),
        ("InpatientOpening", {"orders": [ORDER, ORDER]}, "YZ1 comes twice"),
    ],
)
def test_bad_openings_are_refused_by_field(model: str, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MODELS[model].model_validate(OPENING | change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount": "49.98"}, "expected price × quantity = 50"),
        ({"amount": "0.00", "price": "0"}, "less than a cent"),
        ({"quantity": "-1", "amount": "-50.00"}, "names the line that it refunds"),
        ({"quantity": "-1", "amount": "-50.00", "refund_of": "L9"}, "has no line L9"),
        ({"off_catalogue": "drug"}, "fee_category: needed"),
        ({"off_catalogue": "drug", "fee_category": "30"}, "dosage_form: needed"),
        ({"order": "YZ9"}, "order YZ9 was not handed over"),
        ({"prescription": "x" * 21}, "at most 20"),
        ({"trace_codes": ["a,b"]}, "match pattern"),
        ({"line_id": "L2"}, "line_id is L2"),
    ],
)
def test_bad_lines_are_refused_by_field(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        view(fees={"L1": fee("L1") | change})


def test_a_refund_never_exceeds_its_original_in_amount_or_quantity() -> None:
    charge = fee("L1", "50.00", price="10.00", quantity="5")
    back = {"quantity": "-3", "amount": "-30.00", "price": "10.00", "refund_of": "L1"}
    view(fees={"L1": charge, "R1": fee("R1") | back})
    with pytest.raises(ValidationError, match=r"refunds come to -60"):
        view(fees={"L1": charge, "R1": fee("R1") | back, "R2": fee("R2") | back})
    cheaper = back | {"price": "1.00", "amount": "-3.00"}
    with pytest.raises(ValidationError, match=r"line L1 is 5, refunds come to -6"):
        view(fees={"L1": charge, "R1": fee("R1") | cheaper, "R2": fee("R2") | cheaper})
    with pytest.raises(ValidationError, match="hospital_code is not that of line L1"):
        view(fees={"L1": charge, "R1": fee("R1") | back | {"hospital_code": "H2"}})


def test_a_discharge_needs_a_record_and_knows_its_sections() -> None:
    MODELS["Discharge"].model_validate(LEAVING)
    for record, said in (
        ({}, "at least one of"),
        ({"km10": [{"aac004": "1"}]}, "pattern"),
        ({"km02": []}, "at least 1"),
    ):
        with pytest.raises(ValidationError, match=said):
            MODELS["Discharge"].model_validate(LEAVING | {"record": record})


def test_a_hand_over_brings_something_and_no_marks_of_ours() -> None:
    handed = MODELS["FeesHandedOver"]
    both = handed.model_validate({"fee_lines": [fee("L1")], "void": ["L2"], "again": ["L3"]})
    assert both.model_dump(exclude_none=True)["fees"]["L3"] == {"again": True}
    for bad in ({}, {"fees": [fee("L1", outcome="uploaded")]}, {"fees": [fee("L1", match=kept("H1"))]}, {"void": "L1"}):
        with pytest.raises(ValidationError):
            handed.model_validate(bad)
