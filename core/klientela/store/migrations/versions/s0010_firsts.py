"""From here on it is kept when each customer first ordered, and again; the worklist counts it for an older store."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

SQLITE = (
    "ALTER TABLE tally ADD COLUMN guest SMALLINT NOT NULL DEFAULT 0",
    "ALTER TABLE tally ADD COLUMN first INTEGER",
    "ALTER TABLE tally ADD COLUMN second INTEGER",
    "ALTER TABLE tally ADD COLUMN gross_first INTEGER",
    "ALTER TABLE tally ADD COLUMN gross_second INTEGER",
)
POSTGRESQL = tuple(statement.replace("INTEGER", "BIGINT") for statement in SQLITE)


def upgrade() -> None:
    """Add the columns, and ask the worklist for the figures of the days."""
    bind = op.get_bind()
    for statement in SQLITE if bind.dialect.name == "sqlite" else POSTGRESQL:
        bind.exec_driver_sql(statement)
    bind.exec_driver_sql(
        "INSERT INTO work (kind, subject, reason) SELECT 'figures', 0, 'upgrade' FROM customer LIMIT 1 "
        "ON CONFLICT DO NOTHING"
    )
