"""Which injury, application or filing a visit rests on: chosen by people, held against what the centre listed.

Nothing is chosen by us but the only one there is. A choice that the centre does not list, has not approved, or whose
dates do not cover the admission is no choice: the visit waits and looks again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.steps import View

Row = Mapping[str, Any]

APPROVED = "1"
VALID = "1"


def injury(view: View) -> Row | None:
    """Return the injury of the visit: as chosen, or the only one of the person (4.3, 6)."""
    data = view.data
    rows: Iterable[Row] = data.get("injuries") or ()
    certificate, employer = data.get("certificate"), data.get("employer")
    if certificate:
        rows = [row for row in rows if row.get("alca02") == certificate]
    elif data.get("new_injury"):
        rows = [row for row in rows if not row.get("alca02")]
    if employer:
        rows = [row for row in rows if row.get("aab001") == employer]
    return _only(rows)


def treatment(view: View) -> Row | None:
    """Return the application that was chosen, if it is approved and covers the admission (4.4, 6)."""
    found, chosen = injury(view), view.data.get("application")
    if found is None or not chosen:
        return None
    return _only(
        row
        for row in view.data.get("treatments") or ()
        if row.get("aae073") == chosen
        and row.get("alca02") in (None, "", found.get("alca02"))
        and row.get("akc175") == APPROVED
        and _covers(row.get("akc173"), row.get("aae031"), view.data["admitted_on"])
    )


def filing(view: View) -> Row | None:
    """Return the offsite filing: approved, valid on the day of admission; the only one, or as chosen (4.21, 6)."""
    chosen, day = view.data.get("certificate"), view.data["admitted_on"].replace("-", "")
    return _only(
        row
        for row in view.data.get("filings") or ()
        if (not chosen or row.get("alc011") == chosen)
        and row.get("aae016") == APPROVED
        and row.get("aae100") == VALID
        and _covers(row.get("aae030"), row.get("aae031"), day)
    )


def _covers(first: Any, last: Any, day: str) -> bool:
    """Tell whether a day lies between two; the forms sort as text, and an end that is not named is open."""
    return bool(first) and str(first)[: len(day)] <= day and (not last or day <= str(last)[: len(day)])


def _only(rows: Iterable[Row]) -> Row | None:
    found = list(rows)
    return found[0] if len(found) == 1 else None
