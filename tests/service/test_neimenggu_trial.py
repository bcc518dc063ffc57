"""The trial of docs/neimenggu.md: its site, its people and its data fit what is shipped."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from flows import load_site
from simulators.neimenggu.centre import Centre
from simulators.neimenggu.office import Office
from steps.neimenggu import MODELS
from tests.shipped import ROOT

TRIAL = ROOT / "docs/examples/neimenggu-trial"


def data(name: str, model: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((TRIAL / f"{name}.json").read_text("utf-8"))
    MODELS[model].model_validate(found)
    return found


def test_the_trial_fits() -> None:
    assert {each.flow for each in load_site(TRIAL / "flows.yaml").definitions} >= {"neimenggu.inpatient"}
    world = Office(Centre()).centre.world
    stay, fees = data("stay", "InpatientOpening"), data("fees", "FeesHandedOver")
    assert world.by_identity(stay["identity_number"], stay["person_name"]) is not None
    assert world.cards[stay["card"]["card_number"]]["aaz501"] == stay["card"]["card_identifier"]
    assert stay["application"] in world.cures
    total = sum(Decimal(line["amount"]) for line in fees["fees"])
    assert Decimal(data("paid", "PatientSettlement")["paid_total"]) == total
    assert data("leave", "Discharge")["discharged_on"] > stay["admitted_on"]


def test_its_environment_is_the_simulators() -> None:
    pairs = dict(line.split("=", 1) for line in (TRIAL / "env").read_text("utf-8").splitlines() if "=" in line)
    assert (ROOT / pairs["VISITFLOW_SITE"]) == TRIAL / "flows.yaml"
    assert pairs["VISITFLOW_NEIMENGGU_KEY"] == Office(Centre()).centre.world.hospitals["10000001"]["key"]
