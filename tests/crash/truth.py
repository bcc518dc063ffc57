"""What must hold of a visit and the centre's books, and what a person who asks the centre by telephone is told.

Both work on the ledger as the simulated centre's control port shows it, so that they serve the tests in one process and
those with real ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from adapters.jiangsu.transactions import TRANSACTIONS
from engine.events import AnyEvent, Concluded, Intent, Role, Settled, Verdict
from engine.outcomes import Effect
from engine.visit import PendingCall, Visit
from tests.jiangsu import agree

Books = Mapping[str, Any]
#: The centre's transactions that do harm when they are made twice.
ONCE = frozenset(each.number for each in TRANSACTIONS.values() if each.effect is Effect.ONCE)
#: Outcomes after which it is known what became of a call.
_KNOWN = ("done", "refused", "not_sent")


# -- G1, G2
def intents(events: Iterable[AnyEvent]) -> list[Intent]:
    """Return what a visit has written down that it would send."""
    return [event for event in events if isinstance(event, Intent)]


def blind_repeats(events: Iterable[AnyEvent]) -> list[str]:
    """Return the operations that were sent again while it was unknown what had become of their last send (G2)."""
    unknown: dict[str, str] = {}
    found = []
    for event in events:
        if isinstance(event, Intent) and event.role in (Role.FORWARD, Role.UNDO):
            if event.operation in unknown.values():
                found.append(event.operation)
            unknown[event.call] = event.operation
        elif isinstance(event, Concluded) and event.outcome in _KNOWN:
            unknown.pop(event.call, None)
        elif isinstance(event, Settled):
            unknown.pop(event.subject, None)
    return found


def arrived_twice(books: Books) -> list[str]:
    """Return the ids of messages that do harm twice and came twice."""
    count = Counter(each["msgid"] for each in books["messages"] if each["code"] in ONCE)
    return [msgid for msgid, times in count.items() if times > 1]


def unannounced(books: Books, events: Iterable[AnyEvent]) -> list[dict[str, Any]]:
    """Return the writes that arrived and whose intent no journal holds (G1); ids of the other desk begin with P."""
    known = {event.message_id for event in intents(events)}
    return [
        each
        for each in books["messages"]
        if each["code"] in ONCE and each["msgid"] not in known and not each["msgid"].startswith("P")
    ]


# -- the two ledgers
def compare(visit: Visit, events: Iterable[AnyEvent], books: Books, *, records: int) -> None:
    """Assert that the centre's books hold of this visit exactly what the visit says."""
    ours = {event.message_id for event in intents(events)}
    _COMPARED[visit.flow](visit, ours, books)
    kept = [each for each in books["records"] if each["msgid"] in ours]
    assert len(kept) == records, f"{len(kept)} medical records"


def _of_patient(visit: Visit, ours: set[str], books: Books) -> None:
    data = visit.data
    agree(data, books["totals"].get(visit.key, {}))
    rows = [each for each in books["visits"] if each["ipt_otp_no"] == visit.key]
    standing = [each["visit_no"] for each in rows if each["status"] != "cancelled"]
    if "visit_no" in data:
        assert data["visit_no"] in (*standing, visit.key)  # the library has no number of its own (J42)
    uploaded = Counter(
        (line["rxno"], line["feedetl_sn"])
        for line in data.get("fees", {}).values()
        if line.get("outcome") == "uploaded"
    )
    assert Counter((line["rxno"], line["feedetl_sn"]) for row in rows for line in row["lines"]) == uploaded
    moved = [each for each in books["movements"] if each["ipt_otp_no"] == visit.key]
    assert all(each["amount"] == each["fund"] + each["own"] for each in moved)
    live = [each for row in rows for each in row["settlements"] if each["live"]]
    assert all(each["msgid"] in ours for each in live)


def _of_filing(visit: Visit, ours: set[str], books: Books) -> None:
    made = [each["filing_no"] for each in books["filings"] if each["msgid"] in ours]
    assert made == [visit.data["filing_no"]]


def _of_appeal(visit: Visit, ours: set[str], books: Books) -> None:
    appeals = [(each["deduct_no"], each["appeal_no"]) for each in books["deductions"] if each["msgid"] in ours]
    wanted = [(visit.data["deduct_no"], visit.data["appeal_no"])] if "appeal_no" in visit.data else []
    assert appeals == wanted


def _of_day(visit: Visit, ours: set[str], books: Books) -> None:
    period = visit.data["begin"], visit.data["end"]
    standing = [each["msgid"] for each in books["confirmations"] if (each["begin"], each["end"]) == period]
    assert len(standing) == ("confirmed_at" in visit.data)
    assert set(standing) <= ours


def _of_session(visit: Visit, _ours: set[str], books: Books) -> None:
    assert visit.state in ("signed_out", "cancelled")
    assert visit.data.get("sign_no") not in books.get("sign_nos", ())


_COMPARED: dict[str, Callable[[Visit, set[str], Books], None]] = {
    "jiangsu.outpatient": _of_patient,
    "jiangsu.inpatient": _of_patient,
    "jiangsu.special_filing": _of_filing,
    "jiangsu.appeal": _of_appeal,
    "jiangsu.reconcile": _of_day,
    "jiangsu.session": _of_session,
}


# -- the telephone
def told(call: PendingCall, visit: Visit, books: Books) -> tuple[Verdict, dict[str, Any]]:
    """Return what the centre says of a message, and what its answer would have brought."""
    applied = any(
        each["msgid"] == call.message_id and each["result"] == "applied" and each["msgid"] not in books["reversed"]
        for each in books["messages"]
    )
    if not applied:
        return Verdict.NOT_APPLIED, {}
    read = _READ_OUT.get(call.operation)
    return Verdict.APPLIED, {} if read is None else read(call, visit, books)


def _registered(call: PendingCall, visit: Visit, books: Books) -> dict[str, Any]:
    number = next(each["visit_no"] for each in books["visits"] if each["msgid"] == call.message_id)
    return {"visit_no": visit.key if call.adapter.endswith("dll") else number}


def _uploaded(_call: PendingCall, visit: Visit, books: Books) -> dict[str, Any]:
    return {"uploaded_total": str(books["totals"][visit.key]["line_total"])}


def _settled(call: PendingCall, _visit: Visit, books: Books) -> dict[str, Any]:
    made = [each for row in books["visits"] for each in row["settlements"] if each["msgid"] == call.message_id]
    number = made[0]["mdtrt_id" if call.adapter.endswith("dll") else "settle_id"]
    amounts = {"total_amt": made[0]["total"], "fund_amt": made[0]["fund"], "self_amt": made[0]["own"]}
    return {"settle_id": number} | {name: str(value) for name, value in amounts.items()}


def _filed(call: PendingCall, _visit: Visit, books: Books) -> dict[str, Any]:
    return {"filing_no": next(each["filing_no"] for each in books["filings"] if each["msgid"] == call.message_id)}


def _appealed(call: PendingCall, _visit: Visit, books: Books) -> dict[str, Any]:
    return {"appeal_no": next(each["appeal_no"] for each in books["deductions"] if each["msgid"] == call.message_id)}


_READ_OUT: dict[str, Callable[[PendingCall, Visit, Books], dict[str, Any]]] = {
    "register": _registered,
    "upload_lines": _uploaded,
    "settle": _settled,
    "file_special": _filed,
    "appeal": _appealed,
}
