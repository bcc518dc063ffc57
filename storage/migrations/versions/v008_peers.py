"""Peers: what processes see of them and people decide; with which priority a visit wants its worker."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "008"
down_revision = "007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("visits", sa.Column("priority", sa.SmallInteger, nullable=False, server_default="1"))
    op.create_index(
        "ix_visits_priority",
        "visits",
        ["priority", "wake_at"],
        sqlite_where=sa.text("wake_at IS NOT NULL"),
        postgresql_where=sa.text("wake_at IS NOT NULL"),
    )
    op.create_table(
        "peer_rows",
        sa.Column("peer", sa.String(64), primary_key=True),
        sa.Column("worker", sa.String(120), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("parts", sa.Integer, nullable=False),
        sa.Column("wants", sa.Boolean, nullable=False),
        sa.Column("seen_until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "peer_holds",
        sa.Column("peer", sa.String(64), primary_key=True),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("peer_holds")
    op.drop_table("peer_rows")
    op.drop_index("ix_visits_priority", "visits")
    op.drop_column("visits", "priority")
