"""Facts for analysts, drawn from the journals, and views over them that are the same on both databases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "005"
down_revision = "004"
branch_labels = None
depends_on = None


def text(name: str, length: int, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False, primary_key=key)


def number(name: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, primary_key=key, autoincrement=False)


def moment(name: str, *, empty: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=empty)


def upgrade() -> None:
    op.create_table(
        "history_visits",
        text("visit_id", 26, key=True),
        text("flow", 100),
        text("version", 64),
        text("key_hash", 64),
        text("day", 10),
        moment("opened_at"),
        moment("closed_at", empty=True),
        text("state", 64),
        text("ending", 16),
        number("steps"),
        number("failures"),
        number("doubts"),
        number("stops"),
        sa.Column("variant", sa.Text, nullable=False),
        number("events"),
        moment("last_at"),
    )
    op.create_table(
        "history_steps",
        text("visit_id", 26, key=True),
        number("seq", key=True),
        text("flow", 100),
        text("trigger", 64),
        text("role", 16),
        text("source", 64),
        text("target", 64),
        text("operation", 64),
        text("adapter", 64),
        number("attempt"),
        text("day", 10),
        moment("began_at"),
        moment("ended_at", empty=True),
        moment("ms", empty=True),
        text("outcome", 16),
        text("code", 40),
        text("category", 32),
        text("dest", 64),
        moment("moved_at", empty=True),
    )
    op.create_table(
        "history_doubts",
        text("visit_id", 26, key=True),
        number("seq", key=True),
        text("flow", 100),
        text("trigger", 64),
        text("operation", 64),
        text("adapter", 64),
        text("day", 10),
        moment("began_at"),
        moment("settled_at", empty=True),
        moment("ms", empty=True),
        text("how", 16),
        text("verdict", 16),
        number("looks"),
        number("asked"),
    )
    op.create_table(
        "history_stops",
        text("visit_id", 26, key=True),
        number("seq", key=True),
        text("flow", 100),
        text("state", 64),
        text("cause", 32),
        text("day", 10),
        moment("began_at"),
        moment("ended_at", empty=True),
        moment("ms", empty=True),
        text("ended_by", 24),
    )
    op.create_table(
        "history_money",
        text("visit_id", 26, key=True),
        number("seq", key=True),
        text("kind", 32, key=True),
        text("flow", 100),
        text("day", 10),
        moment("at"),
        moment("cents"),
    )
    op.create_table(
        "history_uploads",
        text("visit_id", 26, key=True),
        number("handed_seq", key=True),
        number("uploaded_seq", key=True),
        text("flow", 100),
        text("day", 10),
        moment("handed_at"),
        moment("uploaded_at", empty=True),
        moment("ms", empty=True),
        number("lines"),
    )
    op.create_index("ix_history_visits_day", "history_visits", ["day", "visit_id"])
    op.create_index("ix_history_steps_day", "history_steps", ["day", "flow"])
    op.create_index("ix_history_doubts_day", "history_doubts", ["day"])
    op.create_index("ix_history_stops_day", "history_stops", ["day"])
    op.create_index("ix_history_money_day", "history_money", ["day", "flow"])
    op.create_index("ix_history_uploads_day", "history_uploads", ["day"])
    # an export asks for the patients of its visits
    op.create_index("ix_visit_patients_visit_id", "visit_patients", ["visit_id"])
    for statement in views(op.get_bind().dialect.name).values():
        op.execute(statement)


def downgrade() -> None:
    for name in reversed(views(op.get_bind().dialect.name)):
        op.execute(f"DROP VIEW {name}")
    op.drop_index("ix_visit_patients_visit_id", "visit_patients")
    for name in ("uploads", "money", "stops", "doubts", "steps", "visits"):
        op.drop_table(f"history_{name}")


def views(dialect: str) -> dict[str, str]:
    """Return the statements that make the views, by name; docs/history.md says what every column means."""

    def at(column: str) -> str:
        name = column.rpartition(".")[2]
        if dialect == "postgresql":
            return f"to_timestamp({column} / 1000000.0) AS {name}"
        return f"strftime('%Y-%m-%dT%H:%M:%fZ', {column} / 1000000.0, 'unixepoch') AS {name}"

    def yuan(cents: str, name: str) -> str:
        if dialect == "postgresql":
            return f"({cents} / 100.0)::numeric(18, 2) AS {name}"
        sign = f"CASE WHEN {cents} < 0 THEN '-' ELSE '' END"
        return f"printf('%s%d.%02d', {sign}, abs({cents}) / 100, abs({cents}) % 100) AS {name}"

    def whole(expression: str, name: str) -> str:
        """Sums are NUMERIC on PostgreSQL."""
        return f"CAST({expression} AS BIGINT) AS {name}"

    failed = "outcome IN ('refused', 'not_sent', 'in_doubt', 'busy')"
    made = {
        "v_visits": f"""
            SELECT visit_id, flow, version, key_hash, day, {at("opened_at")}, {at("closed_at")}, state, ending,
                   steps, failures, doubts, stops, variant, {at("last_at")}
            FROM history_visits""",
        "v_steps": f"""
            SELECT visit_id, seq, flow, trigger, role, source, target, operation, adapter, attempt, day,
                   {at("began_at")}, {at("ended_at")}, ms, outcome, code, category, dest, {at("moved_at")}
            FROM history_steps""",
        "v_doubts": f"""
            SELECT visit_id, seq, flow, trigger, operation, adapter, day, {at("began_at")}, {at("settled_at")}, ms,
                   how, verdict, looks, asked
            FROM history_doubts""",
        "v_stops": f"""
            SELECT visit_id, seq, flow, state, cause, day, {at("began_at")}, {at("ended_at")}, ms, ended_by
            FROM history_stops""",
        "v_money": f"""
            SELECT visit_id, seq, kind, flow, day, {at("at")}, cents, {yuan("cents", "amount")}
            FROM history_money""",
        "v_uploads": f"""
            SELECT visit_id, flow, day, {at("handed_at")}, {at("uploaded_at")}, ms, lines
            FROM history_uploads""",
        "v_money_by_day": f"""
            SELECT day, flow, kind, count(*) AS changes, {whole("sum(cents)", "cents")},
                   {yuan("sum(cents)", "amount")}
            FROM history_money GROUP BY day, flow, kind""",
        "v_failures_by_day": f"""
            SELECT day, flow, adapter, operation, outcome, code, category, count(*) AS times
            FROM history_steps WHERE {failed}
            GROUP BY day, flow, adapter, operation, outcome, code, category""",
        "v_paths": """
            SELECT flow, variant, ending, count(*) AS visits, min(day) AS first_day, max(day) AS last_day
            FROM history_visits GROUP BY flow, variant, ending""",
    }
    return {name: f"CREATE VIEW {name} AS {select}" for name, select in made.items()}
