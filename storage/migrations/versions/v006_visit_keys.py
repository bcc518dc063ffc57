"""A key for each visit. Visits that are there have none yet: what they hold is plain text until it is sealed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "006"
down_revision = "005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "visit_keys",
        sa.Column("visit_id", sa.String(26), primary_key=True),
        sa.Column("key_id", sa.String(64)),
        sa.Column("body", sa.LargeBinary),
        sa.Column("plain_until", sa.Integer, nullable=False),
        sa.Column("shredded_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO visit_keys (visit_id, key_id, plain_until) SELECT visit_id, '', seq FROM visits")
    op.create_index("ix_visit_keys_key_id", "visit_keys", ["key_id", "visit_id"])
    plain = sa.text("plain_until > 0")
    op.create_index("ix_visit_keys_plain", "visit_keys", ["visit_id"], sqlite_where=plain, postgresql_where=plain)


def downgrade() -> None:
    raise NotImplementedError("without the keys nothing that was sealed can be read: restore a backup made before")
