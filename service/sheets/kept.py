"""Where a visit keeps its settlement sheet, and what the visit knows that the sheet should say as well."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from engine.commands import Report
from engine.environment import SECOND, Environment
from engine.errors import BadInput
from flows import Site
from service.application import Application
from service.settings import Settings
from service.sheets.checks import Ours
from service.sheets.model import Occasion, Sheet, build
from service.sheets.showing import amount

_FLOWS = "neimenggu"
_OPERATION = "settlement_sheet"
#: Kinds of care of an offsite visit (AKA1300).
_OFFSITE = ("71", "72")
_ADVICE = (
    "hand over how the stay ends (trigger leave), the sheet then comes by itself; or see what holds the visit up"
    " (visitflow visits show)"
)


class NoSheet(BadInput):
    """This visit has no settlement sheet."""

    code = "no_sheet"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads the sheet, and how: what the settings and the request say."""

    language: str
    clerk: str = ""


def members_of(report: Report) -> dict[str, Any]:
    """Return the ``kc21dto`` that a visit keeps (``sheet`` in its data). Raises NoSheet, saying what to do next."""
    visit = report.visit
    if visit.flow.partition(".")[0] != _FLOWS:
        raise NoSheet(f"visits of {visit.flow} have no settlement sheet", field="visit", flow=visit.flow)
    found = visit.data.get("sheet")
    if not isinstance(found, Mapping) or not found:
        ways = [action.target for action in report.actions if _OPERATION in action.sends]
        advice = f"trigger {' or '.join(ways)}" if ways else _ADVICE
        message = f"no settlement sheet yet, the visit is in {visit.state}: {advice}"
        raise NoSheet(message, field="visit", state=visit.state, next=ways)
    return {"akc190": visit.key, **found}


def sheet_of(application: Application, report: Report, reader: Reader) -> Sheet:
    """Return the sheet of a visit. Raises NoSheet."""
    members, visit = members_of(report), report.visit
    offsite = visit.data.get("medical_kind") in _OFFSITE
    ours = Ours(
        visit.key,
        str(visit.data.get("identity_number") or ""),
        amount(visit.data.get("approved_total")),
        amount(visit.data.get("paid_total")),
    )
    final = offsite and bool(visit.data.get("final"))
    settings, site, environment = application.settings, application.site, application.environment
    return build(members, occasion(settings, site, environment, reader, final_offsite=final, ours=ours))


def occasion(
    settings: Settings,
    site: Site,
    environment: Environment,
    reader: Reader,
    *,
    final_offsite: bool = False,
    ours: Ours | None = None,
) -> Occasion:
    """Return today's occasion to print: the day is the site's."""
    today = datetime.datetime.fromtimestamp(environment.now() / SECOND, ZoneInfo(site.timezone)).date()
    return Occasion(today, reader.language, settings.sheet_city, reader.clerk, final_offsite, ours or Ours())
