"""What the HIS hands over: checked, and the field at fault is named (G10). Source: DLL conventions, 3.2-3.4."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from engine.facts import dumps, loads, normalise
from steps.jiangsu.models import MAX_LINES, FeeLine, FeeLines, Invoice, Opening, Outpatient, SettledByHand
from tests.steps.views import LINES, OPENING

LINE = LINES[0]


def problems(model: type[BaseModel], data: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(data)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in caught.value.errors())


def test_the_examples_are_good() -> None:
    Opening.model_validate(OPENING)
    Opening.model_validate(OPENING | {"fee_lines": LINES, "invoice_no": "INV1"})
    FeeLines.model_validate({"fee_lines": LINES})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"umamt": "120.01"}, "umamt"),
        ({"umamt": "120.001"}, "umamt"),
        ({"umamt": 120.0}, "umamt"),
        ({"umamt": "0", "cnt": "0"}, "umamt"),
        ({"umamt": "NaN"}, "umamt"),
        ({"umamt": True}, "umamt"),
        ({"pric": "120.00001"}, "pric"),
        ({"pric": "NULL"}, "pric"),
        ({"cnt": "Infinity"}, "cnt"),
        ({"cnt": "1.00001"}, "cnt"),
        ({"rxno": ""}, "rxno"),
        ({"rxno": "x" * 65}, "rxno"),
        ({"feedetl_sn": 1}, "feedetl_sn"),
        ({"name": ""}, "name"),
        ({"name": "名" * 201}, "name"),
        ({"fee_ocur_time": "2024-12-01 10:30:00"}, "fee_ocur_time"),
        ({"list_type": ""}, "list_type"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_fee_line_names_the_field(change: dict[str, Any], field: str) -> None:
    assert field in problems(FeeLine, LINE | change)
    assert field in problems(FeeLines, {"fee_lines": [LINE | change]})


@pytest.mark.parametrize("field", ["feedetl_sn", "med_list_codg", "name", "pric", "cnt", "umamt", "list_type"])
def test_fee_line_wants_everything(field: str) -> None:
    assert field in problems(FeeLine, {key: value for key, value in LINE.items() if key != field})


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "fee_lines"),
        ([LINE, LINE], "unique"),
        ([LINE | {"feedetl_sn": str(each)} for each in range(MAX_LINES + 1)], "fee_lines"),
        ([LINE, LINE | {"feedetl_sn": "9", "cnt": "-1", "umamt": "-120.00"}], "zero"),
    ],
)
def test_batches(lines: list[dict[str, Any]], said: str) -> None:
    for model, data in ((FeeLines, {}), (Opening, OPENING), (Outpatient, OPENING)):
        assert said in problems(model, {**data, "fee_lines": lines})


def test_full_batch_is_taken() -> None:
    FeeLines.model_validate({"fee_lines": [LINE | {"feedetl_sn": str(each)} for each in range(MAX_LINES)]})


@given(
    st.decimals(min_value="0.0001", max_value="99999.9999", places=4),
    st.decimals(min_value="-999.9999", max_value="999.9999", places=4),
    st.decimals(min_value="-1.00", max_value="1.00", places=2),
)
def test_amount_is_price_times_quantity_half_up(price: Decimal, count: Decimal, off: Decimal) -> None:
    right = (price * count).quantize(Decimal("0.01"), ROUND_HALF_UP)
    line = LINE | {"pric": str(price), "cnt": str(count), "umamt": str(right + off)}
    if off == 0 and right != 0:
        assert FeeLine.model_validate(line).umamt == right
    else:
        assert "umamt" in problems(FeeLine, line)


@pytest.mark.parametrize(("price", "amount"), [("0.125", "0.13"), ("-0.125", "-0.13"), ("0.005", "0.01")])
def test_halves_go_up_away_from_nought(price: str, amount: str) -> None:
    FeeLine.model_validate(LINE | {"pric": price, "cnt": "1", "umamt": amount})


@pytest.mark.parametrize("huge", ["999999999999.9999", "9999999999999999", "9" * 400])
def test_numbers_beyond_all_measure_are_refused_not_raised(huge: str) -> None:
    assert problems(FeeLine, LINE | {"pric": huge, "cnt": huge})


@given(st.lists(st.decimals(min_value="-50", max_value="50", places=2), min_size=1, max_size=MAX_LINES))
def test_only_a_batch_of_nought_is_refused(amounts: list[Decimal]) -> None:
    assume(all(amounts))
    lines = [
        LINE | {"feedetl_sn": str(index), "pric": str(amount), "umamt": str(amount)}
        for index, amount in enumerate(amounts)
    ]
    if sum(amounts) == 0:
        assert "zero" in problems(FeeLines, {"fee_lines": lines})
    else:
        FeeLines.model_validate({"fee_lines": lines})


def test_lines_survive_the_journal() -> None:
    taken = FeeLines.model_validate({"fee_lines": LINES})
    kept = loads(dumps(normalise(taken.model_dump(mode="json"))))
    assert FeeLines.model_validate(kept) == taken


@pytest.mark.parametrize("number", ["", "0", "000", " ", "INV 1", "发票", "x" * 65, 1, None])
def test_invoice_number(number: Any) -> None:
    assert "invoice_no" in problems(Invoice, {"invoice_no": number})
    if number is not None:
        assert "invoice_no" in problems(Opening, OPENING | {"invoice_no": number})


@pytest.mark.parametrize("number", ["1", "INV1", "10", "01", "00010", "2024-1"])
def test_good_invoice_number(number: str) -> None:
    assert Invoice.model_validate({"invoice_no": number}).invoice_no == number


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"identify_mode": "3"}, "identify_mode"),
        ({"identify_mode": "2"}, "qr_code_info"),
        ({"med_type": "21"}, "med_type"),
        ({"adm_time": "20241201"}, "adm_time"),
        ({"diagnosis": ""}, "diagnosis"),
        ({"dept_code": ""}, "dept_code"),
        ({"psn_no": ""}, "psn_no"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_opening_names_the_field(change: dict[str, Any], field: str) -> None:
    assert field in problems(Opening, OPENING | change)


def test_data_model_refuses_what_no_visit_knows() -> None:
    assert "surprise" in problems(Outpatient, OPENING | {"surprise": 1})


def test_by_hand_amounts_must_agree() -> None:
    data = {"settle_id": "S1", "total_amt": "135.00", "fund_amt": "108.00", "self_amt": "27.00"}
    SettledByHand.model_validate(data)
    assert "total_amt" in problems(SettledByHand, data | {"self_amt": "27.01"})


def test_fields_explain_themselves() -> None:
    for name in ("rxno", "feedetl_sn", "med_list_codg", "pric", "cnt", "umamt", "fee_ocur_time"):
        assert FeeLine.model_fields[name].description
