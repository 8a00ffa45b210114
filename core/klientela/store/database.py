"""Opening the store: two engines, one design; every write is one immediate transaction of one writer."""

from __future__ import annotations

import operator
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from hashlib import sha256
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from klientela.errors import Misconfigured, StoreError
from klientela.failpoints import failpoint
from klientela.rules.ruleset import Ruleset
from klientela.store import tables
from klientela.store.queueing import Queue
from klientela.store.tombstones import Graves, Tombstones

Row = tuple[Any, ...]
WRITER_LOCK = 0x6B6C6965  # "klie": one resolver at a time (identity.md: without it two sessions lost a link)
DAEMON_LOCK = 0x6B6C6966

_PG_TYPES = {"BIGINT": "bigint", "INTEGER": "integer", "SMALLINT": "smallint", "TEXT": "text", "BLOB": "bytea"}


def _pg_type(column: sa.Column[Any]) -> str:
    kind = column.type
    if isinstance(kind, sa.LargeBinary):
        return "bytea"
    if isinstance(kind, sa.SmallInteger):
        return "smallint"
    if isinstance(kind, sa.BigInteger):
        return "bigint"
    if isinstance(kind, sa.Integer):
        return "integer"
    return "text"


class Db:
    """One connection with one dialect. SQL is written with `?`; lists of values go through `pack` and `among`."""

    def __init__(self, connection: Any, dialect: str, tombstones: Tombstones | None = None) -> None:
        """`tombstones`: who was erased from this store, for whoever asks for one of them."""
        self.connection = connection
        self.dialect = dialect
        self.tombstones = tombstones
        self.sqlite = dialect == "sqlite"
        self.among = "IN (SELECT value FROM json_each(?))" if self.sqlite else "= ANY(?::bigint[])"
        self.among_text = "IN (SELECT value FROM json_each(?))" if self.sqlite else "= ANY(?::text[])"
        self._cursor = connection.cursor()
        self._translated: dict[str, str] = {}

    def _sql(self, text: str) -> str:
        if self.sqlite:
            return text
        known = self._translated.get(text)
        if known is None:
            known = self._translated[text] = text.replace("%", "%%").replace("?", "%s")
        return known

    def pack(self, values: Iterable[Any]) -> Any:
        """A list of values as the one parameter that `among` takes."""
        return msgspec.json.encode(list(values)).decode() if self.sqlite else list(values)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        return self._cursor.execute(self._sql(sql), params).fetchall()  # type: ignore[no-any-return]

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        return self._cursor.execute(self._sql(sql), params).fetchone()  # type: ignore[no-any-return]

    def blobs(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query that brings much binary data: on PostgreSQL as it is, not as hexadecimal text."""
        if self.sqlite:
            return self.rows(sql, params)
        return self._cursor.execute(self._sql(sql), params, binary=True).fetchall()  # type: ignore[no-any-return]

    def stream(self, sql: str, params: Sequence[Any] = (), size: int = 1000) -> Iterator[Row]:
        """The rows of a query, a batch at a time: constant memory."""
        if self.sqlite:
            # chained: given up half-way, a generator would close the cursor, perhaps after its connection
            yield from chain(self.connection.execute(sql, params))
            return
        name = f"s{secrets.token_hex(4)}"
        with self.connection.cursor(name=name) as cursor:
            cursor.itersize = size
            cursor.execute(self._sql(sql), params)
            yield from cursor

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Execute one statement; the number of rows it touched."""
        return self._cursor.execute(self._sql(sql), params).rowcount  # type: ignore[no-any-return]

    def many(self, sql: str, rows: Sequence[Row]) -> None:
        """Execute one statement for many rows."""
        if rows:
            self._cursor.executemany(self._sql(sql), rows)

    def insert(
        self, table: sa.Table, columns: Sequence[str], rows: Sequence[Row], same: Mapping[str, int] | None = None
    ) -> None:
        """Insert many new rows: executemany on SQLite, COPY on PostgreSQL. `same`: columns alike in all rows."""
        if not rows:
            return
        alike = same or {}
        names = ", ".join((*columns, *alike))
        if self.sqlite:  # each bound value costs 0.1 us, so what is alike stands in the statement
            marks = ", ".join(("?",) * len(columns) + tuple(str(int(value)) for value in alike.values()))
            self._cursor.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)
            return
        rest = tuple(alike.values())
        with self._cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row((*row, *rest))

    def update(
        self,
        table: sa.Table,
        columns: Sequence[str],
        rows: Sequence[Row],
        key: Sequence[str] = ("id",),
        add: Sequence[str] = (),
    ) -> None:
        """Update many rows; each row holds the values of `columns`, then of `key`. Those in `add` are added."""
        if not rows:
            return
        if self.sqlite:
            sets = ", ".join(f"{c} = {c} + ?" if c in add else f"{c} = ?" for c in columns)
            where = " AND ".join(f"{c} = ?" for c in key)
            self._cursor.executemany(f"UPDATE {table.name} SET {sets} WHERE {where}", rows)
            return
        every = [*columns, *key]
        values = ", ".join(f"unnest(%s::{_pg_type(table.c[c])}[]) AS {c}" for c in every)
        sets = ", ".join(f"{c} = t.{c} + v.{c}" if c in add else f"{c} = v.{c}" for c in columns)
        where = " AND ".join(f"t.{c} = v.{c}" for c in key)
        self._cursor.execute(
            f"UPDATE {table.name} AS t SET {sets} FROM (SELECT {values}) AS v WHERE {where}",
            [list(column) for column in zip(*rows, strict=True)],
        )

    def upsert(
        self, table: sa.Table, columns: Sequence[str], rows: Sequence[Row], key: Sequence[str], add: Sequence[str] = ()
    ) -> None:
        """Insert or replace many rows by key. Columns in `add` are added to what is there."""
        if not rows:
            return
        names = ", ".join(columns)
        rest = [c for c in columns if c not in key]
        sets = ", ".join(f"{c} = {table.name}.{c} + excluded.{c}" if c in add else f"{c} = excluded.{c}" for c in rest)
        action = f"DO UPDATE SET {sets}" if rest else "DO NOTHING"
        conflict = f"ON CONFLICT ({', '.join(key)}) {action}"
        if self.sqlite:
            marks = ", ".join("?" * len(columns))
            self._cursor.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks}) {conflict}", rows)
            return
        values = ", ".join(f"unnest(%s::{_pg_type(table.c[c])}[])" for c in columns)
        self._cursor.execute(
            f"INSERT INTO {table.name} ({names}) SELECT {values} {conflict}",
            [list(column) for column in zip(*rows, strict=True)],
        )

    def delete(self, table: sa.Table, rows: Sequence[Row], key: Sequence[str] = ("id",)) -> None:
        """Delete many rows by key."""
        if not rows:
            return
        if self.sqlite:
            where = " AND ".join(f"{c} = ?" for c in key)
            self._cursor.executemany(f"DELETE FROM {table.name} WHERE {where}", rows)
            return
        values = ", ".join(f"unnest(%s::{_pg_type(table.c[c])}[]) AS {c}" for c in key)
        where = " AND ".join(f"t.{c} = v.{c}" for c in key)
        self._cursor.execute(
            f"DELETE FROM {table.name} AS t USING (SELECT {values}) AS v WHERE {where}",
            [list(column) for column in zip(*rows, strict=True)],
        )


class Step:
    """One write transaction. `seq` is drawn with the first fact, so a quiet page leaves no trace in the clock."""

    def __init__(self, store: Store, db: Db, cause: str, actor: str, run: int | None) -> None:
        self.store = store
        self.db = db
        self.cause = cause
        self.actor = actor
        self.run = run
        self.at = time.time_ns() // 1000
        self._seq: int | None = None
        self._next: dict[str, int] = {}
        self.lines = 0  # audit lines written in this step
        self.parts = 0  # payload blobs written in this step

    @property
    def seq(self) -> int:
        """The step's place in the order of all changes."""
        if self._seq is None:
            last = self.db.one("SELECT max(seq) FROM txn")
            self._seq = ((last and last[0]) or 0) + 1
            self.db.run(
                "INSERT INTO txn (seq, at, actor, cause, run, ruleset) VALUES (?, ?, ?, ?, ?, ?)",
                (self._seq, self.at, self.actor, self.cause, self.run, self.store.ruleset_id(self.db)),
            )
        return self._seq

    @property
    def changed(self) -> bool:
        """Whether any fact was written."""
        return self._seq is not None

    def new_ids(self, table: str, count: int) -> range:
        """Fresh ids of a table; this transaction is the only writer."""
        if table not in self._next:
            last = self.db.one(f"SELECT max(id) FROM {table}")
            self._next[table] = ((last and last[0]) or 0) + 1
        start = self._next[table]
        self._next[table] = start + count
        return range(start, start + count)

    def new_node(self) -> int:
        """A fresh id of a node: negative, counting down."""
        if "node" not in self._next:
            last = self.db.one("SELECT min(id) FROM node")
            self._next["node"] = ((last and last[0]) or 0) - 1
        self._next["node"] -= 1
        return self._next["node"] + 1


class Store:
    """An open store. Reads go through `reading`, writes through `step`."""

    def __init__(self, engine: sa.Engine, url: str, key: bytes) -> None:
        self.engine = engine
        self.url = url
        self.dialect = engine.dialect.name
        self.key = key
        self.tombstones: Tombstones | None = None
        self._lock: Any = None
        self._errors: tuple[type[Exception], ...] = (engine.dialect.loaded_dbapi.Error, sa.exc.DBAPIError)
        self._rulesets: dict[int, Ruleset] = {}
        # threads of one process take turns here; left to SQLite's busy handler they sleep ten times as long as needed
        self._turn = threading.RLock()
        self._queue = Queue(self.path)  # and so do processes, in the same way
        # one connection writes: what another writes makes its page cache worthless, and each would grow one of its own
        self._writer = engine.pool.recreate()

    # -- reading and writing -------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Db]:
        """A consistent snapshot for reading."""
        with self._connection(self.engine.pool) as connection:
            db = Db(connection, self.dialect, self.tombstones)
            # one snapshot for all queries of a reading, also on PostgreSQL, whose default is one for each query
            db.run("BEGIN" if db.sqlite else "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                yield db
            finally:
                with suppress(Exception):
                    connection.rollback()

    @contextmanager
    def step(self, cause: str, *, actor: str = "daemon", run: int | None = None) -> Iterator[Step]:
        """One write transaction: everything in it is stored, or nothing."""
        with self._turn, self._queue.turn(), self._connection(self._writer) as connection:
            db = Db(connection, self.dialect, self.tombstones)
            self._begin(db)
            failpoint("step.began")
            step = Step(self, db, cause, actor, run)
            try:
                yield step
                failpoint("step.before_commit")
                self._commit(db)
            except BaseException:
                with suppress(Exception):  # SQLite has rolled back by itself when the disk is full
                    connection.rollback()
                self._rulesets.clear()
                raise
            failpoint("step.after_commit")

    @contextmanager
    def _connection(self, pool: sa.Pool) -> Iterator[Any]:
        try:
            proxy = pool.connect()
        except self._errors as error:
            raise _translate(error) from error
        try:
            yield proxy.driver_connection
        except self._errors as error:
            raise _translate(error) from error
        finally:
            proxy.close()

    def _begin(self, db: Db) -> None:
        if db.sqlite:
            db.run("BEGIN IMMEDIATE")
        else:
            db.run("SELECT pg_advisory_xact_lock(?)", (WRITER_LOCK,))

    def _commit(self, db: Db) -> None:
        db.connection.commit()

    @contextmanager
    def alone(self) -> Iterator[Db]:
        """The writer's connection without a transaction, while no other writer is at work: for looking after the file."""
        with self._turn, self._queue.turn(), self._connection(self._writer) as connection:
            yield Db(connection, self.dialect)

    def graves(self) -> Graves | None:
        """Whom nobody may bring back; None where nobody was erased. Costs one look at the size of a file."""
        return None if self.tombstones is None else self.tombstones.standing()

    # -- rules ----------------------------------------------------------------

    def ruleset_id(self, db: Db) -> int:
        """The id of the ruleset in force."""
        row = db.one("SELECT value FROM meta WHERE name = 'ruleset'")
        if row is None:
            raise StoreError("the store has no ruleset yet", hint="Run `klientela rules apply`")
        return int(row[0])

    def ruleset(self, db: Db) -> Ruleset:
        """The ruleset in force."""
        number = self.ruleset_id(db)
        if number not in self._rulesets:
            row = db.one("SELECT canonical FROM ruleset WHERE id = ?", (number,))
            assert row is not None  # noqa: S101 - the id was read in the same transaction
            self._rulesets[number] = Ruleset.parse(row[0])
        return self._rulesets[number]

    # -- life -----------------------------------------------------------------

    @cached_property
    def path(self) -> Path | None:
        """The database file on SQLite."""
        database = make_url(self.url).database
        return Path(database) if self.dialect == "sqlite" and database else None

    def lock_daemon(self) -> None:
        """Be the one daemon of this store; StoreError when another is. Held until `close`."""
        if self._lock is not None:
            return
        if self.path is not None:
            import fcntl

            handle = self.path.with_name(self.path.name + ".lock").open("a+")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                handle.close()
                raise _second_daemon() from error
            handle.truncate(0)
            handle.write(f"{os.getpid()}\n")
            handle.flush()
            self._lock = handle
            return
        proxy = self.engine.raw_connection()
        db = Db(proxy.driver_connection, self.dialect)
        row = db.one("SELECT pg_try_advisory_lock(?)", (DAEMON_LOCK,))
        proxy.commit()
        if not row or not row[0]:
            proxy.close()
            raise _second_daemon()
        self._lock = proxy

    def close(self) -> None:
        """Let go of the lock and of all connections."""
        if self._lock is not None:
            with suppress(Exception):
                if self.dialect != "sqlite":
                    self._lock.invalidate()  # a session lock ends with its session
                self._lock.close()
            self._lock = None
        self._queue.close()
        self._writer.dispose()
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _second_daemon() -> StoreError:
    return StoreError(
        "another klientela daemon already runs on this store",
        hint="Stop it first, or use `klientela sync` beside it",
    )


def _translate(error: Exception) -> StoreError:
    # the driver's own words, and of these the first line: further ones quote values, or are SQLAlchemy's
    said = next(iter(str(getattr(error, "orig", None) or error).splitlines()), type(error).__name__)
    text = said.lower()
    if "connect" in text or "resolve host" in text:
        return StoreError(
            f"the database server cannot be used: {said}", hint="Check store.url and that the server is running"
        )
    if "locked" in text or "busy" in text:
        return StoreError("the database is locked by another program", hint="Wait for it to finish and try again")
    if "full" in text:
        return StoreError("the disk is full; nothing of this step was stored", hint="Free some space and sync again")
    if "malformed" in text or "not a database" in text or "corrupt" in text:
        return StoreError("the database file is damaged", hint="Restore the last backup with `klientela restore FILE`")
    if "readonly" in text or "read-only" in text or "unable to open" in text:
        return StoreError(
            f"the database cannot be opened for writing: {said}",
            hint="Check the path, and the rights to the file and its folder",
        )
    return StoreError(f"the database refused a statement: {said}", hint="Run `klientela doctor`")


_PRAGMAS = (
    "PRAGMA page_size = 8192",  # of a new store: half the pages, and calls, of a load (decision 6); an old one keeps its own
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # reliability.md: NORMAL lost acknowledged commits in 243 of 300 power cuts
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 30000",
    "PRAGMA cache_size = -16384",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA wal_autocheckpoint = 4000",
)


# sqlite3 asks every parameter that is None or bytes, in vain, whether somebody can adapt it: 0.3 us each, and rows have
# many. Adapters that answer at once, with the value itself and without running any Python, cost half of that.
sqlite3.register_adapter(type(None), {}.get)  # type: ignore[arg-type]
sqlite3.register_adapter(bytes, operator.itemgetter(slice(None)))


def make_engine(url: str) -> sa.Engine:
    """An engine for `sqlite:///file` or `postgresql+psycopg://…`. Misconfigured for anything else."""
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError as error:
        raise Misconfigured("store.url is no database address", hint='Use "sqlite:///klientela.db"') from error
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            folder = Path(parsed.database).parent
            if not folder.is_dir():
                raise Misconfigured(f"the folder {folder} of the database does not exist", hint="Create it first")
        # the connection used last comes first: its page cache is warm, and the caches of the others stay small
        engine = sa.create_engine(
            url,
            poolclass=sa.pool.QueuePool,
            pool_size=4,
            pool_use_lifo=True,
            connect_args={"check_same_thread": False},
        )

        @sa.event.listens_for(engine, "connect")
        def _connect(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # we begin and commit ourselves
            for pragma in _PRAGMAS:
                connection.execute(pragma)

        return engine
    if parsed.get_backend_name() == "postgresql":
        try:
            return sa.create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=4,
                pool_use_lifo=True,
                connect_args={"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3},
            )
        except ModuleNotFoundError as error:
            raise Misconfigured(
                "PostgreSQL needs the psycopg package", hint='Install it with: pip install "klientela[postgres]"'
            ) from error
    raise Misconfigured(
        f"{parsed.get_backend_name()} is no database klientela knows", hint="Use sqlite:/// or postgresql+psycopg://"
    )


def _instance_key(path: Path | None, standing: bool) -> bytes:
    """The instance's secret key: read, or made once with owner-only permissions; never where there must be one already
    (`standing`), because the store or tombstones were made with it."""
    if path is None:
        return secrets.token_bytes(32)
    try:
        if not path.exists():
            if standing:
                raise Misconfigured(
                    f"the key file {path} of this store is missing",
                    hint="Put it back from where it is kept beside the backups; ids and tombstones hang on it",
                )
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32) + "\n", encoding="ascii")
        return bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise Misconfigured(
            f"the key file {path} cannot be used: {(error.strerror or str(error)).lower()}",
            hint="Give the user that runs klientela the right to read it, and to write it the first time",
        ) from error
    except ValueError as error:
        raise Misconfigured(
            f"{path} does not hold an instance key", hint="Restore it from a backup; ids and tombstones hang on it"
        ) from error


def open_store(url: str, *, key_file: Path | None = None, create: bool = True, tombstones: Path | None = None) -> Store:
    """Open a store, bring its schema up to date, check the instance key.

    `key_file` None: a key that lives as long as the process (tests). `tombstones`: the file of whom nobody brings back
    (R56); without one nobody can be erased. StoreError or Misconfigured with a sentence.
    """
    from klientela.store.migrations import upgrade

    engine = make_engine(url)
    store = Store(engine, url, b"")
    if not create and store.path is not None and not store.path.exists():
        raise StoreError(f"there is no store at {store.path}", hint="Run `klientela sync` or `klientela run` first")
    try:
        upgrade(store)
        fingerprint = _fingerprint_of_key(store)
        buried = tombstones is not None and tombstones.exists() and tombstones.stat().st_size > 0
        store.key = _instance_key(key_file, fingerprint is not None or buried)
        _check_key(store, key_file, fingerprint)
        if tombstones is not None:
            store.tombstones = Tombstones(tombstones, store.key)
            _check_tombstones(store, store.tombstones)
        _first_rules(store)
    except (sqlite3.Error, sa.exc.SQLAlchemyError) as error:
        store.close()
        raise _translate(error) from error
    except BaseException:
        store.close()
        raise
    return store


def _fingerprint_of_key(store: Store) -> str | None:
    with store.reading() as db:
        row = db.one("SELECT value FROM meta WHERE name = 'key'")
    return row[0] if row else None


def _check_key(store: Store, key_file: Path | None, fingerprint: str | None) -> None:
    if key_file is None:
        return
    mine = sha256(b"klientela instance" + store.key).hexdigest()[:16]
    if fingerprint is None:
        with store.step("instance key") as step:
            step.db.run("INSERT INTO meta (name, value) VALUES ('key', ?)", (mine,))
    elif fingerprint != mine:
        raise Misconfigured(
            f"{key_file} is not the key this store was made with",
            hint="Restore the key file that belongs to it; ids and tombstones hang on it",
        )


def _check_tombstones(store: Store, tombstones: Tombstones) -> None:
    """The file knows at least what this store has carried out."""
    with store.reading() as db:
        tombstones.pending(db)


def _first_rules(store: Store) -> None:
    with store.reading() as db:
        if db.one("SELECT value FROM meta WHERE name = 'ruleset'") is not None:
            return
    with store.step("first rules") as step:
        rules = Ruleset()
        step.db.run(
            "INSERT INTO ruleset (id, digest, canonical) VALUES (1, ?, ?) ON CONFLICT DO NOTHING",
            (rules.digest, rules.canonical()),
        )
        step.db.run("INSERT INTO meta (name, value) VALUES ('ruleset', '1') ON CONFLICT DO NOTHING")


def late_indexes(store: Store) -> None:
    """Build the indexes that wait for the first load of an empty store; a no-op where they exist."""
    from klientela.store.search import late as late_search

    for statement in (*(index.ddl(store.dialect) for index in tables.LATE), *late_search(store.dialect)):
        try:
            _build(store, statement, "FILE")
        except StoreError:
            if store.dialect != "sqlite":
                raise
            _build(store, statement, "MEMORY")  # there may be no folder for temporary files
    failpoint("indexes.built")


def _build(store: Store, statement: str, sort_in: str) -> None:
    """Build one index in a step of its own, so that the log of the database need not hold all of them at once."""
    with store.step("indexes") as step:
        if not step.db.sqlite:
            step.db.run(statement)
            return
        # a sort in memory takes as much of it as the index is large; one in files as much as the page cache may have
        step.db.run(f"PRAGMA temp_store = {sort_in}")
        step.db.run("PRAGMA cache_size = -4096")
        try:
            step.db.run(statement)
        finally:
            for pragma in _PRAGMAS:
                if "cache_size" in pragma or "temp_store" in pragma:
                    step.db.run(pragma)
