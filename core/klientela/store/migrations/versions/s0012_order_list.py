"""From here on the list of orders walks an index by time, and a customer number finds its customers by one.

A store whose indexes are not there, because it is empty or a load is under way, gets these two with all others.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

INDEXES = (
    "CREATE INDEX IF NOT EXISTS orders_placed ON orders "
    "(coalesce(placed, -4611686018427387904), id, placed, why, state, test)",
    "CREATE INDEX IF NOT EXISTS customer_number ON customer (number)",
)


def upgrade() -> None:
    """Make the indexes where those of the list stand."""
    bind = op.get_bind()
    if bind.exec_driver_sql("SELECT 1 FROM meta WHERE name = 'indexes'").first() is not None:
        for statement in INDEXES:
            bind.exec_driver_sql(statement)
