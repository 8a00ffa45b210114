"""The indexes of the list while much is loaded: each new row would touch all of them, so they wait for the end."""

from __future__ import annotations

from contextlib import suppress

from klientela.errors import StoreError
from klientela.failpoints import failpoint
from klientela.store import operation
from klientela.store import tables as t
from klientela.store.database import Db, Store, late_indexes

LEAST = 2_000
SHARE = 16
"""A run that brought more new records than this part of the list is a load; measured with benchmarks/people.py: keeping
the indexes costs about sixteen times as much for each new record as making them anew costs for each that stands."""


def indexed(store: Store) -> None:
    """Make the indexes of the list where they are missing."""
    with store.reading() as db:
        if _built(db):
            return
    late_indexes(store)
    with store.step("indexes") as step:
        step.db.run("INSERT INTO meta (name, value) VALUES ('indexes', '1') ON CONFLICT DO NOTHING")
        step.db.run("DELETE FROM meta WHERE name = 'loading'")


class Loading:
    """One run's view of it. Every run makes the missing indexes when it begins and when it ends, unless a run that
    still lives let go of them; a run that was killed leaves that to the next one."""

    def __init__(self, store: Store, source: int) -> None:
        self.store = store
        self.source = source
        self._tried = False

    def begin(self, *, orders: bool) -> None:
        """Before the first page. An empty store is left without; `orders`: unless those of orders are needed at once."""
        with self.store.reading() as db:
            if _built(db) or self._loader(db) is not None:
                return
            empty = db.one("SELECT 1 FROM record LIMIT 1") is None
        if orders or not empty:
            indexed(self.store)

    def watch(self, new: int) -> None:
        """After a step, with more to come: let go of the indexes when the run turns out to be a load. `new`: how many
        new records it has brought so far."""
        if self._tried or new < LEAST:
            return
        with self.store.reading() as db:
            if new * SHARE < _customers(db):
                return
            if not _built(db):
                return
        self._tried = True
        with suppress(StoreError):  # somebody reads the list for long: then this load goes on with them
            self._let_go()

    def end(self) -> None:
        """After the last page."""
        with self.store.reading() as db:
            loader = self._loader(db)
        if loader in (None, self.source):
            indexed(self.store)

    def _let_go(self) -> None:
        with self.store.step("loading") as step:
            db = step.db
            if not db.sqlite:
                db.run("SET LOCAL lock_timeout = '1s'")
                db.run("DROP INDEX IF EXISTS customer_hay")
            for index in t.LATE:
                if index.walk or index.load:
                    db.run(f"DROP INDEX IF EXISTS {index.name}")
            db.run("DELETE FROM meta WHERE name IN ('indexes', 'loading')")
            db.run("INSERT INTO meta (name, value) VALUES ('loading', ?)", (str(self.source),))
        failpoint("indexes.dropped")

    def _loader(self, db: Db) -> int | None:
        """The source whose load does without: this one, or another whose run lives."""
        row = db.one("SELECT value FROM meta WHERE name = 'loading'")
        if row is None:
            return None
        source = int(row[0])
        return source if source == self.source or operation.is_held(db, source) else None


def _built(db: Db) -> bool:
    return db.one("SELECT 1 FROM meta WHERE name = 'indexes'") is not None


def _customers(db: Db) -> int:
    row = db.one("SELECT sum(value) FROM figure WHERE name = 'customers' AND day = 0 AND part IN ('', 'inactive')")
    return int(row[0] or 0) if row else 0
