"""Tables that tell which records speak of one order (R29) and which papers correct another one (R29b)."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

NUMBER = {"sqlite": "INTEGER", "postgresql": "BIGINT"}
FLAG = "SMALLINT"


def upgrade() -> None:
    """No source before this version named an origin or a paper: the tables begin empty, and rightly so."""
    dialect = op.get_bind().dialect.name
    number, tail = NUMBER[dialect], " WITHOUT ROWID" if dialect == "sqlite" else ""
    for statement in (
        f"CREATE TABLE order_key (key {number} NOT NULL, record {number} NOT NULL, PRIMARY KEY (key, record)){tail}",
        "CREATE INDEX order_key_record ON order_key (record)",
        f"CREATE TABLE carrier (record {number} NOT NULL, head {number} NOT NULL, flags {FLAG} NOT NULL, "
        "PRIMARY KEY (record))",
        "CREATE INDEX carrier_head ON carrier (head)",
        f"CREATE TABLE paper (record {number} NOT NULL, target {number} NOT NULL, PRIMARY KEY (record, target)){tail}",
        "CREATE INDEX paper_target ON paper (target)",
    ):
        op.get_bind().exec_driver_sql(statement)
