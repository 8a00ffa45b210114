"""A scratch store: the facts of one moment in a temporary SQLite file, for deriving everything from them once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import sqlalchemy as sa

from klientela import tempplace
from klientela.store import tables as t
from klientela.store.database import Db, Store, make_engine
from klientela.store.migrations import upgrade

_COPIED = (t.meta, t.ruleset, t.source, t.source_name, t.channel, t.batch, t.txn, t.decision, t.outbox)
_BATCH = 2000


def copy_present(db: Db, made: Store) -> None:
    """The facts that `db` sees, as they are now."""
    for table in _COPIED:
        copy(db, made, table)
    copy(db, made, t.claim, "to_seq IS NULL")  # closed claims say nothing of the present
    # rows that orders make are derived: only their place in the register is a fact
    guest = t.ENTITIES.index("guest_order")
    blank = {"version": "NULL", "body": "NULL"}
    copy(db, made, t.record, f"entity <> {guest}")
    copy(db, made, t.record, f"entity = {guest}", blank)


@contextmanager
def scratch(store: Store, db: Db, fill: Callable[[Db, Store], None] = copy_present) -> Iterator[Store]:
    """A temporary SQLite store with facts that `db` sees of `store`, on either database, and nothing derived.

    `fill` copies them: those of now, or of another moment (past.py). The store knows the instance key of the other, so
    that its public ids are the same; it is gone at the end, and one that a killed process left is removed by the next.
    """
    with tempplace.folder("scratch") as folder:
        url = f"sqlite:///{folder / 'scratch.db'}"
        engine = make_engine(url)

        @sa.event.listens_for(engine, "connect")
        def _hasty(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA synchronous = OFF")  # nobody misses it after a power cut

        made = Store(engine, url, store.key)
        try:
            upgrade(made)
            fill(db, made)
            _index(made)
            yield made
        finally:
            made.close()


def _index(made: Store) -> None:
    with made.step("scratch") as step:
        for index in t.LATE:
            if index.name == "orders_owner":  # read while deriving; the other late ones serve the list
                step.db.run(index.ddl(made.dialect))


def copy(db: Db, made: Store, table: sa.Table, where: str = "", instead: dict[str, str] | None = None) -> None:
    """The rows of a table, as many at once as memory needs not mind. `where` is SQL; `instead`: column -> SQL."""
    columns = [column.name for column in table.columns]
    said = ", ".join((instead or {}).get(name, name) for name in columns)
    rows = db.stream(f"SELECT {said} FROM {table.name}{' WHERE ' + where if where else ''}")
    while batch := list(islice(rows, _BATCH)):
        with made.step("scratch") as step:
            step.db.insert(table, columns, batch)


__all__ = ["copy", "copy_present", "scratch"]
