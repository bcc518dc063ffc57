"""How far each schedule has come, its runs, and which process keeps time for all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "007"
down_revision = "006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(120), nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("held_until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "schedules",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("through", sa.BigInteger, nullable=False),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("paused_at", sa.BigInteger),
        sa.Column("paused_by", sa.String(100)),
        sa.Column("paused_why", sa.Text),
        sa.Column("last_run", sa.String(26)),
    )
    op.create_table(
        "schedule_runs",
        sa.Column("run_id", sa.String(26), primary_key=True),
        sa.Column("schedule", sa.String(64), nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("open_key", sa.String(64)),
        sa.Column("made_by", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("holder", sa.String(120), nullable=False),
        sa.Column("held_until", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("result", sa.String(16)),
        sa.Column("told", sa.Text, nullable=False),
    )
    op.create_index("ix_schedule_runs_open", "schedule_runs", ["open_key"], unique=True)
    op.create_index("ix_schedule_runs_due", "schedule_runs", ["schedule", "due_at"], unique=True)
    op.create_index("ix_schedule_runs_ended", "schedule_runs", ["ended_at"])


def downgrade() -> None:
    for table in ("schedule_runs", "schedules", "leases"):
        op.drop_table(table)
