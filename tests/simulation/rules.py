"""What must hold at the end of every schedule, however it went."""

from __future__ import annotations

from collections import Counter

from engine.events import Concluded, Intent, Role, Settled, decode
from engine.outcomes import Effect
from engine.plan import project
from engine.store import History, Status
from engine.visit import Visit, fold
from tests.jiangsu import agree
from tests.simulation.hospital import Hospital


async def hold(hospital: Hospital) -> None:
    """Raise AssertionError naming the guarantee that does not hold."""
    intents: dict[str, Effect] = {}
    for key, visit_id in hospital.opened.items():
        journal = await hospital.store.journal(visit_id)
        visit = fold(visit_id, await hospital.store.history(visit_id))
        assert fold(visit_id, History(None, journal)) == visit, "G4: the snapshot tells another visit than the journal"
        assert project(hospital.flow, visit) == await hospital.store.get(visit_id), "G4: the list tells something else"
        assert [stored.seq for stored in journal] == list(range(1, len(journal) + 1)), "G5: two writers"
        events = [decode(stored.payload) for stored in journal]
        unsettled: str | None = None
        for event in events:
            match event:
                case Intent(role=Role.FORWARD | Role.UNDO):
                    assert unsettled is None, f"G2: {event.operation} intended while a call is not settled"
                    unsettled = event.call
                case Concluded(look_at=None) | Settled():
                    unsettled = None
            if isinstance(event, Intent):
                assert event.effect is not Effect.ONCE or event.message_id not in intents, (
                    "G2: one message, two intents"
                )
                intents[event.message_id] = event.effect
        projection = await hospital.store.get(visit_id)
        assert projection.status is Status.CLOSED, f"G11: {projection}"
        _books_agree(hospital, key, visit)
    _counted(hospital, intents)
    assert await hospital.store.zombies(hospital.clock.now(), 0) == [], "G10: forgotten"


def _books_agree(hospital: Hospital, key: str, visit: Visit) -> None:
    """The peer's books and the visit say the same (G2, G3, G6)."""
    if hospital.kind == "jiangsu":
        if key not in hospital.by_hand:
            agree(visit.data, hospital.gateway.centre.ledger.totals().get(key, {}))
        return
    expected = {leg.trigger: 1 for leg in visit.trail if leg.trigger in ("register", "settle")}
    if hospital.kind == "toy.keyed" and "settle" in expected:
        expected["refund"] = expected.pop("settle")
    actual = dict(hospital.toy.counts(key))
    assert actual == expected, f"G2: {key} is in {visit.state}; the visit says {expected}, the peer {actual}"


def _counted(hospital: Hospital, intents: dict[str, Effect]) -> None:
    """The counting peer: each ``once`` message came once, and only with an intent (G1, G2)."""
    if hospital.kind == "jiangsu":
        writes = [
            m.msgid
            for m in hospital.gateway.centre.ledger.messages
            if m.code in ("2201", "2204", "2207", "2202", "2205", "2208")
        ]
    else:
        once = {name for name, operation in hospital.toy_operations().items() if operation.effect is Effect.ONCE}
        writes = [message for operation, message in hospital.toy.received if operation in once]
    for message, times in Counter(writes).items():
        assert message in intents, "G1: a write came without an intent"
        doubled = sum(1 for each in hospital.fate.struck if each.endswith("=doubled"))
        assert times == 1 or (times == 2 and doubled), f"G2: {message} came {times} times"
