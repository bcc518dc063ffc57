"""What keeps a process from asking for a session again and again: a wrong password, and a session that nobody knows."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from adapters.neimenggu.door import Conflict, Denied
from adapters.neimenggu.settings import NeimengguSettings
from engine.environment import SECOND, Environment, Micros
from engine.outcomes import Category, NotSent, Refused


class Pause:
    """Refuses by itself what the centre has refused, until something has changed."""

    def __init__(self, settings: NeimengguSettings, environment: Environment) -> None:
        """Nothing was refused yet."""
        self._settings = settings
        self._environment = environment
        self._zone = ZoneInfo(settings.timezone)
        self._denied: tuple[str, Refused] | None = None  #: which secrets, and what the centre said
        self._conflict_until: Micros = 0  #: by the clock that nobody sets
        self._conflict: NotSent | None = None
        self._lost_at: Micros | None = None

    def of(self, fingerprint: str) -> Refused | NotSent | None:
        """Return why nothing is asked now; None when there is no reason. ``fingerprint`` of user and password."""
        if self._denied is not None and fingerprint and self._denied[0] == fingerprint:
            told = self._denied[1]
            return Refused(told.code, f"{told.message}（未再次尝试 not asked again）", told.category)
        if self._conflict is not None and self._environment.monotonic() < self._conflict_until:
            return self._conflict
        return None

    def forget(self) -> None:
        """Ask again: a session stands, or a person says so. That a log-in was lost is remembered until it cannot be."""
        self._denied = self._conflict = None

    def lost(self, at: Micros) -> None:
        """Remember that a session may stand since ``at`` that nobody knows."""
        self._lost_at = at

    def denied(self, tried: Denied, fingerprint: str) -> Refused:
        """Stop: a person has to put user or password right, and a wrong one too often locks the user (N36)."""
        message = f"登录被拒绝，请检查用户名和密码 log-in refused, check user and password: {tried.text}"
        refused = Refused(tried.code, message, Category.CREDENTIALS, tried.exchange)
        self._denied = (fingerprint, refused)
        return refused

    def conflict(self, tried: Conflict) -> NotSent:
        """Wait: somebody else holds the user's only session, or a log-in of ours was lost."""
        now, settings = self._environment.now(), self._settings
        began = self._lost_at if self._lost_at is not None and now - self._lost_at < settings.session_life else now
        free, again = self._clock(began + settings.session_life), self._clock(now + settings.conflict_wait)
        why = (
            f"{tried.code} 用户已登录，但会话不为本系统所知（登录应答丢失，或有人用同一用户登录网页端）："
            f"请在网页端退出，或最迟等到 {free} 自动失效；{again} 后再试 "
            f"the user is logged in under a session we do not know (a lost answer to a log-in, or somebody on the web):"
            f" log out there, or it ends by itself by {free}; not asked again before {again}"
        )
        self._conflict = NotSent(why)
        self._conflict_until = self._environment.monotonic() + settings.conflict_wait
        return NotSent(why, tried.exchange)

    def _clock(self, at: Micros) -> str:
        return f"{datetime.datetime.fromtimestamp(at // SECOND, self._zone):%H:%M}"
