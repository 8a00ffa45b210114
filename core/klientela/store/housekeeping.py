"""What PostgreSQL must be told after much was written: which pages are visible to all, and how values are spread."""

from __future__ import annotations

from klientela.store import mapping
from klientela.store.database import Store

MUCH = 20_000
"""So many new and changed records are worth it; fewer are left to autovacuum."""
_HOT = ("customer", "tally", "posting", "orders", "person", "record", "node", "mark", "bitmap", "unmapped")


def settle(store: Store, written: int) -> None:
    """After a run that wrote so many records: bring the bitmaps of a large list up to date, and let PostgreSQL vacuum.

    Without it an index that could answer alone asks the table for every row until autovacuum comes by.
    """
    mapping.upkeep(store)
    if store.dialect == "sqlite" or written < MUCH:
        return
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"VACUUM (ANALYZE, SKIP_LOCKED) {', '.join(_HOT)}")


__all__ = ["settle"]
