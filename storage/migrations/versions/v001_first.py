"""The first schema: visits, events, exchanges, workers, flow versions, counters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "visits",
        sa.Column("visit_id", sa.String(26), primary_key=True),
        sa.Column("flow", sa.String(100), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("cause", sa.String(32)),
        sa.Column("waiting_for", sa.Text),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("wake_at", sa.BigInteger),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("lease_worker", sa.String(120)),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("snapshot_seq", sa.Integer),
        sa.Column("snapshot_body", sa.Text),
    )
    op.create_index("ix_visits_flow_key", "visits", ["flow", "key"], unique=True)
    op.create_index(
        "ix_visits_wake_at",
        "visits",
        ["wake_at"],
        sqlite_where=sa.text("wake_at IS NOT NULL"),
        postgresql_where=sa.text("wake_at IS NOT NULL"),
    )
    op.create_index("ix_visits_status_cause", "visits", ["status", "cause"])
    op.create_table(
        "events",
        sa.Column("visit_id", sa.String(26), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.create_table(
        "exchanges",
        sa.Column("exchange_id", sa.String(26), primary_key=True),
        sa.Column("visit_id", sa.String(26), nullable=False),
        sa.Column("call", sa.String(26), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("adapter", sa.String(64), nullable=False),
        sa.Column("operation", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_exchanges_visit_id", "exchanges", ["visit_id"])
    op.create_index("ix_exchanges_key_id", "exchanges", ["key_id"])
    op.create_table(
        "workers",
        sa.Column("worker", sa.String(120), primary_key=True),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("process_started", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "flow_versions",
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("flow", sa.String(100), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_flow_versions_flow", "flow_versions", ["flow"])
    op.create_table(
        "counters",
        sa.Column("name", sa.String(120), primary_key=True),
        sa.Column("next", sa.BigInteger, nullable=False),
    )
