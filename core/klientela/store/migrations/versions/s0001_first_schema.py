"""The first schema."""

from __future__ import annotations

from alembic import op

from klientela.store import search, tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table and the early indexes."""
    bind = op.get_bind()
    for table in tables.METADATA.sorted_tables:
        table.create(bind)
    for statement in search.create(bind.dialect.name):
        op.execute(statement)
