"""The part of docs/examples inside a flow of Jiangsu: one visit settles with the centre and with the HIS."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from adapters.jiangsu.gateway import GatewaySettings, JiangsuGateway
from engine import tables
from engine.definitions import FlowDefinition
from flows import check, load_catalogue
from simulators.common.http import Request, Response
from tests import his, jiangsu
from tests.toy import ToyEnvironment
from tests.world import World

FLOW = "site.outpatient"
REPLACED = ("discharge", "close")


def site_flow() -> FlowDefinition:
    """The shipped outpatient flow with the part of docs/examples in place of its last two transitions."""
    flow: dict[str, Any] = tables.load((jiangsu.ROOT / "flows/jiangsu/outpatient.yaml").read_text("utf-8"))
    part: dict[str, Any] = tables.load((jiangsu.ROOT / "docs/examples/his_part.yaml").read_text("utf-8"))
    flow |= {"flow": FLOW, "version": 1, "data": part["data"], "opening": part["opening"]}
    flow["adapters"] |= part["adapters"]
    flow["states"] |= part["states"]
    kept = [each for each in flow["transitions"] if each["trigger"] not in REPLACED]
    flow["transitions"] = kept + part["transitions"]
    return FlowDefinition.model_validate(flow)


def test_the_flow_keeps_the_rules() -> None:
    assert [str(each) for each in check(site_flow(), load_catalogue())] == []


@pytest.mark.parametrize("lost", [False, True])
async def test_a_visit_settles_with_both(lost: bool) -> None:
    environment = ToyEnvironment()
    centre, hospital = jiangsu.Centre(), his.Hospital(environment)
    hospital.bill(jiangsu.KEY)
    left = [lost]

    def interfere(request: Request, apply: Any) -> Response | None:
        if left[0] and request.path.endswith("SettleByDoctor"):
            left[0] = False
            apply()
            raise httpx.ReadError("lost")
        return None

    hospital.interfere = interfere
    world = await World(
        environment=environment,
        catalogue=load_catalogue(),
        adapter=JiangsuGateway(GatewaySettings(), httpx.MockTransport(centre.answer)),
        others={"his": hospital.adapter()},
        definitions=[site_flow()],
    ).start()
    opened, _ = await world.commands.open(FLOW, jiangsu.KEY, jiangsu.opening() | his.opening(jiangsu.KEY))
    await world.run()
    visit = await world.visit(opened.visit_id)
    assert visit.state == "his_priced"
    assert visit.data["his"]["bill"]["personal"] == his.PERSONAL
    await world.commands.trigger(opened.visit_id, "paid", his.payment(), "HIS")
    await world.run()
    visit = await world.visit(opened.visit_id)
    assert (visit.state, visit.closed) == ("discharged", True)
    his.agree(visit.data, hospital.settlements(jiangsu.KEY))
    jiangsu.agree(visit.data, centre.gateway.centre.ledger.totals()[jiangsu.KEY])
    await world.check(opened.visit_id)
