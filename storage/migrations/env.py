"""Alembic's environment: the connection comes from storage.schema.upgrade."""

from __future__ import annotations

from alembic import context

from storage.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
