"""Fee lines of a front end, into the ledger: what is the same line is never uploaded twice (J55).

Rows of 000 have no number. A row that carries the HIS's own (``line_id``, or ``rxno`` and ``feedetl_sn``) is that line;
another is known by what it says: item, quantity, amount, time where there is one, and its place among equals.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from adapters.money import round_cents
from service.gateway.envelope import GatewayError
from service.gateway.front import Front
from service.gateway.requests import FeeDetail, Prescription
from steps.jiangsu.ledger import Entry, LineState
from steps.jiangsu.lines import FeeLine

_PRICE = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was handed over: ``given`` is the HIS's own id, ``line`` what the ledger takes, without a time."""

    given: str
    line: dict[str, Any]
    time: str

    def content(self, *, timed: bool) -> str:
        """Return what the row says, as the beginning of an id."""
        facts = (
            *_content(self.line["med_list_codg"], self.line["cnt"], self.line["umamt"]),
            self.time if timed else "",
        )
        return "G" + hashlib.sha256("|".join(facts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Sorted:
    """Rows beside the ledger: lines that are new, ids of all rows in their order, and what no row speaks of."""

    new: dict[str, dict[str, Any]]
    ids: list[str]
    left: list[Entry]


def rows_of(front: Front, rows: Sequence[FeeDetail | Prescription], where: str) -> list[Row]:
    """Return the rows of a request. Raises GatewayError 1007, naming the row."""
    return [_row(front, each, f"{where}.{index}") for index, each in enumerate(rows)]


def _row(front: Front, raw: FeeDetail | Prescription, where: str) -> Row:
    if raw.cnt == 0:
        raise GatewayError(1007, f"{where}.cnt：expected a quantity other than 0")
    price, amount = _price_and_amount(raw, where)
    line: dict[str, Any] = {
        "list_type": raw.list_type or front.default("list_type"),
        "med_list_codg": raw.med_list_codg,
        "name": raw.med_list_name or raw.med_list_codg,
        "pric": price,
        "cnt": raw.cnt,
        "umamt": amount,
        **{name: value for name in ("rxno", "feedetl_sn", "refund_of") if (value := getattr(raw, name))},
    }
    if isinstance(raw, Prescription):
        line |= {"doctor_code": raw.bilg_dr_codg or "", "dept_code": raw.bilg_dept_codg or ""}
        line["all_self"] = raw.allSelfFlag == "1"
    given = raw.line_id or (f"{raw.rxno or '1'}-{raw.feedetl_sn}" if raw.feedetl_sn else "")
    return Row(given, line, raw.fee_ocur_time or "")


def _price_and_amount(raw: FeeDetail | Prescription, where: str) -> tuple[Decimal, Decimal]:
    if isinstance(raw, Prescription):
        amount = round_cents(raw.pric * raw.cnt)
        if raw.umamt is not None and raw.umamt != amount:
            raise GatewayError(1007, f"{where}.umamt：expected pric × cnt = {amount}")
        return raw.pric, amount
    price = (raw.fee_amt / raw.cnt).quantize(_PRICE, ROUND_HALF_UP)
    if round_cents(price * raw.cnt) != raw.fee_amt:
        raise GatewayError(1007, f"{where}.fee_amt：no price of 4 decimals times cnt gives this amount")
    return price, raw.fee_amt


def _content(item: str, count: Decimal, amount: Decimal) -> tuple[str, str, str]:
    return item, format(count.normalize(), "f"), format(amount.normalize(), "f")


def sort_rows(front: Front, rows: Iterable[Row], ledger: Sequence[Entry]) -> Sorted:
    """Lay rows beside the ledger. A row without a number takes the first line that says the same and is not taken."""
    by_id = {each.line_id: each for each in ledger if each.state is not LineState.VOIDED}
    taken: set[str] = set()
    new: dict[str, dict[str, Any]] = {}
    ids: list[str] = []
    places: Counter[str] = Counter()
    now = front.stamp()
    for row in rows:
        known = by_id.get(row.given) if row.given else _alike(row, by_id, taken)
        if known is not None:
            line_id = known.line_id
            line = {"line_id": line_id, **row.line, "fee_ocur_time": row.time or known.line.fee_ocur_time}
            if row.given and _differs(line, known):
                new[line_id] = line
        else:
            line_id = row.given or _free(row, places, {*by_id, *new})
            new[line_id] = {"line_id": line_id, **row.line, "fee_ocur_time": row.time or now}
        if line_id in taken:
            raise GatewayError(1007, f"line_id：{line_id} comes twice")
        taken.add(line_id)
        ids.append(line_id)
    return Sorted(new, ids, [each for line_id, each in by_id.items() if line_id not in taken])


def _alike(row: Row, by_id: Mapping[str, Entry], taken: set[str]) -> Entry | None:
    wanted = _content(row.line["med_list_codg"], row.line["cnt"], row.line["umamt"])
    timeless = row.content(timed=False)
    for line_id, entry in by_id.items():
        line = entry.line
        if line_id in taken or _content(line.med_list_codg, line.cnt, line.umamt) != wanted:
            continue
        if not row.time or line.fee_ocur_time == row.time or line_id.startswith(timeless):
            return entry
    return None


def _free(row: Row, places: Counter[str], used: set[str]) -> str:
    content = row.content(timed=bool(row.time))
    while True:
        places[content] += 1
        if (line_id := f"{content}-{places[content]}") not in used:
            return line_id


def _differs(line: Mapping[str, Any], known: Entry) -> bool:
    try:
        return FeeLine.model_validate(line).digest() != known.line.digest()
    except ValueError:  # the ledger says what is wrong with it
        return True
