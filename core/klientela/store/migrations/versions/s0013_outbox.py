"""From here on orders that are placed for customers can be written into shops; what was sent and what they said is kept."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

NUMBER = {"sqlite": "INTEGER", "postgresql": "BIGINT"}
KEY = {"sqlite": "TEXT", "postgresql": 'TEXT COLLATE "C"'}


def upgrade() -> None:
    """Nothing was ever sent before."""
    dialect = op.get_bind().dialect.name
    number, key = NUMBER[dialect], KEY[dialect]
    for statement in (
        f"CREATE TABLE outbox (record {number} NOT NULL, key {key} NOT NULL, source INTEGER NOT NULL, "
        f"state {key} NOT NULL, ext {key}, draft TEXT, error TEXT, at {number} NOT NULL, PRIMARY KEY (record))",
        "CREATE INDEX outbox_ext ON outbox (source, ext)",
    ):
        op.get_bind().exec_driver_sql(statement)
