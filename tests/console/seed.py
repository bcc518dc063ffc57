"""A morning at an invented hospital: visits of the shipped flows, a simulated centre, and every kind of trouble."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from adapters.jiangsu.gateway import GatewaySettings, JiangsuGateway
from engine.environment import DAY, HOUR, MINUTE, SECOND
from flows import Site, load_catalogue, load_site
from service.api.desk import Desk
from storage.registers import Approval
from tests.adapters.gateway import failure
from tests.jiangsu import ROOT, Centre, line, opening
from tests.service.wired import Wired, settings
from tests.toy import ToyEnvironment
from tests.world import World

#: 2026-11-20 09:00 in China.
MORNING = 1_795_136_400 * SECOND
OUTPATIENT, INPATIENT = "jiangsu.outpatient", "jiangsu.inpatient"
#: A number that looks like an identity number and is nobody's.
SECRET = "TEST-CREDENTIAL-1"
HOSTILE = "<script>alert(1)</script>"


@dataclass
class Seed:
    """The hospital: its console, and its visits by what is wrong with them."""

    wired: Wired
    world: World
    centre: Centre
    mute_from_settling: bool = False  #: the settlement takes effect, its answer is lost, and so is every later one
    mute: bool = False
    refused: dict[str, str] = field(default_factory=dict)  #: transactions that are refused, with the code
    says: str = HOSTILE  #: what the centre adds to a refusal
    visits: dict[str, str] = field(default_factory=dict)

    @property
    def desk(self) -> Desk:
        return self.wired.desk

    def interfere(self, body: dict[str, Any], apply: Any) -> httpx.Response | None:
        """Lose or refuse what is to be lost or refused; every answer takes its time."""
        self.world.environment.time += SECOND // 3
        name = body.get("transactionName", body.get("action", ""))
        if name in self.refused:
            told = f"业务校验未通过 {self.says}".rstrip()
            content = failure(
                3005, told, transactionCode=name, businessErrorCode=self.refused[name], businessErrorMsg=told
            )
            return httpx.Response(200, content=content.encode())
        if name == "2207" and self.mute_from_settling:
            self.mute = True
            apply()
        if self.mute:
            raise httpx.ReadTimeout("lost")
        return None

    async def visit(self, what: str, key: str, patience: int = 2 * HOUR, flow: str = OUTPATIENT, **data: Any) -> str:
        """Open a visit and let it run until it rests."""
        projection, _ = await self.world.commands.open(
            flow, key, opening(**data) if flow == OUTPATIENT else data, "his"
        )
        self.visits[what] = projection.visit_id
        await self.world.run(patience)
        self.world.environment.time += 7 * MINUTE
        return projection.visit_id


_site = cache(load_site)


async def seeded(
    four_eyes: bool = True, says: str = HOSTILE, site: Path = ROOT / "flows.yaml", store: Any = None
) -> Seed:
    """Return the hospital at half past ten or so; supervisors wang and li, an analyst and an admin can sign in."""
    loaded: Site = _site(site)
    centre = Centre()
    adapter = JiangsuGateway(
        GatewaySettings(operator_id="001", operator_name="desk"), httpx.MockTransport(centre.answer)
    )
    world = World(
        environment=ToyEnvironment(MORNING - 5 * DAY),
        catalogue=load_catalogue(),
        adapter=adapter,
        definitions=[each for each in loaded.definitions if each.flow.startswith("jiangsu.")],
        **({} if store is None else {"store": store}),
    )
    await world.start()
    seed = Seed(Wired(world, settings(four_eyes=four_eyes), site=loaded), world, centre, says=says)
    centre.interfere = seed.interfere
    for name, role in (("wang", "supervisor"), ("li", "supervisor"), ("zhao", "analyst"), ("admin", "admin")):
        await seed.wired.user(name, role)
    await _fill(seed)
    await seed.desk.hub.publish()
    return seed


async def _fill(seed: Seed) -> None:
    world = seed.world
    await seed.visit("overdue", "MZ20261120003", 4 * DAY, invoice_no=None)
    world.environment.time = MORNING
    await seed.visit("closed", "MZ20261120001")
    await seed.visit("waiting", "MZ20261120002", invoice_no=None)
    seed.refused = {"2204": "2204002"}
    await seed.visit(
        "lines", "MZ20261120004", 5 * MINUTE, fee_lines=[line("1", "80.0000", "1", "80.00")], invoice_no=None
    )
    seed.refused = {"2201": "51014"}
    await seed.visit("refused", "MZ20261120005", 5 * MINUTE)
    seed.refused = {}
    done = await seed.visit("approval", "MZ20261120006", 5 * MINUTE)
    projection = await world.store.get(done)
    now = world.environment.now()
    if seed.wired.settings.four_eyes:
        asked = Approval(
            approval_id=world.environment.new_id(),
            visit_id=done,
            action="reverse",
            arguments='{"data":{},"target":"pre_settled"}',
            state="asked",
            asked_by="li",
            asked_at=now,
            reason="病人改为自费，电话确认",
            origin="person 127.0.0.1",
            expires_at=now + DAY,
            seq=projection.seq,
        )
        await seed.desk.acting.approvals.ask(asked)
    world.environment.time += 3 * MINUTE
    seed.mute_from_settling = True
    await seed.visit("doubt", "MZ20261120007", HOUR)
    seed.mute_from_settling = seed.mute = False
