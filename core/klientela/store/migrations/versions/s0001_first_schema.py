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
        late = [index for index in table.indexes if index in tables.LATE]
        for index in late:
            table.indexes.discard(index)
        try:
            table.create(bind)
        finally:
            table.indexes.update(late)
    for statement in search.create(bind.dialect.name):
        op.execute(statement)
