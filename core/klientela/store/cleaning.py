"""After an erasure: no byte of what was deleted stays in the files (R56).

SQLite: the search index is merged into one segment, the file is written anew without the slack in which old rows lie, and
the log is cut off. PostgreSQL: dead rows are vacuumed; what its own log and replicas hold follows their own retention.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache

from klientela.errors import StoreError
from klientela.failpoints import failpoint
from klientela.store import mapping, search
from klientela.store import tables as t
from klientela.store.database import _PRAGMAS as PRAGMAS
from klientela.store.database import Db, Step, Store

PATIENCE = 5_000
"""Milliseconds to wait for those who read the log."""
_META = "cleaning"


def begin(step: Step) -> None:
    """Before anything is deleted: overwrite it as it goes, and note, with the erasure, that the files must be cleaned
    after it, so that a kill in between is made up for."""
    if step.db.sqlite:
        step.db.run("PRAGMA secure_delete = ON")
    step.db.run("INSERT INTO meta (name, value) VALUES (?, '1') ON CONFLICT (name) DO NOTHING", (_META,))


def owed(db: Db) -> bool:
    """Whether an erasure was not cleaned up after."""
    return db.one("SELECT 1 FROM meta WHERE name = ?", (_META,)) is not None


def clean_up(store: Store) -> bool:
    """Clean where it is owed; whether nothing is owed now. While somebody reads for long, or the disk is full, it stays
    owed: whoever opens the store next tries again, and `doctor` tells."""
    with store.reading() as db:
        due = owed(db)
    if due:
        try:
            clean(store)
        except StoreError:
            return False
    return True


def clean(store: Store) -> None:
    """Clean, and note that it is done. StoreError while somebody reads for long: then it is still owed."""
    mapping.merge(store)
    with store.step("erasure") as step:
        search.optimize(step.db)
    failpoint("erasure.cleaning")
    with store.alone() as db:
        if db.sqlite:
            _sqlite(db)
        else:
            _postgresql(db)
    with store.step("erasure") as step:
        step.db.run("DELETE FROM meta WHERE name = ?", (_META,))


def _sqlite(db: Db) -> None:
    db.run("PRAGMA temp_store = FILE")  # the copy is as large as the store
    db.run(f"PRAGMA busy_timeout = {PATIENCE}")
    try:
        db.run("VACUUM")
        ((busy, _, _),) = db.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        for pragma in PRAGMAS:
            if "temp_store" in pragma or "busy_timeout" in pragma:
                db.run(pragma)
        db.run(f"PRAGMA secure_delete = {_usual()}")
    if busy:
        raise StoreError(
            "somebody is reading the store, so its log could not be cut off yet",
            hint="Nothing is lost: the next command does it.",
        )


@cache
def _usual() -> int:
    """How SQLite treats what is deleted where nobody says anything."""
    with closing(sqlite3.connect(":memory:")) as connection:
        return int(connection.execute("PRAGMA secure_delete").fetchone()[0])


def _postgresql(db: Db) -> None:
    db.connection.autocommit = True
    try:
        db.run(f"VACUUM {', '.join(t.METADATA.tables)}")
    finally:
        db.connection.autocommit = False


__all__ = ["begin", "clean", "clean_up", "owed"]
