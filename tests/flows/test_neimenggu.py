"""The flows of Inner Mongolia as stories, with the engine as it is and scripted peers: card to review, and back."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest

from engine.actions import ActionKind, legal_actions
from engine.environment import DAY, HOUR, MINUTE, SECOND
from engine.errors import InvalidData, TriggerNotLegal
from engine.events import Cause, Concluded, Settled, Stuck, Verdict
from engine.machine import Flow
from engine.outcomes import Effect
from engine.store import Status
from engine.visit import Visit
from flows import load_site
from flows.checker import check
from tests.shipped import ROOT, catalogue, flow
from tests.steps.neimenggu.peer import Centre, Items
from tests.steps.neimenggu.views import (
    FILE,
    FILING,
    INJURY,
    INVOICE,
    KEY,
    LEAVING,
    NEW_INJURY,
    OFFSITE,
    OPENING,
    ORDER,
    PAID,
    TREATMENT,
    fee,
)
from tests.toy import ToyEnvironment
from tests.world import World

NAMES = ("neimenggu.inpatient", "neimenggu.outpatient", "neimenggu.offsite")
#: Two days after the admission, in the morning.
MORNING = int(datetime.datetime(2026, 3, 3, 8, tzinfo=datetime.UTC).timestamp()) * SECOND
PATIENCE = 20 * MINUTE


class Story:
    """One visit, its peers, and a HIS that says what it is told to say."""

    def __init__(self, name: str = "neimenggu.inpatient", **settings: Any) -> None:
        self.definition = flow(name)
        if settings:
            changed = {**self.definition.settings, **settings}
            self.definition = self.definition.model_copy(update={"settings": changed})
        self.centre, self.items = Centre(injuries=[INJURY], treatments=[TREATMENT], filings=[FILING]), Items()
        self.environment = ToyEnvironment(MORNING)

    async def begin(self, key: str = KEY, **data: Any) -> Story:
        self.world = await World(
            environment=self.environment,
            catalogue=catalogue(),
            adapter=self.centre,
            others={"catalogue": self.items},
            definitions=[self.definition],
        ).start()
        base = OFFSITE if self.definition.flow == "neimenggu.offsite" else OPENING | {"application": "A1"}
        facts = {name: value for name, value in {**base, **data}.items() if value is not None}
        self.id = (await self.world.commands.open(self.definition.flow, key, facts))[0].visit_id
        await self.world.run(PATIENCE)
        return self

    async def say(self, trigger: str, patience: int = PATIENCE, **data: Any) -> Visit:
        await self.world.commands.trigger(self.id, trigger, data or None)
        await self.world.run(patience)
        return await self.visit()

    async def wait(self, patience: int) -> Visit:
        end = self.environment.time + patience
        await self.world.run(patience)
        self.environment.time = max(self.environment.time, end)
        return await self.visit()

    async def visit(self) -> Visit:
        await self.world.check(self.id)
        return await self.world.visit(self.id)

    async def state(self) -> str:
        return (await self.visit()).state

    async def trouble(self) -> Stuck:
        events = await self.world.events(self.id)
        assert isinstance(events[-1], Stuck), events[-1]
        return events[-1]

    async def cancel(self) -> Visit:
        await self.world.commands.cancel(self.id, "supervisor", "as told")
        await self.world.run(HOUR)
        return await self.visit()

    async def to_discharge(self, **paid: Any) -> Visit:
        """Hand two lines over, leave, settle with the patient."""
        await self.say("hand_over", fees=[fee("L1", "60.00"), fee("L2", "40.00", order="YZ1")], orders=[ORDER])
        await self.say("leave", **LEAVING)
        assert await self.state() == "sheet_ready"
        return await self.say("settled_with_patient", **{**PAID, **paid})


# -- what is shipped
@pytest.mark.parametrize("name", NAMES)
def test_no_rule_finds_anything(name: str) -> None:
    site = load_site(ROOT / "docs/examples/neimenggu.yaml")
    definition = next(each for each in site.definitions if each.flow == name)
    assert check(definition, catalogue(), site.sources[name]) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_write_can_be_settled_and_every_undo_is_warned_of(name: str) -> None:
    compiled = Flow(flow(name), catalogue())
    once = [edge for edge in compiled.all_edges() if edge.bound and edge.bound.operation.effect is Effect.ONCE]
    assert {edge.trigger for edge in once} == {"register", "upload_batch", "discharge"}
    for edge in once:
        for way in (edge, edge.back):
            first, last = (method.kind.value for method in way.methods)
            assert first in ("probe", "inquire") if name == "neimenggu.offsite" else first == "probe"
            assert last == "ask"
        assert edge.definition.undo is not None
        assert edge.definition.undo.warning is not None
        assert edge.definition.undo.warning.zh
        assert edge.definition.undo.warning.en


@pytest.mark.parametrize("name", NAMES)
def test_everything_has_a_title_in_both_languages(name: str) -> None:
    definition = flow(name)
    for titled in (definition, *definition.states.values(), *definition.transitions):
        assert titled.title.zh
        assert titled.title.en


def test_the_default_site_needs_nothing_of_it() -> None:
    assert not any(each.flow.startswith("neimenggu.") for each in load_site(ROOT / "flows.yaml").definitions)
    assert "neimenggu" in (ROOT / "flows.yaml").read_text("utf-8")


# -- a stay
async def test_a_stay_from_card_to_review() -> None:
    story = await Story().begin(card={"card_number": "C00000001", "card_identifier": "I1"})
    assert await story.state() == "registered"
    sent = story.centre.last("register")
    assert sent["isnewinjure"] == "0"
    assert (sent["kc21"]["alca02"], sent["kc21"]["aae073"]) == ("GS-7", "A1")
    assert (sent["kc21"]["akc192"], sent["kc21"]["sbkid"]) == ("2026-03-01", "C00000001")

    await story.say("hand_over", fees=[fee("L1", "60.00", order="YZ1")], orders=[ORDER])
    assert story.centre.times("upload_lines") == 0, "the timer uploads, not the hand-over"
    await story.wait(HOUR)
    assert (await story.visit()).data["uploaded_total"] == "60.00"
    assert story.centre.stays[KEY].orders == {"YZ1": "静脉滴注"}

    visit = await story.say("leave", **LEAVING)  # nothing new: at once to the sheet
    assert visit.state == "sheet_ready"
    assert (visit.data["approved_total"], visit.data["sheet"]["jjin"]) == ("60.00", "50.00")
    assert story.centre.last("approve_fees")["aaca07"] == "JS1"
    paid = {"paid_total": "60.00", "paid_by_fund": "50.00", "invoices": [INVOICE | {"amount": "60.00"}]}
    visit = await story.say("settled_with_patient", **PAID | paid)
    assert visit.state == "discharged"
    left = story.centre.last("leave")
    assert (left["akc194"], left["akc195"], left["akc196"]) == ("2026-03-20", "9", "S82.201")
    assert (left["ints"], left["km12"][0]["body"], set(left) & {"km02", "km03"}) == ("19", FILE, {"km02", "km03"})
    assert visit.data["sheet"]["akc194"] == "2026-03-20", "fetched again after the discharge"

    plan = {"file": FILE, "invoice_no": "KF1", "amount": "0", "kind": "02"}
    visit = await story.say("send_material", material=plan)
    assert visit.data["sent_material"]["KF1"]["kind"] == "02"
    await story.say("application_submitted")
    await story.wait(2 * DAY)
    assert await story.state() == "applied"
    story.centre.stays[KEY].reviewed = True
    visit = await story.wait(2 * DAY)
    assert (visit.state, visit.closed) == ("closed", True)
    assert visit.data["final"] == {"total": "60.00", "fund": "40.00", "self_paid": "20.00"}


async def test_an_invalid_card_stops_for_a_person() -> None:
    story = Story()
    story.centre.card = "0"
    await story.begin(card={"card_number": "C00000001", "card_identifier": "I1"})
    trouble = await story.trouble()
    assert trouble.cause is Cause.DISAGREEMENT
    assert "card" in trouble.message
    await story.world.commands.resume(story.id, "supervisor", "卡已换")
    await story.world.run(PATIENCE)
    assert await story.state() == "registered"


async def test_a_qr_code_of_somebody_else_stops_without_telling_who() -> None:
    story = Story()
    story.centre.card = "11010119000101000X"
    await story.begin(qr_code="Q" * 22)
    trouble = await story.trouble()
    assert trouble.cause is Cause.DISAGREEMENT
    assert "11010119" not in str(trouble)


async def test_several_injuries_wait_for_a_choice_and_the_centre_is_asked_again() -> None:
    story = Story()
    story.centre.injuries = [INJURY, INJURY | {"alca02": "GS-8"}]
    await story.begin()
    assert await story.state() == "injuries_listed"
    await story.say("choose_injury", certificate="GS-9")
    assert await story.state() == "injuries_listed", "nothing of that number is listed"
    story.centre.treatments = []
    await story.say("choose_injury", certificate="GS-8")
    assert await story.state() == "grounds_listed"
    visit = await story.say("choose_injury", certificate="GS-7")
    assert visit.state == "grounds_listed"
    story.centre.treatments = [TREATMENT | {"akc175": "0"}]
    await story.wait(2 * HOUR)
    assert await story.state() == "grounds_listed", "not approved yet"
    story.centre.treatments = [TREATMENT]
    visit = await story.wait(2 * HOUR)
    assert visit.state == "registered"
    assert visit.data["treatment"]["aae073"] == "A1"


async def test_a_person_chooses_the_application_even_of_one() -> None:
    story = await Story().begin(application=None)
    assert await story.state() == "grounds_listed"
    assert (await story.say("choose_treatment", application="A9")).state == "grounds_listed"
    assert (await story.say("choose_treatment", application="A1")).state == "registered"


async def test_nobody_insured_yet_waits_and_looks_again() -> None:
    story = Story()
    story.centre.injuries = []
    await story.begin()
    assert await story.state() == "injuries_listed"
    story.centre.injuries = [INJURY]
    assert (await story.wait(3 * HOUR)).state == "registered"


# -- new injuries
async def test_a_new_injury_is_registered_without_certificate() -> None:
    story = Story()
    story.centre.injuries = [NEW_INJURY]
    await story.begin(application=None)
    assert await story.state() == "registered"
    sent = story.centre.last("register")
    assert sent["isnewinjure"] == "1"
    assert "alca02" not in sent["kc21"]
    assert "aae073" not in sent["kc21"]
    visit = await story.to_discharge(paid_by_fund="0.00", paid_by_patient="100.00")
    assert visit.state == "discharged", "self-paid, whatever the sheet says"


async def test_an_agency_may_want_the_filing_first() -> None:
    story = Story(filing_by_agency="150500=required")
    story.centre.injuries = [NEW_INJURY]
    await story.begin(application=None)
    assert await story.state() == "grounds_listed"
    story.centre.reports = [{"aac001": "P7", "alca02": "", "clc004": "40"}]
    assert (await story.wait(2 * HOUR)).state == "registered"


async def test_an_agency_may_want_no_upload_or_ask_for_one() -> None:
    story = Story(new_injuries_by_agency="150500=no")
    story.centre.injuries = [NEW_INJURY]
    await story.begin(application=None)
    visit = await story.visit()
    assert (visit.state, visit.closed) == ("not_uploaded", True)

    other = Story(new_injuries="when_asked", filing="required")
    other.centre.injuries = [NEW_INJURY]
    await other.begin(application=None)
    assert await other.state() == "grounds_listed"
    assert (await other.say("ask_for_upload", asked_for_by="通辽市社保")).state == "registered"


# -- fees
async def test_unmatched_lines_wait_and_go_up_once_the_catalogue_knows_them() -> None:
    story = Story()
    story.items.missing = {"H9"}
    await story.begin()
    await story.say("hand_over", fees=[fee("L1"), fee("L2", hospital_code="H9")])
    visit = await story.wait(2 * HOUR)
    assert [name for name, raw in visit.data["fees"].items() if raw.get("outcome")] == ["L1"]
    await story.say("leave", **LEAVING)
    assert await story.state() == "charged", "a line waits for its match: the patient cannot leave yet"
    story.items.missing = set()
    assert (await story.wait(2 * HOUR)).state == "sheet_ready"


async def test_one_bad_line_is_set_aside_and_the_rest_goes_on() -> None:
    story = await Story(batch_size=4).begin()
    story.centre.bad_items = {"H5": "81028"}
    lines = [fee(f"L{number}", hospital_code=f"H{number}") for number in range(8)]
    await story.say("hand_over", fees=lines)
    visit = await story.wait(2 * HOUR)
    (bad,) = [raw for raw in visit.data["fees"].values() if raw.get("outcome") == "refused"]
    assert (bad["line_id"], bad["code"]) == ("L5", "81028")
    assert story.centre.stays[KEY].total == Decimal("350.00")
    story.centre.bad_items = {}
    await story.say("hand_over", again=["L5"])
    await story.wait(2 * HOUR)
    assert story.centre.stays[KEY].total == Decimal("400.00")


async def test_a_new_version_of_the_catalogue_sends_a_refused_line_again() -> None:
    story = await Story().begin()
    story.centre.bad_items = {"H1": "81028"}
    await story.say("hand_over", fees=[fee("L1")])
    await story.wait(90 * MINUTE)
    story.centre.bad_items, story.items.version = {}, "2026.2"
    await story.wait(2 * HOUR)
    assert story.centre.stays[KEY].total == Decimal("50.00")
    assert story.centre.last("upload_lines")["med"][0]["vmed"] == "2026.2"


async def test_the_drug_share_of_a_rehabilitation_is_shown_and_not_in_the_way() -> None:
    story = await Story(drug_share_limit=40).begin(treatment_kind="4")
    await story.say("hand_over", fees=[fee("L1")])
    visit = await story.wait(2 * HOUR)
    assert visit.state == "charged"
    assert visit.data["drug_share"]["exceeds"] is True
    assert visit.data["drug_share"]["percent"] == "50.00%"
    assert story.centre.times("drug_share") == 1


@pytest.mark.parametrize("fate", ["request", "reply"])
async def test_no_line_is_charged_twice_whatever_gets_lost(fate: str) -> None:
    story = await Story(batch_size=1).begin()
    await story.say("hand_over", fees=[fee("L1", "10.00"), fee("L2", "20.00"), fee("L3", "30.00")])
    story.centre.lost = {"upload_lines": ["", fate, "", fate]}
    visit = await story.wait(3 * HOUR)
    assert story.centre.stays[KEY].amounts == [Decimal("10.00"), Decimal("20.00"), Decimal("30.00")]
    assert visit.data["uploaded_total"] == "60.00"


async def test_partly_saved_lines_are_for_a_person() -> None:
    story = await Story().begin()
    story.centre.saves_too_few = 1
    await story.say("hand_over", fees=[fee("L1", "10.00"), fee("L2", "20.00")])
    await story.wait(3 * HOUR)
    trouble = await story.trouble()
    assert trouble.cause is Cause.DOUBT
    assert story.centre.times("upload_lines") == 1


# -- registration in doubt
@pytest.mark.parametrize("fate", ["request", "reply"])
async def test_a_lost_registration_is_found_or_made_once(fate: str) -> None:
    story = Story()
    story.centre.lost = {"register": [fate]}
    await story.begin()
    visit = await story.wait(HOUR)
    assert visit.state == "registered"
    assert len(story.centre.stays) == 1


async def test_registered_already_after_a_lost_answer_is_looked_into() -> None:
    """The first message arrives after it was given up: 51014 to the second one, and 4.15 shows our stay."""
    story = Story()
    story.centre.lost = {"register": ["request"]}
    original = story.centre.do_register

    def late(request: Any) -> dict[str, Any]:
        if KEY not in story.centre.stays:
            original(request)  # the late original, a moment before the second message
        return original(request)

    story.centre.do_register = late  # type: ignore[method-assign]
    await story.begin()
    visit = await story.wait(HOUR)
    assert visit.state == "registered"
    settled = [event for event in await story.world.events(story.id) if isinstance(event, Settled)]
    assert [event.verdict for event in settled] == [Verdict.NOT_APPLIED, Verdict.APPLIED]


async def test_registered_already_without_a_lost_answer_is_a_refusal() -> None:
    story = Story()
    story.centre.refuses = {"register": ["51014"]}
    await story.begin()
    trouble = await story.trouble()
    assert trouble.cause is Cause.REFUSED
    assert "51014" in trouble.message


# -- money
async def test_what_was_paid_has_to_be_what_the_sheet_says() -> None:
    story = await Story().begin()
    await story.say("hand_over", fees=[fee("L1", "100.00")])
    await story.say("leave", **LEAVING)
    with pytest.raises(TriggerNotLegal, match="settlement_agrees"):
        await story.say("settled_with_patient", **PAID | {"paid_by_fund": "80.00", "paid_by_patient": "20.00"})
    with pytest.raises(InvalidData, match="come to"):
        await story.say("settled_with_patient", **PAID | {"invoices": [INVOICE | {"amount": "99.00"}]})
    assert (await story.say("settled_with_patient", **PAID)).state == "discharged"


async def test_sums_that_disagree_stop_the_visit() -> None:
    story = await Story().begin()
    await story.say("hand_over", fees=[fee("L1", "100.00")])
    await story.wait(2 * HOUR)
    story.centre.stays[KEY].amounts.append(Decimal("0.01"))
    await story.say("leave", **LEAVING)
    trouble = await story.trouble()
    assert trouble.cause is Cause.DISAGREEMENT
    assert trouble.message == "total of 4.12 = sum of the lines: expected 100.00, got 100.01"


async def test_more_lines_before_the_patient_settles_make_a_new_sheet() -> None:
    story = await Story().begin()
    await story.say("hand_over", fees=[fee("L1", "80.00")])
    await story.say("leave", **LEAVING)
    visit = await story.say("hand_over", fees=[fee("L2", "20.00")])
    assert visit.state == "sheet_ready"
    assert visit.data["sheet"]["alc407sum"] == "100.00"


# -- the discharge in doubt
@pytest.mark.parametrize("fate", ["request", "reply"])
async def test_a_lost_discharge_is_found_or_made_once(fate: str) -> None:
    story = await Story().begin()
    story.centre.lost = {"leave": [fate]}
    await story.to_discharge()
    visit = await story.wait(HOUR)
    assert visit.state == "discharged"
    assert visit.data["sent_material"]["FP1"]["undone"] == "no"


@pytest.mark.parametrize("fate", ["request", "reply"])
async def test_lost_material_is_sent_again_under_its_number(fate: str) -> None:
    story = await Story().begin()
    await story.to_discharge()
    story.centre.lost = {"send_material": [fate]}
    material = {"file": FILE, "invoice_no": "KF1", "amount": "0.00", "kind": "02"}
    await story.say("send_material", material=material)
    visit = await story.wait(HOUR)
    if fate == "request":
        assert visit.data["sent_material"]["KF1"]["kind"] == "02"
    else:  # the centre has no code for "used already": a person is asked
        assert (await story.trouble()).cause is Cause.DOUBT


async def test_an_application_waits_until_the_invoices_come_to_the_total() -> None:
    story = await Story().begin()
    await story.say("hand_over", fees=[fee("L1", "100.00")])
    await story.say("leave", **LEAVING)
    await story.say("settled_with_patient", **PAID | {"invoices": []})
    await story.say("send_material", material=INVOICE | {"amount": "60.00"})
    with pytest.raises(TriggerNotLegal, match="invoices_come_to_total"):
        await story.say("application_submitted")
    with pytest.raises(InvalidData, match=r"come to 100\.01, the total is 100\.00"):
        await story.say("send_material", material=INVOICE | {"invoice_no": "FP2", "amount": "40.01"})
    visit = await story.say("application_submitted", invoices_on_web="40.00")
    assert visit.state == "applied"


# -- back
async def test_everything_is_taken_back_newest_first() -> None:
    story = await Story().begin()
    await story.to_discharge()
    visit = await story.cancel()
    assert (visit.state, visit.closed) == ("cancelled", True)
    undone = [name for name, _ in story.centre.calls if name.startswith("cancel_")]
    assert undone == ["cancel_leave", "cancel_lines", "cancel_registration"]
    assert story.centre.stays == {}
    assert "uploaded_total" not in visit.data
    assert story.centre.last("cancel_registration") == {"akc190": KEY, "alca02": "GS-7"}


@pytest.mark.parametrize("fate", ["request", "reply"])
@pytest.mark.parametrize("operation", ["cancel_leave", "cancel_lines", "cancel_registration"])
async def test_an_undo_whose_answer_is_lost_is_settled(operation: str, fate: str) -> None:
    story = await Story().begin()
    await story.to_discharge()
    story.centre.lost = {operation: [fate]}
    visit = await story.cancel()
    assert (visit.state, visit.closed) == ("cancelled", True)
    assert story.centre.stays == {}


async def test_after_the_review_nothing_goes_back_and_the_supervisor_sees_why() -> None:
    story = await Story().begin()
    await story.to_discharge()
    story.centre.stays[KEY].reviewed = True
    await story.say("application_submitted")
    assert (await story.wait(2 * DAY)).closed
    await story.cancel()
    trouble = await story.trouble()
    assert trouble.cause is Cause.UNDO_REFUSED
    assert "120003" in trouble.message
    refused = [event for event in await story.world.events(story.id) if isinstance(event, Concluded)][-1]
    assert (refused.outcome, refused.code) == ("refused", "120003")
    assert trouble.evidence["events"]
    assert (await story.world.get(story.id)).status is Status.STUCK
    await story.world.commands.reverse(story.id, "discharged", "supervisor", "审核已完成，不撤销")
    await story.world.run(MINUTE)
    await story.world.commands.resume(story.id, "supervisor", "审核已完成，不撤销")
    await story.world.run(HOUR)
    assert (await story.visit()).closed


async def test_before_an_undo_people_read_what_it_means() -> None:
    story = await Story().begin()
    visit = await story.visit()
    actions = legal_actions(await story.world.flow(story.id), visit)
    (cancel,) = [each for each in actions if each.kind is ActionKind.CANCEL]
    assert "社保卡" in cancel.detail["warnings"][0]["zh"]


async def test_an_invoice_number_after_an_undo_has_to_be_asked_about() -> None:
    story = await Story().begin()
    await story.to_discharge()
    await story.world.commands.reverse(story.id, "sheet_ready", "supervisor", "发票有误")
    await story.world.run(HOUR)
    assert await story.state() == "sheet_ready"
    with pytest.raises(InvalidData, match="again is not documented"):
        await story.say("settled_with_patient", **PAID)
    asked = [INVOICE | {"again": True}]
    assert (await story.say("settled_with_patient", **PAID | {"invoices": asked})).state == "discharged"


# -- outpatients
async def test_an_outpatient_visit() -> None:
    story = Story("neimenggu.outpatient")
    await story.begin(ward=None, bed=None, fees=[fee("L1", "100.00")])
    sent = story.centre.last("register")["kc21"]
    assert sent["aka130"] == "11"
    assert "akc199" not in sent
    await story.wait(HOUR)
    assert (await story.visit()).data["uploaded_total"] == "100.00"
    await story.say("leave", **LEAVING | {"discharged_on": "2026-03-01"})
    visit = await story.say("settled_with_patient", **PAID)
    assert visit.state == "discharged"
    assert story.centre.last("leave")["ints"] == "0"
    story.centre.stays[KEY].reviewed = True
    assert (await story.wait(2 * DAY)).closed


# -- offsite
async def test_an_offsite_stay_from_card_to_the_final_sheet() -> None:
    story = await Story("neimenggu.offsite").begin(
        card={"card_number": "C00000001", "card_identifier": "I1"}, card_number=None
    )
    sent = story.centre.last("register_offsite")["bs003WS"]
    assert (sent["aae030"], sent["akc192"], sent["akc193"]) == ("2026-03-01", "S82.201", "胫骨骨折")
    assert (sent["alc011"], sent["sbkid"], sent["akc200"]) == ("GS-7", "C00000001", "12")
    visit = await story.to_discharge()
    assert visit.state == "discharged"
    line = story.centre.last("upload_offsite_lines")["bs004"][0]
    assert (line["ala002"], line["ala012"], line["akc225"], line["akc226"]) == ("XH1", "01", "60.00", "1")
    left = story.centre.last("leave_offsite")
    assert (left["aae031"], left["akc194"], left["akc195"], left["akc202"]) == (
        "2026-03-20",
        "S82.201",
        "胫骨骨折术后",
        "9",
    )
    assert left["bskm12"][0]["filetype"] == "01"
    assert "bskm02" in left
    assert story.centre.last("approve_fees")["rolltype"] == "1"
    visit = await story.say("application_submitted")
    assert (visit.state, visit.closed) == ("closed", True)
    assert visit.data["final"]["fund"] == "90.00"


async def test_an_offsite_stay_waits_for_a_filing_that_covers_it() -> None:
    story = Story("neimenggu.offsite")
    story.centre.filings = []
    await story.begin()
    assert await story.state() == "filings_listed"
    story.centre.filings = [FILING | {"aae031": "20260228"}]
    assert (await story.wait(2 * HOUR)).state == "filings_listed"
    story.centre.filings = [FILING, FILING | {"alc011": "GS-8"}]
    assert (await story.wait(2 * HOUR)).state == "filings_listed", "two fit: a person chooses"
    visit = await story.say("choose_filing", certificate="GS-8")
    assert visit.state == "registered"
    assert visit.data["filing"]["alc011"] == "GS-8"


async def test_an_offsite_stay_is_taken_back_newest_first() -> None:
    story = await Story("neimenggu.offsite").begin()
    await story.to_discharge()
    visit = await story.cancel()
    assert visit.closed
    undone = [name for name, _ in story.centre.calls if name.startswith("cancel_")]
    assert undone == ["cancel_offsite_leave", "cancel_offsite_lines", "cancel_offsite_registration"]


async def test_an_approval_that_stands_keeps_the_offsite_registration() -> None:
    story = await Story("neimenggu.offsite").begin()
    await story.to_discharge()
    story.centre.refuses = {"cancel_offsite_registration": ["320004"]}
    await story.cancel()
    trouble = await story.trouble()
    assert trouble.cause is Cause.UNDO_REFUSED
    assert "320004" in trouble.message


@pytest.mark.parametrize("fate", ["request", "reply"])
@pytest.mark.parametrize("operation", ["upload_offsite_lines", "leave_offsite", "cancel_offsite_leave"])
async def test_a_lost_offsite_answer_is_settled_without_415(operation: str, fate: str) -> None:
    story = Story("neimenggu.offsite")
    story.centre.lists_offsite = False
    story.centre.lost = {operation: [fate]}
    await story.begin()
    await story.say("hand_over", fees=[fee("L1", "60.00"), fee("L2", "40.00")])
    await story.wait(2 * HOUR)
    await story.say("leave", **LEAVING)
    await story.say("settled_with_patient", **PAID)
    visit = await story.wait(HOUR)
    assert visit.state == "discharged"
    assert story.centre.stays[KEY].total == Decimal("100.00")
    assert (await story.cancel()).closed


@pytest.mark.parametrize("covers", [True, False])
async def test_that_415_does_not_list_an_offsite_stay_counts_only_where_it_would(covers: bool) -> None:
    story = Story("neimenggu.offsite", list_covers_offsite=covers)
    story.centre.lists_offsite = False
    story.centre.lost = {"register_offsite": ["request"]}
    await story.begin()
    await story.wait(2 * HOUR)
    if covers:
        assert await story.state() == "registered"
    else:
        assert (await story.trouble()).cause is Cause.DOUBT
        assert story.centre.times("register_offsite") == 1
