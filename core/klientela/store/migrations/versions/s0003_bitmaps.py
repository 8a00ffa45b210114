"""Bitmaps of a large list, and the customers that changed since; hot tables are vacuumed sooner on PostgreSQL.

The bitmaps are made by the next run of a source (store/mapping.py), where the list is large enough.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

SQLITE = (
    """
    CREATE TABLE bitmap (
        part INTEGER NOT NULL,
        name TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (part, name)
    )
    """,
    "CREATE TABLE unmapped (id INTEGER NOT NULL, whole SMALLINT NOT NULL, PRIMARY KEY (id, whole))",
)
HOT = ("customer", "tally", "orders", "record", "person", "node", "mark", "posting")
POSTGRESQL = (
    """
    CREATE TABLE bitmap (
        part INTEGER NOT NULL,
        name TEXT COLLATE "C" NOT NULL,
        body BYTEA NOT NULL,
        PRIMARY KEY (part, name)
    )
    """,
    # two rows of 4,000 bytes fill a page, as they are: no detour over a second table, no compression
    "ALTER TABLE bitmap ALTER COLUMN body SET STORAGE EXTERNAL",
    "ALTER TABLE bitmap SET (toast_tuple_target = 8160)",
    "CREATE TABLE unmapped (id BIGINT NOT NULL, whole SMALLINT NOT NULL, PRIMARY KEY (id, whole))",
    # an index is walked alone only where pages are known to be visible to all: a fifth of a million rows is too late
    *(
        f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02, "
        "autovacuum_analyze_scale_factor = 0.02)"
        for table in HOT
    ),
)


def upgrade() -> None:
    """Create the two tables and tune PostgreSQL's housekeeping."""
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.get_bind().exec_driver_sql(statement)
