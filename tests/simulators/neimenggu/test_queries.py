"""What is found: injuries, applications, filings, cards, stays."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from tests.simulators.neimenggu.desk import DAY_AFTER, OFF, STAY, Desk, bill, invoice


def _who(desk: Desk, number: int) -> dict[str, str]:
    return {name: desk.person(number)[name] for name in ("aac002", "aac003")}


def test_injuries_of_a_person(desk: Desk) -> None:
    answer = desk.ask("getInjuryByNameAndId", **_who(desk, 1))

    assert answer["counts"] == 1
    (row,) = answer["lc01s"]["lc01"]
    assert (row["alca02"], row["aab001"], row["alc020"]) == ("R2020001", "900001", "2020-05-06")
    assert len(row) == 20


@pytest.mark.parametrize(("way", "count"), [("record", 1), ("none", 0)])
def test_an_insured_person_without_an_injury_is_a_switch(desk: Desk, way: str, count: int) -> None:
    desk.switch(insured_without_injury=way)

    answer = desk.ask("getInjuryByNameAndId", **_who(desk, 3))

    assert answer["counts"] == count
    assert [row["alca02"] for row in answer["lc01s"]["lc01"]] == [""] * count


def test_nobody_is_no_error(desk: Desk) -> None:
    answer = desk.ask("getInjuryByNameAndId", aac002="990099196001010016", aac003="无名")

    assert (answer["code"], answer["counts"], answer["lc01s"]["lc01"]) == (0, 0, [])


@pytest.mark.parametrize(
    ("method", "members", "code"),
    [
        ("getInjuryByNameAndId", {"aac002": "1", "aac003": ""}, 41001),
        ("getInjuryByNameAndId", {"aac002": "", "aac003": "无名"}, 41002),
        ("getInjuryByNameAndId", {"aac002": "1" * 19, "aac003": "无名"}, 1004),
        ("getCure", {}, 190001),
        ("getCure", {"alca02": "R1"}, 190002),
        ("getCureBatch", {}, 190002),  # none was applied for this month
        ("getCureBatch", {"akc176s": "20200601"}, 1004),
        ("getReport", {}, 1004),
        ("getReportBatch", {"aae035": "x"}, 1004),
        ("getPerDetail", {}, 230003),
        ("getPerDetail", {"akc192s": "2026"}, 1004),
        ("getPerDetail", {"aaa027": "1"}, 1004),
        ("getJSSheet", {"rolltype": "0"}, 240001),
        ("getJSSheet", {"rolltype": "0", "akc190": STAY}, 240002),
        ("getJSSheet", {"akc190": STAY}, 1004),
        ("getPerMed", {}, 240001),
        ("getPerMed", {"akc190": STAY}, 240002),
        ("getBSTdjyba", {"aac003": "无名"}, 300001),
        ("getBSTdjyba", {"aac002": "1"}, 300002),
        ("getBSTdjyba", {"aac002": "1", "aac003": "无名"}, 300004),
        ("getBSTdjyba", {"aac002": "1", "aac003": "无名", "aae030s": "2026-11-20"}, 1004),
        ("sbkAuth", {"aaz500": "A00000001"}, 1004),
        ("sbkAuth", {"aaz500": "A000000010"}, 1004),
        ("dzSbkAuth", {"qrcode": "x"}, 1004),
        ("parsingQrcode", {"qrcode": ""}, 1004),
        ("parsingSbk", {"aaz500": "A00000001", "aaz501": "x"}, 1004),
    ],
)
def test_questions_that_are_refused(desk: Desk, method: str, members: dict[str, Any], code: int) -> None:
    assert desk.code(method, **members) == code


def test_applications_by_certificate_and_by_conditions(desk: Desk) -> None:
    (row,) = desk.ask("getCure", alca02="R2020001")["lkb7s"]["lkb7"]
    assert (row["aae073"], row["akc175"], row["akc173"]) == ("S2020001", "1", "2020-06-01")
    desk.arrange("PUT /cures", aae073="S9", aac001="900000002", alca02="R2020002", akc176="2026-11-03", akc175="0")

    def found(**members: Any) -> list[str]:
        return [row["aae073"] for row in desk.ask("getCureBatch", **members)["lkb7s"]["lkb7"]]

    assert found() == ["S9"]  # nothing asked: this month
    assert found(**_who(desk, 1)) == ["S2020001"]
    assert found(akc176s="2020-06-01", akc176e="2020-06-30") == ["S2020001", "S2020002"]
    assert found(aae035="2020-06-02", aae037="2020-06-02") == ["S2020001", "S2020002", "S9"]


def test_an_accident_filing_comes_late(desk: Desk) -> None:
    desk.arrange("PUT /reports", number="F2", aac001="900000001", delay=86_400)
    assert desk.ask("getReport", aac001="900000001")["ldc1"] == []
    desk.now += DAY_AFTER
    desk.login()

    assert desk.ask("getReport", aac001="900000001")["ldc1"]["aac001"] == "900000001"
    assert len(desk.ask("getReportBatch")["ldch"]) == 2
    assert len(desk.ask("getReportBatch", **_who(desk, 1))["ldch"]) == 1
    desk.arrange("PUT /reports", number="F3", aac001="900000001")
    assert [row["aac001"] for row in desk.ask("getReport", aac001="900000001")["ldc1"]] == ["900000001"] * 2


def test_a_single_filing_may_be_a_list(desk: Desk) -> None:
    desk.switch(one_as_object=False)

    assert isinstance(desk.ask("getReport", aac001="900000003")["ldc1"], list)


def test_offsite_filings(desk: Desk) -> None:
    (row,) = desk.ask("getBSTdjyba", **_who(desk, 4), aae030s="20261118")["Bs001Gets"]
    assert (row["alc011"], row["aae100"], row["aae016"]) == ("W2020004", "1", "1")
    assert "filingno" not in row
    desk.arrange("PUT /filings", serial="W2020004", aae031="20261119")

    (row,) = desk.ask("getBSTdjyba", **_who(desk, 4))["Bs001Gets"]
    assert row["aae100"] == "0"
    assert desk.code("getBSTdjyba", **_who(desk, 4), aae030s="20261120") == 300004


def test_what_the_document_demands_without_a_field_are_switches(desk: Desk) -> None:
    desk.switch(filing_certificate=True, filing_serial=True)
    assert desk.code("getBSTdjyba", **_who(desk, 4)) == 300003
    (row,) = desk.ask("getBSTdjyba", **_who(desk, 4), alc011="W2020004")["Bs001Gets"]
    assert desk.register_offsite() == 310018

    assert desk.register_offsite(filingno=row["filingno"]) == 0


@pytest.mark.parametrize(("state", "result"), [("1", "1"), ("0", "0"), ("2", "0"), ("9", "0")])
def test_cards_and_their_states(desk: Desk, state: str, result: str) -> None:
    desk.arrange("PUT /cards", aaz500="A00000001", state=state)
    card = desk.centre.world.cards["A00000001"]

    answer = desk.ask("sbkAuth", aaz500="A00000001", aaz501=card["aaz501"], **_who(desk, 1))
    assert (answer["code"], answer["result"], bool(answer["errmsg"])) == ("0", result, result == "0")
    answer = desk.ask("dzSbkAuth", qrcode=card["qrcode"])
    assert (answer["aac002"], answer["aaz502"]) == (desk.person(1)["aac002"], state)
    answer = desk.ask("parsingQrcode", qrcode=card["qrcode"])
    assert (answer["resCode"], answer["aac147"]) == ("0", desk.person(1)["aac002"])
    answer = desk.ask("parsingSbk", aaz500="A00000001", aaz501=card["aaz501"])
    assert (answer["resCode"], answer["aaz502"], answer["baz932"]) == ("0", state, "20991231")


def test_a_card_of_somebody_else_is_not_good(desk: Desk) -> None:
    card = desk.centre.world.cards["A00000001"]

    assert desk.ask("sbkAuth", aaz500="A00000001", aaz501=card["aaz501"], **_who(desk, 2))["result"] == "0"
    assert desk.ask("sbkAuth", aaz500="A00000001", aaz501="0", **_who(desk, 1))["result"] == "0"


@pytest.mark.parametrize(("switch", "name"), [("resCode", "resCode"), ("code", "code")])
def test_how_readers_tell_errors_is_a_switch(desk: Desk, switch: str, name: str) -> None:
    desk.switch(reader_errors=switch)

    assert desk.ask("parsingQrcode", qrcode="?")[name] == "1004"


def test_stays_by_conditions(desk: Desk) -> None:
    desk.until("left")
    desk.until_offsite("registered")

    def found(**members: Any) -> list[str]:
        answer = desk.ask("getPerDetail", **members)
        return [row["akc190"] for row in answer["detailcolls"]["detailData"]] if answer["code"] == 0 else []

    assert found() == [STAY]  # nothing asked: entered this month
    assert found(akc192s="2026-11-18", akc192e="2026-11-18", aaa027="150500") == [STAY]
    assert found(aaa027="150100") == []
    assert found(akc194s="2026-11-20") == [STAY]
    assert found(akc194s="2026-11-21") == []
    assert found(akc190="ZY9") == []
    assert found(**_who(desk, 2)) == []
    desk.now += 40 * DAY_AFTER
    desk.login()
    assert found() == []
    assert found(aae036s="2026-11-20", aae036e="2026-11-20") == [STAY]
    desk.switch(list_offsite=True)
    assert found(aae036s="2026-11-20") == [STAY, OFF]


def test_a_cancelled_stay_is_not_listed(desk: Desk) -> None:
    desk.until("registered")
    desk.ask("regundo", akc190=STAY, alca02="R2020001")

    assert desk.code("getPerDetail", akc190=STAY) == 230003


def test_drug_share(desk: Desk) -> None:
    desk.until("registered").upload(desk.med(), desk.drug(alc405="20", alc406="2", alc407="40"))

    answer = desk.ask("getPerMed", akc190=STAY)

    assert (answer["alc407sum"], answer["alc407med"], answer["alc407per"]) == ("160.00", "40.00", "25.00%")


def test_the_day_of_leaving_may_begin_the_next_stay(desk: Desk) -> None:
    desk.until_offsite("approved").leave_offsite(**bill(invoice("FP2"), local=False))

    assert desk.register_offsite(akc190="YD2", aae030="2026-11-20") == 0
    assert datetime.date(2026, 11, 20) == desk.centre.today()
