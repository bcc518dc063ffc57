"""A command imports what it needs and no more: somebody waits for it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import ClassVar

import pytest
import typer

from service.cli import Commands
from service.cli.console import EXIT_CODES
from service.cli.lazily import LazyGroup, Place
from tests.patience import PATIENCE

LISTING = """
import sys
from service.cli import main
sys.argv = ["visitflow", *{words}]
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
heavy = {heavy}
sys.exit(", ".join(name for name in heavy if name in sys.modules) or 0)
"""


def run(words: list[str], heavy: list[str]) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", LISTING.format(words=words, heavy=heavy)]
    return subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (["--help"], ["sqlalchemy", "fastapi", "httpx", "flows", "storage"]),
        (["visits", "--help"], ["fastapi", "fpdf", "uvicorn", "argon2"]),
    ],
)
def test_help_is_quick(words: list[str], heavy: list[str]) -> None:
    done = run(words, heavy)
    assert done.returncode == 0, f"imported: {done.stderr}"
    assert "Usage" in done.stdout


def group() -> LazyGroup:
    made = typer.main.get_command(import_module("service.cli").app)
    assert isinstance(made, LazyGroup)
    return made


@pytest.mark.parametrize("name", Commands.places)
def test_what_the_table_says_of_a_command_is_what_the_command_says(name: str) -> None:
    command = group().load(name)
    assert command.name == name
    first, _, chinese = Commands.places[name].line.rstrip("。").rpartition(". ")
    said = " ".join((command.help or "").split())
    assert said.startswith(first.rstrip(".")[:40])
    assert chinese


def test_an_unknown_command_is_refused_by_name() -> None:
    done = run(["vists"], [])
    assert done.returncode == 1
    assert "vists" in done.stderr


def test_a_command_that_is_not_there_is_told_at_once() -> None:
    class Wrong(LazyGroup):
        places: ClassVar[dict[str, Place]] = {"gone": Place("service.cli.gone", "Gone.")}

    with pytest.raises(ModuleNotFoundError):
        Wrong(name="wrong").load("gone")


@pytest.mark.parametrize("name", EXIT_CODES)
def test_every_error_with_an_exit_code_exists(name: str) -> None:
    module, _, kind = name.rpartition(".")
    assert issubclass(getattr(import_module(module), kind), Exception)
