"""Lists of a million visits, patients found by a centre's number or a name, and which schema a worker is of.

Indices in the order in which lists are shown, and one for a number without its flow; the new ones are made before the
old ones go: a number stays unique all the while. The reader that notes patients begins anew, so that those of earlier
visits are found as far back as the feed goes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "009"
down_revision = "008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_visits_key", "visits", ["key", "flow"], unique=True)
    op.create_index("ix_visits_flow", "visits", ["flow", "visit_id"])
    op.create_index("ix_visits_status", "visits", ["status", "visit_id"])
    closed = sa.text("status = 'closed'")
    op.create_index(
        "ix_visits_closed", "visits", ["flow", "state", "visit_id"], sqlite_where=closed, postgresql_where=closed
    )
    op.drop_index("ix_visits_flow_key", "visits")
    op.drop_index("ix_visits_status_cause", "visits")
    op.add_column("visit_patients", sa.Column("known", sa.SmallInteger, nullable=False, server_default="0"))
    op.add_column("workers", sa.Column("schema", sa.String(32)))
    op.execute("UPDATE feed_cursors SET position = 0 WHERE name = 'patients'")


def downgrade() -> None:
    op.drop_column("workers", "schema")
    op.execute("DELETE FROM visit_patients WHERE known > 0")
    op.drop_column("visit_patients", "known")
    op.create_index("ix_visits_flow_key", "visits", ["flow", "key"], unique=True)
    op.create_index("ix_visits_status_cause", "visits", ["status", "cause"])
    op.drop_index("ix_visits_closed", "visits")
    op.drop_index("ix_visits_status", "visits")
    op.drop_index("ix_visits_flow", "visits")
    op.drop_index("ix_visits_key", "visits")
