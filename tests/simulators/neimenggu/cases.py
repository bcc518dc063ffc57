"""One way to each code that the centre can answer: code and what leads to it, by subject."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.simulators.neimenggu.desk import OFF, STAY, Desk, bill, invoice

Case = tuple[int, Callable[[Desk], int]]
LONG = "长" * 31


def _line(**change: Any) -> Callable[[Desk], int]:
    return lambda desk: int(desk.until("registered").upload(desk.med(**change))["code"])


def _drug(**change: Any) -> Callable[[Desk], int]:
    return lambda desk: int(desk.until("registered").upload(desk.drug(**change))["code"])


def _own(**change: Any) -> Callable[[Desk], int]:
    return lambda desk: int(desk.until("registered").upload(desk.own(**change))["code"])


def _order(**change: Any) -> Callable[[Desk], int]:
    return lambda desk: int(desk.until("registered").upload(advice=[desk.advice(**change)])["code"])


def _offsite(**change: Any) -> Callable[[Desk], int]:
    return lambda desk: int(desk.until_offsite("registered").upload_offsite(desk.offsite_med(**change))["code"])


def _offsite_order(**change: Any) -> Callable[[Desk], int]:
    return lambda desk: int(
        desk.until_offsite("registered").upload_offsite(advices={"advice": [desk.advice(**change)]})["code"]
    )


def _with(arrange: str, then: Callable[[Desk], int], **body: Any) -> Callable[[Desk], int]:
    def case(desk: Desk) -> int:
        desk.arrange(arrange, **body)
        return then(desk)

    return case


def _after(state: str, then: Callable[[Desk], int]) -> Callable[[Desk], int]:
    return lambda desk: then(desk.until(state))


def _after_offsite(state: str, then: Callable[[Desk], int]) -> Callable[[Desk], int]:
    return lambda desk: then(desk.until_offsite(state))


def _then(*ways: Callable[[Desk], Any]) -> Callable[[Desk], int]:
    """Go all ways; the code is that of the last one."""

    def case(desk: Desk) -> int:
        for way in ways[:-1]:
            way(desk)
        return int(ways[-1](desk))

    return case


def _other_hospital(desk: Desk) -> int:
    """Another hospital asks about the first one's stay."""
    desk.arrange("PUT /hospitals", akb020="2")
    desk.arrange("PUT /users", username="other", akb020="2")
    desk.login(username="other")
    return int(desk.upload(desk.med())["code"])


def _other_hospital_offsite(desk: Desk) -> int:
    _other_hospital(desk)
    return int(desk.upload_offsite(desk.offsite_med())["code"])


def _busy(desk: Desk) -> None:
    desk.arrange("PUT /busy", akc190=STAY)


REGISTER: list[Case] = [
    (0, lambda d: d.register()),
    (0, lambda d: d.fresh()),
    (51001, lambda d: d.register("")),
    (51002, lambda d: d.code("register", isnewinjure="0", kc21={})),
    (51003, lambda d: d.register(aac002="")),
    (51004, lambda d: d.register(aac003="")),
    (51005, lambda d: d.register(aab001="")),
    (51006, lambda d: d.register(aac001="")),
    (51007, lambda d: d.register(aac004="")),
    (51008, lambda d: d.register(aka130="")),
    (51009, lambda d: d.register(akc190="")),
    (51010, lambda d: d.register(akc192="")),
    (51011, lambda d: d.register(alc028="")),
    (51012, lambda d: d.register(alca02="")),
    (51013, _after("uploaded", lambda d: d.register(akc190="ZY2"))),
    (51014, _after("registered", lambda d: d.register())),
    (51015, lambda d: d.register(alc028="T14.900,无")),
    (51017, lambda d: d.register(aac003="无名")),
    (51017, lambda d: d.register(alca02="R2020002")),
    (51017, lambda d: d.register(aab001="1")),
    (51017, _with("PUT /people", lambda d: d.fresh(), aac001="900000003", insured="0")),
    (51018, lambda d: d.register(akc192="2020-05-05")),
    (51018, lambda d: d.fresh(akc192="2020-05-05")),
    (51019, lambda d: d.register(akc191="")),
    (51020, lambda d: d.register(akc192="2026-11-21")),
    (51021, lambda d: d.register(akc191="5")),
    (190002, lambda d: d.register(aae073="")),
    (190002, lambda d: d.register(aae073="S2020002")),
    (190002, lambda d: d.register(akc191="4")),
    (190002, lambda d: d.register(aka130="11")),
    (190002, _with("PUT /cures", lambda d: d.register(), aae073="S2020001", akc175="0")),
    (190002, _with("PUT /cures", lambda d: d.register(), aae073="S2020001", aae031="2026-11-17")),
    (1004, lambda d: d.fresh(alca02="R2020001")),
    (1004, lambda d: d.register(akc199="")),
    (1004, lambda d: d.register(alk024="")),
    (1004, lambda d: d.register(alk023="")),
    (1004, lambda d: d.register(ysbm="医" * 21)),
    (1004, lambda d: d.register(aac004="3")),
    (1004, lambda d: d.register(akc666="3")),
    (1004, lambda d: d.register(akc192="2026-1-8")),
    (1004, lambda d: d.register(akc190="9" * 31)),
]
UNREGISTER: list[Case] = [
    (0, _after("registered", lambda d: d.code("regundo", akc190=STAY, alca02="R2020001"))),
    (61002, lambda d: d.code("regundo", akc190="", alca02="R2020001")),
    (61003, _after("registered", lambda d: d.code("regundo", akc190=STAY))),
    (61005, _after("left", lambda d: d.code("regundo", akc190=STAY, alca02="R2020001"))),
    (61005, _after("reviewed", lambda d: d.code("regundo", akc190=STAY, alca02="R2020001"))),
    (61006, _after("uploaded", lambda d: d.code("regundo", akc190=STAY, alca02="R2020001"))),
    (61007, lambda d: d.code("regundo", akc190=STAY, alca02="R2020001")),
    (61008, _after("registered", lambda d: d.code("regundo", akc190=STAY, alca02="R2020002"))),
]
UPLOAD: list[Case] = [
    (0, _line()),
    (0, _drug()),
    (0, _own()),
    (0, _order()),
    (81001, lambda d: int(d.upload(d.med())["code"])),
    (81002, lambda d: d.code("sendMedInfo", meds={"med": [d.med()]})),
    (81003, _after("registered", lambda d: int(d.upload()["code"]))),
    (81004, _after("registered", lambda d: d.code("sendMedInfo", akc190=STAY, advices={"advice": []}))),
    (81005, _after("left", lambda d: int(d.upload(d.med())["code"]))),
    (81006, _then(lambda d: d.register_offsite(akc190=STAY), lambda d: d.upload(d.med())["code"])),
    (81007, _after("registered", _other_hospital)),
    (81008, _line(alc400="")),
    (81009, _line(alc401="")),
    (81010, _line(akc229="")),
    (81011, _line(alc405="")),
    (81012, _line(alc406="")),
    (81012, _line(alc406="0")),
    (81013, _line(alc407="")),
    (81014, _line(akc515="")),
    (81015, _order(aae080="")),
    (81016, _order(alk009="")),
    (81017, _order(alk016="")),
    (81018, _order(alk017="")),
    (81020, _after("uploaded", lambda d: int(d.upload(d.med(alc406="-3", alc407="-180"))["code"]))),
    (81021, _line(alc406="-1", alc407="-60")),
    (81022, _line(alc406="-2")),
    (81023, _line(alc407="-120")),
    (81023, _line(alc407="0")),
    (81023, _line(alc407="120.02")),
    (81023, _line(alc405="0", alc407="0")),
    (81024, _line(aka063="12345")),
    (81024, _own(aka063="")),
    (81025, _line(aka065="4")),
    (81026, _own(aka065="1")),
    (81027, _line(alc404="2")),
    (81027, _line(alc404="1")),
    (81028, _with("PUT /hospitals", _line(), akb020="10000001", restricted="1")),
    (81028, _with("PUT /items", _line(), code="HC0100000001", restricted="1")),
    (81028, _line(vmed="0")),
    (81029, _order(alk007="2026/11/18")),
    (81030, _order(alk009="长" * 2001)),
    (81031, _line(noinjury="2")),
    (81033, _line(aae080="")),
    (81033, _line(aae080="Y9")),
    (81034, _line(spreason="x")),
    (81035, _line(spreason="1")),
    (81036, _with("PUT /hospitals", _line(), akb020="10000001", grade="")),
    (81038, _own(noinjury="1")),
    (990009, _line(alc402="UNKNOWN")),
    (990009, _line(alc402="")),
    (990009, _with("PUT /switches", _line(alc403="别名"), name_must_match=True)),
    (1004, _line(alc403="")),
    (1004, _line(akc231="")),
    (1004, _line(alc405="60.00001")),
    (1004, _line(alc405="1234567.0")),
    (1004, _line(alc406="two")),
    (1004, _line(alc401="20261119")),
    (1004, _line(akc229="1天")),
    (1004, _line(bzmsg="长" * 201)),
    (1004, _line(alc400={"a": 1})),
    (1004, _drug(zka100="")),
    (1004, _drug(akc999="")),
    (1004, _own(aka070="")),
    (1004, _order(alk022="9")),
    (1004, _order(alk012="长" * 9)),
    (1004, _after("registered", lambda d: d.code("sendMedInfo", akc190=STAY, meds={"med": "x"}))),
]
CANCEL: list[Case] = [
    (0, _after("uploaded", lambda d: d.code("invalidData", akc190=STAY))),
    (130001, _after("left", lambda d: d.code("invalidData", akc190=STAY))),
    (130002, lambda d: d.code("invalidData")),
    (130003, lambda d: d.code("invalidData", akc190=STAY)),
    (130004, _after("registered", lambda d: d.code("invalidData", akc190=STAY))),
    (0, _after_offsite("uploaded", lambda d: d.code("medInfoInvalidData", akc190=OFF))),
    (340001, _after_offsite("left", lambda d: d.code("medInfoInvalidData", akc190=OFF))),
    (340002, lambda d: d.code("medInfoInvalidData")),
    (340003, _after("registered", lambda d: d.code("medInfoInvalidData", akc190=STAY))),
    (340004, _after_offsite("registered", lambda d: d.code("medInfoInvalidData", akc190=OFF))),
    (340005, _after_offsite("reviewed", lambda d: d.code("medInfoInvalidData", akc190=OFF))),
]
APPROVE: list[Case] = [
    (0, _after("uploaded", lambda d: d.approve())),
    (0, _after_offsite("uploaded", lambda d: d.approve(OFF, "1"))),
    (91001, lambda d: d.approve("")),
    (91002, _after("uploaded", lambda d: d.code("discharge", akc190=STAY, rolltype="0"))),
    (91003, lambda d: d.approve()),
    (91003, _after("uploaded", lambda d: d.approve(STAY, "1"))),
    (91004, _after("left", lambda d: d.approve())),
    (91005, _with("PUT /switches", _after("approved", lambda d: d.approve()), second_approval="refuse")),
    (91006, _after("registered", lambda d: d.approve())),
    (1004, _after("uploaded", lambda d: d.approve(STAY, ""))),
    (1004, _after("uploaded", lambda d: d.approve(STAY, "2"))),
]


def _leave(state: str = "approved", **change: Any) -> Callable[[Desk], int]:
    return _after(state, lambda desk: desk.leave(**change))


def _leave_offsite(state: str = "approved", **change: Any) -> Callable[[Desk], int]:
    return _after_offsite(state, lambda desk: desk.leave_offsite(**change))


def _leave_with(**change: Any) -> Callable[[Desk], int]:
    return _leave(**bill(invoice(**change)))


def _leave_offsite_with(**change: Any) -> Callable[[Desk], int]:
    def case(desk: Desk) -> int:
        made = bill(invoice(), local=False)
        made["bskm12s"]["bskm12"][0].update(change)
        return desk.leave_offsite(**made)

    return _after_offsite("approved", case)


def _expire(desk: Desk) -> None:
    desk.arrange("PUT /items", code="HC0100000001", expires="2026-11-18")


LEAVE: list[Case] = [
    (0, _leave()),
    (0, _leave_with()),
    (0, _leave(**bill(invoice("A", "20"), invoice("B", "100")))),
    (110001, _leave(akc190="")),
    (110002, _leave(aac002="")),
    (110003, _leave(aac003="")),
    (110004, _leave(akc194="")),
    (110005, _leave(akc195="")),
    (110006, _leave(akc196="")),
    (110007, _leave(ints="")),
    (110008, _leave("uploaded")),
    (110008, _then(lambda d: d.until("approved"), lambda d: d.upload(d.med()), lambda d: d.leave())),
    (110009, lambda d: d.leave()),
    (110010, _leave("left")),
    (110011, _leave(aac002="990099196001010016")),
    (110012, _leave(aac003="别人")),
    (110013, _then(lambda d: d.register_offsite(akc190=STAY), lambda d: d.leave())),
    (110014, _leave(akc196="123")),
    (110015, _leave(akc195="5")),
    (110016, _leave(akc194="2026-11-18", ints="0")),
    (110017, _leave(akc194="2026-11-17")),
    (110017, _leave(akc194="2026-11-21")),
    (110017, _leave(akc194="20261120")),
    (110018, _leave(ints="-1")),
    (110019, _leave(ints="4")),
    (110020, _leave("registered")),
    (110021, _after("approved", _then(_busy, lambda d: d.leave()))),
    (110022, _then(_expire, lambda d: d.until("approved"), lambda d: d.leave())),
    (110023, _leave_with(invoiceNo="")),
    (110023, _leave_with(invoiceMoney="")),
    (110023, _leave(**bill(invoice() | {"body": ""}))),
    (110024, _leave(**bill(invoice() | {"body": "a+b/"}))),
    (110025, _leave_with(invoiceMoney="119.99")),
    (110026, _leave_with(invoiceType="png")),
    (110026, _leave_with(body=b"\x89PNG....")),
    (1004, _leave(km02s=None, km03s={}, km05s={"km05": []})),
    (1004, _leave(km02s="x")),
    (1004, _leave(km03s={"km03": [{"aac008": "1" * 21}]})),
    (1004, _leave(km04s={"km04": [{"opr031": "20261118"}]})),
    (1004, _leave(ints="2.5")),
    (1004, _leave(**bill(invoice("A", "60"), invoice("A", "60")))),
]
CANCEL_LEAVE: list[Case] = [
    (0, _after("left", lambda d: d.code("leaveHosUndo", akc190=STAY))),
    (0, _after("applied", lambda d: d.code("leaveHosUndo", akc190=STAY))),
    (120001, lambda d: d.code("leaveHosUndo")),
    (120002, _after("approved", lambda d: d.code("leaveHosUndo", akc190=STAY))),
    (120002, lambda d: d.code("leaveHosUndo", akc190=STAY)),
    (120003, _after("reviewed", lambda d: d.code("leaveHosUndo", akc190=STAY))),
    (0, _after_offsite("left", lambda d: d.code("offsiteLeaveHosUndo", akc190=OFF))),
    (360001, lambda d: d.code("offsiteLeaveHosUndo")),
    (360002, lambda d: d.code("offsiteLeaveHosUndo", akc190=OFF)),
    (360003, _after_offsite("applied", lambda d: d.code("offsiteLeaveHosUndo", akc190=OFF))),
    (360003, _after_offsite("reviewed", lambda d: d.code("offsiteLeaveHosUndo", akc190=OFF))),
    (360004, _after_offsite("approved", lambda d: d.code("offsiteLeaveHosUndo", akc190=OFF))),
]
REGISTER_OFFSITE: list[Case] = [
    (0, lambda d: d.register_offsite()),
    (0, lambda d: d.register_offsite(aka130="71", akc199="", akc200="")),
    (310001, lambda d: d.code("offsiteRegister")),
    (310002, lambda d: d.register_offsite(aac002="")),
    (310003, lambda d: d.register_offsite(aac003="")),
    (310004, lambda d: d.register_offsite(aka130="")),
    (310005, lambda d: d.register_offsite(akc190="")),
    (310006, lambda d: d.register_offsite(aae030="")),
    (310007, lambda d: d.register_offsite(akc200="")),
    (310008, lambda d: d.register_offsite(akc200=LONG)),
    (310009, lambda d: d.register_offsite(akc199="")),
    (310010, lambda d: d.register_offsite(akc199=LONG)),
    (310011, lambda d: d.register_offsite(akc201="")),
    (310012, lambda d: d.register_offsite(akc201=LONG)),
    (310013, lambda d: d.register_offsite(ysbm="")),
    (310014, lambda d: d.register_offsite(ysbm="医" * 21)),
    (310015, lambda d: d.register_offsite(sbkid="")),
    (310016, lambda d: d.register_offsite(sbkid="1" * 21)),
    (310017, _with("PUT /hospitals", lambda d: d.register_offsite(), akb020="10000001", offsite="0")),
    (310018, lambda d: d.register_offsite(alc011="W1")),
    (310018, lambda d: d.register_offsite(aae030="2020-05-31")),
    (310018, _with("PUT /filings", lambda d: d.register_offsite(), serial="W2020004", aae016="0")),
    (310018, _with("PUT /filings", lambda d: d.register_offsite(), serial="W2020004", akb020="2")),
    (310019, _after_offsite("registered", lambda d: d.register_offsite(akc190="YD2"))),
    (310020, _after_offsite("registered", lambda d: d.register_offsite())),
    (310021, _after_offsite("left", lambda d: d.register_offsite(akc190="YD2", aae030="2026-11-19"))),
    (310022, lambda d: d.register_offsite(aae030="2026-11-21")),
    (310024, lambda d: d.register_offsite(alc028="")),
    (300003, lambda d: d.register_offsite(alc011="")),
    (350015, lambda d: d.register_offsite(alc028="无")),
    (1004, lambda d: d.register_offsite(akc191="")),
    (1004, lambda d: d.register_offsite(aka130="21")),
]
UNREGISTER_OFFSITE: list[Case] = [
    (0, _after_offsite("registered", lambda d: d.code("offsiteRegisterUndo", akc190=OFF, alc011="W2020004"))),
    (0, _after_offsite("registered", lambda d: d.code("offsiteRegisterUndo", akc190=OFF))),
    (320001, lambda d: d.code("offsiteRegisterUndo")),
    (320002, lambda d: d.code("offsiteRegisterUndo", akc190=OFF)),
    (320003, _after_offsite("reviewed", lambda d: d.code("offsiteRegisterUndo", akc190=OFF))),
    (320004, _after_offsite("left", lambda d: d.code("offsiteRegisterUndo", akc190=OFF))),
    (320005, _after_offsite("registered", lambda d: d.code("offsiteRegisterUndo", akc190=OFF, alc011="W1"))),
    (61006, _after_offsite("uploaded", lambda d: d.code("offsiteRegisterUndo", akc190=OFF))),
]
UPLOAD_OFFSITE: list[Case] = [
    (0, _offsite()),
    (0, _offsite(akc225="59.999999")),
    (0, _offsite_order()),
    (330001, lambda d: int(d.upload_offsite(d.offsite_med())["code"])),
    (330002, lambda d: d.code("sendBsMedInfo")),
    (330003, _after_offsite("registered", lambda d: int(d.upload_offsite()["code"]))),
    (330004, _after_offsite("registered", lambda d: d.code("sendBsMedInfo", akc190=OFF, advices={}))),
    (330005, _after_offsite("left", lambda d: int(d.upload_offsite(d.offsite_med())["code"]))),
    (330006, _then(lambda d: d.register(akc190=OFF), lambda d: d.upload_offsite(d.offsite_med())["code"])),
    (330007, _after_offsite("registered", _other_hospital_offsite)),
    (330008, _offsite(alc400="")),
    (330009, _offsite(alc401="")),
    (330010, _offsite(ala002="")),
    (330011, _offsite(ala020="")),
    (330012, _offsite(akc229="")),
    (330013, _offsite(akc225="")),
    (330014, _offsite(akc226="")),
    (330014, _offsite(akc226="0")),
    (330015, _offsite(alc407="")),
    (330015, _offsite(alc407="121")),
    (330016, _offsite(akc515="")),
    (330017, _offsite_order(aae080="")),
    (330018, _offsite_order(alk009="")),
    (330019, _offsite_order(alk016="")),
    (330020, _offsite_order(alk017="")),
    (
        330022,
        _after_offsite("uploaded", lambda d: int(d.upload_offsite(d.offsite_med(akc226="-3", alc407="-180"))["code"])),
    ),
    (330023, _offsite(akc226="-1", alc407="-60")),
    (330024, _offsite(akc226="-2")),
    (330025, _offsite(alc407="-120")),
    (330026, _offsite(aka063="7")),
    (330027, _offsite(aka065="4")),
    (330028, _offsite(ala002="SZFCL999", aka065="1", aka070="片")),
    (330029, _offsite(ala012="03")),
    (330029, _offsite(ala012="")),
    (330030, _with("PUT /hospitals", _offsite(), akb020="10000001", restricted="1")),
    (330031, _offsite_order(alk007="18.11.2026")),
    (330032, _offsite_order(alk009="长" * 2001)),
    (330033, _offsite(noinjury="2")),
    (330035, _offsite(aae080="")),
    (330035, _offsite(aae080="Y9")),
    (330036, _offsite(spreason="2")),
    (330037, _offsite(spreason="1")),
    (330038, _with("PUT /hospitals", _offsite(), akb020="10000001", grade="")),
    (330039, _offsite(vmed="0")),
    (330040, _offsite(ala002="SZFCL999", aka065="3", aka070="片", noinjury="1")),
    (990009, _offsite(ala002="UNKNOWN")),
    (1004, _offsite(akc225="60.0000001")),
]
LEAVE_OFFSITE: list[Case] = [
    (0, _leave_offsite()),
    (0, _leave_offsite_with()),
    (0, _leave_offsite_with(body="R0lGODlh")),
    (0, _leave_offsite_with(filetype="02", invoiceMoney="0")),
    (350001, _leave_offsite(akc190="")),
    (350002, _leave_offsite(aac002="")),
    (350003, _leave_offsite(aac003="")),
    (350004, _leave_offsite(aae031="")),
    (350005, _leave_offsite(akc194="")),
    (350006, _leave_offsite(akc195="")),
    (350007, _leave_offsite(akc202="")),
    (350008, _leave_offsite(ints="")),
    (350009, _leave_offsite(ints="-1")),
    (350010, lambda d: d.leave_offsite()),
    (350010, _leave_offsite(aac002="990099196001010016")),
    (350010, _leave_offsite(aac003="别人")),
    (350010, _after("approved", lambda d: d.leave_offsite(akc190=STAY))),
    (350011, _leave_offsite("left")),
    (350012, _leave_offsite("registered")),
    (350013, _then(_expire, lambda d: d.until_offsite("approved"), lambda d: d.leave_offsite())),
    (350014, _leave_offsite("uploaded")),
    (350015, _leave_offsite(akc194="无")),
    (350016, _leave_offsite(akc202="5")),
    (350017, _leave_offsite(aae031="2026-11-17")),
    (350017, _leave_offsite(aae031="2026-11-21")),
    *(
        (350016 + number, _leave_offsite(**{f"bskm0{number}s": {f"bskm0{number}": [{name: "1" * 2001}]}}))
        for number, name in enumerate(
            ("blz060", "blz070", "opr033", "aab034", "kcb001", "kcx001", "kcc001", "kch001"), start=2
        )
    ),
    (350026, _leave_offsite_with(invoiceMoney="1")),
    (350027, _leave_offsite_with(body="a+b/")),
    (350028, _leave_offsite_with(invoiceNo="")),
    (350028, _leave_offsite_with(filetype="")),
    (350029, _leave_offsite_with(body="aGVsbG8=")),
    (1004, _leave_offsite(ints="4")),
]


def _material(**change: Any) -> Callable[[Desk], int]:
    return _then(lambda d: d.until("approved"), lambda d: d.leave(), lambda d: d.form(**change))


def _material_offsite(**change: Any) -> Callable[[Desk], int]:
    change = {"akc190": OFF, "rolltype": "1"} | change
    return _then(lambda d: d.until_offsite("approved"), lambda d: d.leave_offsite(), lambda d: d.form(**change))


MATERIAL: list[Case] = [
    (0, _material()),
    (0, _material(invoiceType="img", file=b"\x00\x01")),
    (0, _material(filetype="02", invoiceMoney="0")),
    (110009, _then(lambda d: d.login(), lambda d: d.form())),
    (110009, _material(akc190="ZY9")),
    (110023, _material(file=None)),
    (110023, _material(file=b"")),
    (110023, _material(invoiceNo="")),
    (110023, _material(invoiceMoney="-1")),
    (110025, _material(invoiceMoney="120.01")),
    (110026, _material(invoiceType="doc")),
    (110026, _material(invoiceType="PDF")),
    (110026, _material(invoiceType="png")),
    (120002, _after("approved", lambda d: d.form())),
    (120003, _after("applied", lambda d: d.form(invoiceNo="FP9"))),
    (120003, _after("reviewed", lambda d: d.form(invoiceNo="FP9"))),
    (1004, _after("left", lambda d: d.form())),  # the number was used by 4.13
    (1004, _material(filetype="")),
    (1004, _material(filetype="07")),
    (1004, _material(rolltype="")),
    (0, _material_offsite()),
    (350010, _then(lambda d: d.login(), lambda d: d.form(akc190=OFF, rolltype="1"))),
    (350028, _material_offsite(invoiceNo="")),
    (350029, _material_offsite(invoiceType="doc")),
    (350026, _material_offsite(invoiceMoney="121")),
    (360003, _after_offsite("applied", lambda d: d.form(akc190=OFF, rolltype="1", invoiceNo="FP9"))),
    (360003, _after_offsite("reviewed", lambda d: d.form(akc190=OFF, rolltype="1", invoiceNo="FP9"))),
    (360004, _after_offsite("approved", lambda d: d.form(akc190=OFF, rolltype="1"))),
]
SUBJECTS = {
    "register": REGISTER,
    "unregister": UNREGISTER,
    "upload": UPLOAD,
    "cancel": CANCEL,
    "approve": APPROVE,
    "leave": LEAVE,
    "cancel_leave": CANCEL_LEAVE,
    "register_offsite": REGISTER_OFFSITE,
    "unregister_offsite": UNREGISTER_OFFSITE,
    "upload_offsite": UPLOAD_OFFSITE,
    "leave_offsite": LEAVE_OFFSITE,
    "material": MATERIAL,
}
