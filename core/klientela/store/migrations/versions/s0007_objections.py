"""By which addresses people object is found at once (R46); the worklist looks at those who may in an older store."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

SQLITE = (
    """
    CREATE TABLE objection (
        key INTEGER NOT NULL,
        record INTEGER NOT NULL,
        PRIMARY KEY (key, record)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX objection_record ON objection (record)",
)
POSTGRESQL = (
    """
    CREATE TABLE objection (
        key BIGINT NOT NULL,
        record BIGINT NOT NULL,
        PRIMARY KEY (key, record)
    )
    """,
    "CREATE INDEX objection_record ON objection (record)",
)


def upgrade() -> None:
    """Create the table, and ask the worklist for persons of whom anybody says that they denied something."""
    bind = op.get_bind()
    sqlite = bind.dialect.name == "sqlite"
    for statement in SQLITE if sqlite else POSTGRESQL:
        bind.exec_driver_sql(statement)
    denied = "instr(body, CAST('\"denied\"' AS BLOB)) > 0" if sqlite else "position('\"denied\"'::bytea IN body) > 0"
    bind.exec_driver_sql(
        "INSERT INTO work (kind, subject, reason) SELECT 'person', id, 'upgrade' FROM record "
        f"WHERE entity IN (0, 1, 2, 3) AND body IS NOT NULL AND (more = 1 OR {denied}) ON CONFLICT DO NOTHING"
    )
