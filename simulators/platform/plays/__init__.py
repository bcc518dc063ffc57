"""The businesses that patients start, one function each: (stage, patient, options) → what came of it."""

from __future__ import annotations

from simulators.platform.plays import admissions, bookings, money, online, registrations
from simulators.platform.plays.stage import Play

PLAYS: dict[str, Play] = money.PLAYS | registrations.PLAYS | bookings.PLAYS | admissions.PLAYS | online.PLAYS
