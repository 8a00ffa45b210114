"""Who signs in to the page, and who is signed in."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"

NUMBER = {"sqlite": "INTEGER", "postgresql": "BIGINT"}
BYTES = {"sqlite": "BLOB", "postgresql": "BYTEA"}
KEY = {"sqlite": "TEXT", "postgresql": 'TEXT COLLATE "C"'}


def upgrade() -> None:
    """Nobody had a page before."""
    dialect = op.get_bind().dialect.name
    number, blob, key = NUMBER[dialect], BYTES[dialect], KEY[dialect]
    for statement in (
        f"CREATE TABLE account (id {number} NOT NULL, name {key} NOT NULL, hash TEXT NOT NULL, role {key} NOT NULL, "
        f"language {key}, created {number} NOT NULL, disabled {number}, PRIMARY KEY (id), UNIQUE (name))",
        f"CREATE TABLE session (hash {blob} NOT NULL, account {number}, role {key} NOT NULL, form TEXT NOT NULL, "
        f"once SMALLINT NOT NULL, seen {number} NOT NULL, until {number} NOT NULL, PRIMARY KEY (hash))",
    ):
        op.get_bind().exec_driver_sql(statement)
