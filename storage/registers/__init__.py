"""What the service keeps beside the visits: who may what, what was asked, and who is told (ADR 22)."""

from __future__ import annotations

from dataclasses import dataclass

from engine.store import Store
from storage.memory import MemoryStore
from storage.registers.access import AccessRegister, Account, ApiKey, WebSession
from storage.registers.alerts import Alert, AlertRegister
from storage.registers.approvals import Approval, ApprovalRegister
from storage.registers.audit import AuditEntry, AuditRegister
from storage.registers.batches import Batch, BatchItem, BatchRegister
from storage.registers.census import Census, Gap, MemoryCensus, SqlCensus, Standing
from storage.registers.database import Database, MemoryDatabase, SqlDatabase
from storage.registers.deliveries import Attempt, Delivery, DeliveryRegister
from storage.registers.feed import Feed, FeedEvent, MemoryFeed, PatientOf, SqlFeed
from storage.registers.history import HistoryRegister
from storage.registers.leases import Lease, LeaseRegister
from storage.registers.peers import PeerRegister
from storage.registers.requests import AskedRequest, RequestRegister
from storage.registers.retention import RetentionRegister
from storage.registers.schedules import Begun, ScheduleRegister, ScheduleRun, ScheduleState
from storage.sql_store import SqlStore


@dataclass(frozen=True, slots=True)
class Registers:
    """All of them, on one database."""

    access: AccessRegister
    requests: RequestRegister
    approvals: ApprovalRegister
    batches: BatchRegister
    deliveries: DeliveryRegister
    audit: AuditRegister
    retention: RetentionRegister
    feed: Feed
    alerts: AlertRegister
    census: Census
    peers: PeerRegister
    history: HistoryRegister
    leases: LeaseRegister
    schedules: ScheduleRegister


def open_registers(store: Store) -> Registers:
    """Return the registers beside a store's visits: on its database, or in memory with a store that is."""
    if isinstance(store, SqlStore):
        on_disk = SqlDatabase(store)
        return _registers(on_disk, SqlFeed(on_disk), SqlCensus(on_disk))
    assert isinstance(store, MemoryStore)
    in_memory = MemoryDatabase()
    return _registers(in_memory, MemoryFeed(store, in_memory), MemoryCensus(store))


def _registers(database: Database, feed: Feed, census: Census) -> Registers:
    return Registers(
        AccessRegister(database),
        RequestRegister(database),
        ApprovalRegister(database),
        BatchRegister(database),
        DeliveryRegister(database),
        AuditRegister(database),
        RetentionRegister(database),
        feed,
        AlertRegister(database),
        census,
        PeerRegister(database),
        HistoryRegister(database),
        LeaseRegister(database),
        ScheduleRegister(database),
    )


__all__ = [
    "Account",
    "Alert",
    "AlertRegister",
    "ApiKey",
    "Approval",
    "AskedRequest",
    "Attempt",
    "AuditEntry",
    "Batch",
    "BatchItem",
    "Begun",
    "Census",
    "Delivery",
    "Feed",
    "FeedEvent",
    "Gap",
    "HistoryRegister",
    "Lease",
    "LeaseRegister",
    "PatientOf",
    "PeerRegister",
    "Registers",
    "RetentionRegister",
    "ScheduleRegister",
    "ScheduleRun",
    "ScheduleState",
    "Standing",
    "WebSession",
    "open_registers",
]
