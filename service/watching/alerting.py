"""Alerts: seen, told, told again, told to be over; durable, so that a restart is no reason to tell anything twice.

``evaluate`` compares rules with what stands in the register, ``send`` tells what is due. Every process of a site may
do both: of each rule and subject one row is open, and a message is leased before it is sent.
"""

from __future__ import annotations

from typing import Any

import httpx

from engine.environment import DAY, MINUTE, SECOND, Micros
from engine.facts import dumps
from service.application import Application
from service.signed_post import BACK_OFF, Endpoint, SignedPost
from service.views import moment
from service.watching.measuring import MEASURES, SILENCE_SAYS_NOTHING, Source
from service.watching.rules import Rule, load_rules
from storage.registers import Alert

_LEASE: Micros = MINUTE
_AT_ONCE = 20
#: Seeing it again is written down at most so often.
_NOTED: Micros = 30 * SECOND
#: What has not been confirmed for so long is let go: the process that knew it is gone.
_UNCONFIRMED: Micros = DAY
_FRESH: Micros = 5 * SECOND


class Alerting:
    """The alerts of a site, as one process sees them."""

    def __init__(self, application: Application, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``transport`` is for tests. Raises BadInput for rules that are not valid."""
        self._application = application
        self._environment = application.environment
        self._register = application.registers.alerts
        self._rules = {rule.name: rule for rule in load_rules(application.settings.alert_rules)}
        endpoint = Endpoint.of_alerts(application.settings)
        self._poster = None if endpoint is None else SignedPost(endpoint, transport)

    @property
    def tells(self) -> bool:
        """Tell whether there is anybody to tell."""
        return self._poster is not None

    async def evaluate(self) -> int:
        """Look at everything once; return 0, so that the next look comes after a pause. Raises StoreError."""
        survey = await self._application.watching.surveyor.survey(_FRESH)
        source = Source(self._application, survey)
        standing = {alert.key: alert for alert in await self._register.open()}
        for rule in self._rules.values():
            measured = await MEASURES[rule.watch](source, rule)
            for subject, value in measured.items():
                if rule.holds(value):
                    await self._seen(rule, subject, value, standing.pop(f"{rule.name}|{subject}", None))
            for key in [key for key, alert in standing.items() if alert.rule == rule.name]:
                await self._unseen(rule, standing.pop(key), measured)
        for alert in standing.values():  # a rule that there is no longer
            await self._register.change(alert, state="lapsed", over_at=self._environment.now(), next_at=None)
        return 0

    async def _seen(self, rule: Rule, subject: str, value: float, alert: Alert | None) -> None:
        now, shown = self._environment.now(), f"{value:g}"
        if alert is None:
            fires = rule.for_ == 0
            made = Alert(
                alert_id=self._environment.new_id(),
                rule=rule.name,
                subject=subject[:200],
                severity=rule.severity,
                state="firing" if fires else "pending",
                value=shown,
                since=now,
                seen_at=now,
                fired_at=now if fires else None,
                next_at=now if fires else None,
            )
            await self._register.begin(made)
        elif alert.state == "pending" and now - alert.since >= rule.for_:
            await self._register.change(alert, state="firing", seen_at=now, fired_at=now, value=shown, next_at=now)
        elif now - alert.seen_at >= _NOTED:
            await self._register.change(alert, seen_at=now, value=shown)

    async def _unseen(self, rule: Rule, alert: Alert, measured: Any) -> None:
        """Let an alert end, when it has been over for long enough and somebody who knows says so."""
        now = self._environment.now()
        silent = now - alert.seen_at
        known = alert.subject in measured or rule.watch not in SILENCE_SAYS_NOTHING
        if silent < rule.clear or (not known and silent < _UNCONFIRMED):
            return
        if alert.state == "firing" and alert.told and known:
            await self._register.change(alert, state="resolved", over_at=now, next_at=now, attempts=0)
        else:  # nobody was told, so nobody needs to be told that it is over
            await self._register.change(alert, state="lapsed", over_at=now, next_at=None)

    async def send(self) -> int:
        """Tell what is due; return how many messages that were."""
        if self._poster is None:
            return 0
        now = self._environment.now()
        due = await self._register.claim(now, now + _LEASE, _AT_ONCE)
        for alert in due:
            await self._send(alert)
        return len(due)

    async def _send(self, alert: Alert) -> None:
        assert self._poster is not None
        rule = self._rules.get(alert.rule)
        now = self._environment.now()
        headers = {"Visitflow-Alert": alert.alert_id, "Visitflow-Attempt": str(alert.attempts + 1)}
        status, _ = await self._poster.send(dumps(message(alert, rule)).encode(), now, headers)
        if status is not None and 200 <= status < 300:
            again = now + rule.repeat if rule is not None and alert.state == "firing" else None
            await self._register.told(alert, now, again)
            return
        given_up = alert.state == "resolved" and now - (alert.over_at or now) > DAY
        wait = BACK_OFF[min(alert.attempts, len(BACK_OFF) - 1)]
        await self._register.failed(alert, None if given_up else now + wait)

    async def test(self) -> tuple[int | None, str | None]:
        """Send a message that says it is a test; return the receiver's status, or what went wrong."""
        if self._poster is None:
            return None, "not configured"
        now = self._environment.now()
        sample = Alert(self._environment.new_id(), "test", "", "warning", "test", "0", now, now)
        return await self._poster.send(dumps(message(sample, None)).encode(), now, {"Visitflow-Alert": sample.alert_id})

    async def forget(self, before: Micros) -> None:
        """Forget what was over before."""
        await self._register.forget(before)

    async def close(self) -> None:
        """Close connections."""
        if self._poster is not None:
            await self._poster.close()


def message(alert: Alert, rule: Rule | None) -> dict[str, Any]:
    """Return what a receiver is told; ``number`` rises with every message of one alert."""
    return {
        "alert": alert.alert_id,
        "number": alert.told + 1,
        "rule": alert.rule,
        "subject": alert.subject,
        "severity": alert.severity,
        "state": alert.state,
        "value": alert.value,
        "since": moment(alert.since),
        "over": moment(alert.over_at),
        "zh": rule.zh if rule is not None else "测试报警",
        "en": rule.en if rule is not None else "test alert",
    }
