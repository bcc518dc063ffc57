"""What is wrong, since when, and who has been told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "004"
down_revision = "003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(26), primary_key=True),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("open_key", sa.String(265)),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("value", sa.String(64), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("fired_at", sa.BigInteger),
        sa.Column("over_at", sa.BigInteger),
        sa.Column("told", sa.Integer, nullable=False),
        sa.Column("told_at", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("held_until", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_alerts_open", "alerts", ["open_key"], unique=True)
    op.create_index("ix_alerts_due", "alerts", ["next_at"])


def downgrade() -> None:
    op.drop_table("alerts")
