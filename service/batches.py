"""One action over many visits: looked at first, confirmed by a token, carried out once each, also across a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from engine.actions import ActionKind
from engine.commands import Report
from engine.environment import MINUTE, SECOND
from engine.errors import BadInput, NotLegal, StoreError, VisitBusy, VisitflowError
from engine.facts import dumps, normalise
from engine.store import VisitFilter
from engine.trace import where
from service.access.secrets import digest, token
from service.acting import Acting, Deed, Who
from service.application import Application
from service.errors import NotOpen, TooMany, UnknownThing
from storage.registers import Approval, Batch, BatchItem

log = structlog.get_logger("visitflow.service")

#: Visits of one batch, and how long a preview may be confirmed.
MOST = 5000
FRESH = 15 * MINUTE
_LEASE = 30 * SECOND
_PAGE = 500
_SLICE = 20


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen: the batch, how many visits may be acted on now and how many not, and what confirms it."""

    batch: Batch
    legal: int
    not_legal: int
    approval: int
    sample: list[str]
    token: str


class Batches:
    """Previews and confirms."""

    def __init__(self, application: Application, acting: Acting) -> None:
        """Keep batches in the application's registers."""
        self._application = application
        self._acting = acting
        self._register = application.registers.batches

    async def preview(self, which: VisitFilter, chosen: Mapping[str, Any], deed: Deed, who: Who) -> Preview:
        """Find the visits, write them down, change nothing. Raises TooMany."""
        application = self._application
        if not who.by.strip() or not who.reason.strip():
            raise BadInput("an operator's action needs both an operator and a reason", field="reason")
        found = await self._find(which)
        batch_id, now = application.environment.new_id(), application.environment.now()
        items: list[BatchItem] = []
        legal = approval = 0
        for number, visit_id in enumerate(found, 1):
            report = await application.commands.report(visit_id)
            if may := _is_legal(report, deed):
                legal += 1
                approval += await self._acting.must_be_approved(visit_id, deed)
            state = ("waiting", None) if may else ("left_out", "action_not_legal")
            items.append(BatchItem(batch_id, number, visit_id, application.environment.new_id(), *state))
        secret = token()
        batch = Batch(
            batch_id=batch_id,
            action=deed.kind.value,
            arguments=deed.arguments,
            chosen=dumps(normalise(dict(chosen))),
            reason=who.reason,
            asked_by=who.by,
            origin=who.origin,
            token=digest(secret),
            state="previewed",
            created_at=now,
            expires_at=now + FRESH,
        )
        await self._register.add(batch, items)
        sample = [item.visit_id for item in items if item.state == "waiting"][:10]
        return Preview(batch, legal, len(items) - legal, approval, sample, secret)

    async def confirm(self, batch_id: str, secret: str, by: str) -> Batch:
        """Let a preview run. Raises UnknownThing, NotOpen (another token, another person, too late, run already)."""
        batch = await self.get(batch_id)
        if batch.asked_by != by:
            raise NotOpen("a preview is confirmed by who made it", field="batch")
        now = self._application.environment.now()
        if not await self._register.change(batch_id, "previewed", "running", now, digest(secret)):
            raise NotOpen(field="token", state=batch.state)
        return await self.get(batch_id)

    async def stop(self, batch_id: str) -> Batch:
        """Stop a running batch; what was done stays done. Raises UnknownThing, NotOpen."""
        batch = await self.get(batch_id)
        if not await self._register.change(batch_id, "running", "stopped", self._application.environment.now()):
            raise NotOpen(field="batch", state=batch.state)
        return await self.get(batch_id)

    async def get(self, batch_id: str) -> Batch:
        """Return a batch. Raises UnknownThing."""
        found = await self._register.get(batch_id)
        if found is None:
            raise UnknownThing(f"no batch {batch_id[:40]}", field="batch")
        return found

    async def _find(self, which: VisitFilter) -> list[str]:
        found: list[str] = []
        before = None
        while page := await self._application.store.visits(replace(which, limit=_PAGE, before=before)):
            found += [each.visit_id for each in page]
            if len(found) > MOST:
                raise TooMany(f"the filter finds more than {MOST} visits; narrow it", field="filter", most=MOST)
            before = found[-1]
        return found


class BatchWorker:
    """Carries running batches out, one visit after the other. Several processes share the work, batch by batch."""

    def __init__(self, application: Application, acting: Acting) -> None:
        """Work in the name of the application's worker."""
        self._application = application
        self._acting = acting
        self._register = application.registers.batches

    async def work(self) -> int:
        """Carry out a slice of the oldest batch; return how many visits that were."""
        environment, worker = self._application.environment, self._application.runner.worker
        now = environment.now()
        batch = await self._register.claim(worker, now, now + _LEASE)
        if batch is None:
            return 0
        items = await self._register.items(batch.batch_id, limit=_SLICE, state="waiting")
        for item in items:
            if environment.now() > now + _LEASE // 2:  # slow: take the lease anew before going on
                return 1
            done = await self._one(batch, item)
            if done is not None:
                await self._register.finish(replace(done, at=environment.now()))
        if len(items) < _SLICE and not await self._register.items(batch.batch_id, limit=1, state="waiting"):
            await self._register.change(batch.batch_id, "running", "done", environment.now())
        return len(items)

    async def _one(self, batch: Batch, item: BatchItem) -> BatchItem | None:
        """Act on one visit, at most once: the item's request id goes into its journal. None: try it again later."""
        deed = Deed.read(batch.action, batch.arguments)
        who = Who(batch.asked_by, f"{batch.reason} · batch {batch.batch_id}", batch.origin)
        try:
            done = await self._acting.do(item.visit_id, deed, who, item.request_id)
        except (VisitBusy, StoreError):
            return None
        except (BadInput, NotLegal) as error:
            return replace(item, state="refused", code=error.code, message=error.message)
        except VisitflowError as error:
            return replace(item, state="failed", code=error.code, message=error.message)
        except Exception as error:  # a bug of ours with one visit must not hold the others up
            log.error("batch_item_failed", batch=batch.batch_id, visit=item.visit_id, error=where(error))
            return replace(item, state="failed", code="internal")
        if isinstance(done, Approval):
            return replace(item, state="approval", code="approval_needed", message=done.approval_id)
        return replace(item, state="done")

    async def release(self) -> None:
        """Give up what this process holds, so that another need not wait."""
        await self._register.release(self._application.runner.worker)


def _is_legal(report: Report, deed: Deed) -> bool:
    """Tell whether a deed is offered for a visit now; that its data fits, only the command itself can tell."""
    targets = [each.target for each in report.actions if each.kind is deed.kind]
    if deed.kind in (ActionKind.CANCEL, ActionKind.MIGRATE):
        return bool(targets)
    return deed.target in targets
