"""Nothing of the document is missing: chapters, interfaces, names, tables, links."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from adapters.platform.contracts import (
    CHAPTERS,
    INTERFACES,
    RETURN_CODES,
    TABLES,
    Direction,
    Interface,
    Kind,
    Meaning,
    by_name,
    meaning,
)
from adapters.platform.contracts.codes import REFUNDS
from adapters.platform.contracts.model import Envelope, Field, Type

#: Table of contents of 003: chapter → interfaces that the hospital serves, that the platform serves.
CONTENTS = {
    1: (4, 3), 2: (4, 0), 3: (2, 0), 4: (1, 0), 5: (6, 1), 6: (5, 2), 7: (2, 0), 8: (3, 0), 9: (0, 2), 10: (2, 0),
    11: (1, 1), 12: (2, 0), 13: (1, 1), 14: (3, 3), 15: (3, 0), 16: (5, 0), 17: (2, 0), 18: (5, 0), 19: (2, 11),
    20: (9, 2), 21: (5, 7), 22: (2, 1), 23: (4, 2), 24: (8, 0), 25: (7, 2), 26: (1, 1), 27: (2, 0), 28: (13, 0),
    29: (4, 0), 30: (2, 0), 31: (2, 0), 32: (2, 0), 33: (5, 0), 34: (1, 0), 35: (2, 0), 36: (3, 2), 37: (4, 0),
    38: (3, 2), 39: (1, 0), 40: (3, 1), 41: (3, 1), 42: (3, 0), 43: (1, 0),
}  # fmt: skip
#: What the calls do: 188 in all.
KINDS = {
    (Direction.HOSPITAL, Kind.QUERY): 101,
    (Direction.HOSPITAL, Kind.TRANSACTION): 31,
    (Direction.HOSPITAL, Kind.UNDO): 11,
    (Direction.PLATFORM, Kind.QUERY): 8,
    (Direction.PLATFORM, Kind.TRANSACTION): 10,
    (Direction.PLATFORM, Kind.UNDO): 6,
    (Direction.PLATFORM, Kind.NOTIFY): 21,
}
NAMELESS = {"4.1.1", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.5", "5.1.6", "16.1.4", "24.1.7"}
HOSPITAL_REQUIRED = {
    "2.1.3", "2.1.4", "6.2.1", "6.2.2", "6.2.3", "6.2.4", "11.2.1", "19.1.8", "21.2.1", "21.2.2", "21.2.3", "21.2.5",
    "23.2.2", *(f"28.1.{number}" for number in range(1, 14)), *(f"29.1.{number}" for number in range(1, 5)), "33.1.1",
    "33.1.2", "33.1.5", "35.1.1", "35.1.2", "36.2.1",
}  # fmt: skip
SEVERAL_HOSPITALS = {"11.1.1", "12.1.1", "16.1.1", "18.1.1", "18.1.2", "32.1.1", "38.1.1", "40.1.1", "41.1.1"}
NUMBERED = {"21.2.1", "36.1.1", "36.1.2", "36.1.3", "36.2.1", "37.1.1", "37.1.2", "37.1.3", "37.1.4"}

EACH = pytest.mark.parametrize("interface", list(INTERFACES.values()), ids=list(INTERFACES))


def test_every_interface_of_the_table_of_contents_is_there() -> None:
    found = {
        number: tuple(sum(row.direction is side for row in chapter.interfaces) for side in Direction)
        for number, chapter in CHAPTERS.items()
    }
    assert found == CONTENTS
    assert (sum(ours for ours, _ in CONTENTS.values()), sum(theirs for _, theirs in CONTENTS.values())) == (143, 45)
    assert len(INTERFACES) == 188


def test_they_do_what_they_do_so_often() -> None:
    assert Counter((row.direction, row.kind) for row in INTERFACES.values()) == KINDS


def test_the_hospital_has_136_names_and_nine_interfaces_without() -> None:
    hospital = [row for row in INTERFACES.values() if row.direction is Direction.HOSPITAL]
    assert {row.number for row in hospital if not row.names} == NAMELESS
    assert {row.number for row in hospital if len(row.names) > 1} == {"16.1.1", "16.1.2"}
    names = [name for row in hospital for name in row.names]
    assert len(names) == len(set(names)) == 136
    assert all(re.fullmatch(r"hospital\.in(ter|er)face(\.[A-Za-z_]+)+", name) for name in names)


def test_the_platform_has_44_paths() -> None:
    paths = [row.path for row in INTERFACES.values() if row.direction is Direction.PLATFORM]
    assert len(paths) == 45
    assert len(set(paths)) == 44
    assert [row.number for row in by_name("prefront/hospitalizationCosts/hisRefund")] == ["9.1.1", "13.2.1"]
    assert [row.number for row in by_name("prefront/todayRegister/todayRegisterRefound")] == ["20.2.2"]


def test_misspellings_stay() -> None:
    assert [row.number for row in by_name("hospital.inerface.internetHospital.save")] == ["25.1.1"]
    assert [row.number for row in by_name("hospital.interface.getRefundBlance")] == ["8.1.1"]
    assert INTERFACES["9.1.1"].webservice == "hisRefun"
    assert INTERFACES["21.1.2"].webservice == "andAndUpdate"
    assert by_name("hospital.interface.nothing") == ()


def test_where_the_hospital_is_needed_and_where_several_may_come() -> None:
    assert {row.number for row in INTERFACES.values() if row.needs_hospital} == HOSPITAL_REQUIRED
    several = {row.number for row in INTERFACES.values() if _type(row, "hospitalId") is Type.CSV}
    assert several == SEVERAL_HOSPITALS
    assert {n for n in ("9.1.1", "9.1.2", "13.2.1", "21.1.7") if "hospitalId" in INTERFACES[n].request.fields} == set()


def _type(row: Interface, name: str) -> Type | None:
    return row.request.fields[name].type if name in row.request.fields else None


def test_shapes_of_replies() -> None:
    by_envelope = {kind: [r.number for r in INTERFACES.values() if r.reply().envelope is kind] for kind in Envelope}
    assert by_envelope[Envelope.STATUS] == [f"21.1.{number}" for number in range(1, 7)]
    assert by_envelope[Envelope.MESSAGE] == ["14.1.2"]
    assert by_envelope[Envelope.BYTES] == ["16.1.4"]
    assert {row.number for row in INTERFACES.values() if row.reply().code_as_number} == NUMBERED
    assert {row.number for row in INTERFACES.values() if row.reply().beside} == {"21.2.3", "30.1.1"}


def test_chapter_6_alone_is_abandoned() -> None:
    assert {row.chapter for row in INTERFACES.values() if row.deprecated} == {6}
    assert sum(row.deprecated for row in INTERFACES.values()) == 7


@EACH
def test_an_interface_refers_to_what_there_is(interface: Interface) -> None:
    assert interface.zh
    assert interface.en
    assert set(interface.key) <= set(interface.request.fields)
    assert set(interface.undo) | set(interface.evidence) <= set(INTERFACES)
    assert all(INTERFACES[number].kind is Kind.QUERY for number in interface.evidence)
    assert (interface.path is None) == (interface.direction is Direction.HOSPITAL)
    assert set(interface.replies) in ({""}, set(interface.names))
    if interface.kind is Kind.QUERY or interface.kind is Kind.NOTIFY:
        assert not interface.undo


@EACH
def test_members_are_told_apart_and_explained(interface: Interface) -> None:
    objects = [interface.request]
    for reply in interface.replies.values():
        objects.append(Field("beside", Type.OBJECT, fields=reply.beside))
        objects += [reply.data] if reply.data else []
    for each in list(objects):
        objects += [below for below in each.walk() if below.compound]
    for each in objects:
        spellings = [said.strip().casefold() for one in each.fields.values() for said in {one.name, *one.also}]
        own = Counter({name: len({s for s in spellings if s == name}) for name in spellings})
        assert len(own) >= len(each.fields)
        owners: dict[str, str] = {}
        for one in each.fields.values():
            for said in (one.name, *one.also):
                assert owners.setdefault(said.strip().casefold(), one.name) == one.name
            assert one.zh or one.compound, one.name
            assert (one.table is not None) == (one.type is Type.CODE) or one.type is Type.CSV, one.name
            assert (one.type is Type.LIST and one.of is None) or not one.fields or one.type is Type.OBJECT
        names = {name for rule in each.rules for group in rule.any_of for name in group}
        names |= {name for rule in each.rules for name in (rule.when or ())[:1] if name}
        assert names <= set(each.fields)


def test_every_code_table_is_used_and_says_where_it_stands() -> None:
    used = set()
    for interface in INTERFACES.values():
        fields = list(interface.request.walk())
        for reply in interface.replies.values():
            fields += [*reply.beside.values(), *(each for one in reply.beside.values() for each in one.walk())]
            fields += [reply.data, *reply.data.walk()] if reply.data else []
        used |= {each.table for each in fields if each.table}
    assert used == set(TABLES)
    for table in TABLES.values():
        assert table.source.startswith("003, ")
        assert set(table.same.values()) <= set(table.values)
        for group in table.groups.values():
            assert set(group) <= set(table.values)


def test_the_appendices_are_whole() -> None:
    assert len(TABLES["nation"].values) == 56
    assert list(TABLES["nation"].values) == [f"{number:02d}" for number in range(1, 57)]
    assert list(TABLES["relative"].values) == ["01", "02", "03", "04", "05"]
    assert list(TABLES["paper"].values) == ["01", "02", "03", "05", "06", "07", "99"]
    assert len(TABLES["paper_booking"].values) == 12
    assert len(TABLES["pay_type_unified"].values) == 3 + 4
    assert len(TABLES["item_state"].values) == 27
    assert len(RETURN_CODES) == 48


def test_what_a_return_code_says_depends_on_the_call() -> None:
    query, payment, refund = INTERFACES["3.1.1"], INTERFACES["7.1.2"], INTERFACES["13.2.1"]
    assert meaning(query, "10002") is Meaning.EMPTY
    assert meaning(payment, "10002") is Meaning.REFUSED
    assert {meaning(INTERFACES[number], "10002") for number in REFUNDS} == {Meaning.DOUBT}
    assert meaning(refund, "10003") is Meaning.DOUBT
    assert meaning(query, "10003") is Meaning.REFUSED
    assert meaning(payment, "40004") is Meaning.WORKING
    assert meaning(payment, "60303") is Meaning.WAIT
    assert meaning(payment, "66666") is Meaning.DOUBT
    assert meaning(query, "66666") is Meaning.REFUSED
    assert meaning(INTERFACES["15.1.2"], "60701") is Meaning.BEFORE
