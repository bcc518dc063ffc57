"""The call sequences of interface 000, as recorded: bodies and field names verbatim, people invented."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.service.gateway.bench import bench

RECORDED = sorted((Path(__file__).parent / "conversations").glob("*.json"))


def fits(expected: Any, found: Any, path: str, heard: dict[str, Any]) -> None:
    """Hold an answer to its shape: ``<text>``, ``<number>`` any such value, ``<name:...>`` remembers; else equal."""
    if isinstance(expected, dict):
        assert isinstance(found, dict), path
        for name, value in expected.items():
            assert name in found, f"{path}.{name} is missing in {found}"
            fits(value, found[name], f"{path}.{name}", heard)
    elif isinstance(expected, list):
        assert len(expected) == len(found), path
        for index, value in enumerate(expected):
            fits(value, found[index], f"{path}[{index}]", heard)
    elif expected == "<number>":
        assert isinstance(found, (int, Decimal)), path
    elif isinstance(expected, str) and expected.startswith("<"):
        assert isinstance(found, str) and found, path
        heard[expected.strip("<>")] = found
    else:
        assert found == expected, f"{path}: {found}"


def said(body: Any, heard: dict[str, Any]) -> Any:
    """Put what was heard into a body, as a front end does."""
    if isinstance(body, dict):
        return {name: said(value, heard) for name, value in body.items()}
    if isinstance(body, list):
        return [said(value, heard) for value in body]
    return heard[body.strip("{}")] if isinstance(body, str) and body.startswith("{") else body


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_conversation(path: Path) -> None:
    heard: dict[str, Any] = {}
    async with bench() as service:
        for index, turn in enumerate(json.loads(path.read_text("utf-8"), parse_float=Decimal)["turns"]):
            answer = await service.post(said(turn["request"], heard))
            fits(turn["answer"], answer, f"{path.stem}[{index}]", heard)
            if "registrations" in turn:
                totals = service.centre.gateway.centre.ledger.totals().values()
                assert sum(each["registrations"] for each in totals) == turn["registrations"]
