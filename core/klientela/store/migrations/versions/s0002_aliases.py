"""From here on every record that shares a customer is found by its own public id; older stores catch up.

The ids hang on the instance's key, which no step of the schema knows: the worklist writes them.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Ask the worklist for the aliases, where there is anybody to be found by one."""
    op.get_bind().exec_driver_sql(
        "INSERT INTO work (kind, subject, reason) SELECT 'aliases', 0, 'upgrade' "
        "WHERE EXISTS (SELECT 1 FROM person WHERE customer IS NOT NULL OR node IS NOT NULL)"
    )
