"""The table of mutants fits today's sources: a mutant that changes nothing would prove nothing."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tests.jiangsu import ROOT
from tests.mutation.table import Change, Misfit, Mutant, mutants
from tests.mutation.workshop import Workshop

TABLE = mutants()


@pytest.mark.parametrize("mutant", TABLE, ids=lambda each: each.name)
def test_a_mutant_fits_at_one_place_and_is_python(mutant: Mutant) -> None:
    for name, text in mutant.texts(ROOT).items():
        assert text != (ROOT / name).read_text(encoding="utf-8")
        if name.endswith(".py"):
            compile(text, name, "exec")


@pytest.mark.parametrize("mutant", TABLE, ids=lambda each: each.name)
def test_the_tests_that_have_to_notice_exist(mutant: Mutant) -> None:
    assert mutant.tests
    assert [name for name in mutant.tests if not (ROOT / name.partition("::")[0]).exists()] == []


def test_every_guarantee_is_broken_in_several_ways() -> None:
    counted = Counter(each.guarantee for each in TABLE)
    assert set(counted) == {f"G{number}" for number in range(1, 12)}
    assert min(counted.values()) >= 3
    assert len({each.name for each in TABLE}) == len(TABLE) >= 40


@pytest.mark.parametrize("text", ["a = 1\n", "b = 2\nb = 2\n", "    b = 2\n    c = 3\nb = 2\nc = 3\n"])
def test_what_fits_nowhere_or_twice_is_a_misfit(text: str) -> None:
    with pytest.raises(Misfit):
        Change("x.py", "b = 2\nc = 3" if "c" in text else "b = 2", "b = 3").applied(text)


def test_indentation_is_that_of_the_place(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("if a:\n    b = 2\n    c = 3\n")
    mutant = Mutant("m", "G1", "", (Change("x.py", "b = 2\nc = 3", "c = 3\nb = 2"),), ("tests",))
    with mutant.applied(tmp_path):
        assert (tmp_path / "x.py").read_text() == "if a:\n    c = 3\n    b = 2\n"
    assert (tmp_path / "x.py").read_text() == "if a:\n    b = 2\n    c = 3\n"


def test_the_workshop_has_every_source_and_no_store(tmp_path: Path) -> None:
    Workshop(tmp_path / "copy")
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]["packages"]
    assert "simulators" in packages
    sources = [each.relative_to(ROOT) for package in packages for each in (ROOT / package).rglob("*.yaml")]
    assert [str(each) for each in sources if not (tmp_path / "copy" / each).exists()] == []
    assert not (tmp_path / "copy" / "data").exists()
