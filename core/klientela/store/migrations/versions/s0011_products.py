"""From here on an order says by keys what was bought (B07); of orders that a store holds, the worklist looks at the lines.

The bitmaps of a large list know nothing of products yet: the next run of a source makes them anew.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

ORDER = 4
"""The number of the entity in `record`."""


def upgrade() -> None:
    """Add the column, and ask the worklist for the orders of which anybody tells lines."""
    bind = op.get_bind()
    sqlite = bind.dialect.name == "sqlite"
    bind.exec_driver_sql(f"ALTER TABLE orders ADD COLUMN products {'BLOB' if sqlite else 'BYTEA'}")
    lines = "instr(r.body, CAST('\"lines\"' AS BLOB)) > 0" if sqlite else "position('\"lines\"'::bytea IN r.body) > 0"
    bind.exec_driver_sql(
        "INSERT INTO work (kind, subject, reason) SELECT 'order', o.id, 'upgrade' FROM orders o "
        f"JOIN record r ON r.id = o.id WHERE r.entity = {ORDER} AND (r.more = 1 OR {lines}) ON CONFLICT DO NOTHING"
    )
    bind.exec_driver_sql("DELETE FROM bitmap")
    bind.exec_driver_sql("DELETE FROM unmapped")
