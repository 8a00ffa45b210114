"""Backups: a copy of the store while everybody goes on working, and the way back.

SQLite gives one compact database file, PostgreSQL the archive of its own `pg_dump`. The instance key and the tombstones
are not part of it: a restored backup must not bring back whom somebody erased meanwhile (R56).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL, make_url

from klientela.errors import Conflict, Misconfigured, SourceBusy, StoreError
from klientela.store import operation
from klientela.store.database import Store, make_engine, open_store

_SQLITE = b"SQLite format 3\0"
_POSTGRESQL = b"PGDMP"


def backup(store: Store, target: Path, *, replace: bool = False) -> int:
    """Write a backup of an open store; its size in bytes. Only its owner may read it: it holds personal data.

    Conflict when the file is there and `replace` is not given, StoreError when it cannot be written.
    """
    if target.exists() and not replace:
        raise Conflict(f"{target} is there already", hint="Name another file, or replace it with --force.")
    if not target.parent.is_dir():
        raise Misconfigured(f"the folder {target.parent} does not exist", hint="Create it first.")
    part = target.with_name(f".{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        if store.path is not None:
            _copy_sqlite(store.path, part)
        else:
            _dump(make_url(store.url), store, part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(
            f"the backup {target} could not be written: {reason.lower()}",
            hint="Check the disk's space and the permissions.",
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return target.stat().st_size


def restore(url: str, key_file: Path, source: Path) -> Path | None:
    """Put a backup in the place of the store. The file the old store was kept in, on SQLite.

    Refused, with the store untouched: a daemon is running, a source is being synced, the backup is damaged, too new, of
    the other database, or was made with another key.
    """
    with _opened(source) as file:
        head = file.read(16)
    there = make_engine(url)
    empty = Store(there, url, b"")
    try:
        if empty.path is not None:
            _must(head == _SQLITE, source, "SQLite")
            empty.lock_daemon()
            _nobody_syncs(empty)
            return _put_sqlite(source, empty.path, key_file)
        _must(head.startswith(_POSTGRESQL), source, "PostgreSQL")
        empty.lock_daemon()
        _nobody_syncs(empty)
        _undump(make_url(url), source)
    finally:
        empty.close()
    open_store(url, key_file=key_file).close()  # brings an older schema up to date and compares the key
    return None


def _must(right: bool, source: Path, kind: str) -> None:
    if not right:
        raise Misconfigured(
            f"{source} is no backup of a {kind} store", hint="Restore it with the [store] url it was made with."
        )


def _opened(source: Path) -> Any:
    try:
        return source.open("rb")
    except OSError as error:
        raise Misconfigured(
            f"the backup {source} cannot be read: {(error.strerror or '').lower()}", hint="Check the path."
        ) from error


# SQLite -----------------------------------------------------------------------------------------------------------


def _copy_sqlite(path: Path, part: Path) -> None:
    part.unlink()  # VACUUM INTO wants no file or an empty one, and sets the mode by the umask
    mask = os.umask(0o077)
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA busy_timeout = 30000")
            connection.execute("VACUUM INTO ?", (str(part),))
    finally:
        os.umask(mask)
    _check_sqlite(part)


def _nobody_syncs(store: Store) -> None:
    """SourceBusy while a sync without daemon writes into the store: what it still writes would be lost, or worse."""
    if store.path is not None and not store.path.exists():
        return
    try:
        with store.reading() as db:
            names = operation.busy(db)
    except StoreError:
        return  # a damaged or empty store may well be replaced; nobody can write into it
    finally:
        store.engine.dispose()  # no connection may keep the file that is going to be put aside
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise SourceBusy(
            f"a sync of {names[0]}{more} is in progress on this store",
            hint="Stop it or wait for it to finish, then restore.",
        )


def _check_sqlite(path: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} is damaged ({error})", hint="Use another backup.") from error
    if said != "ok":
        raise StoreError(f"{path} is damaged ({said})", hint="Use another backup.")
    if not {"alembic_version", "meta", "record"} <= tables:
        raise Misconfigured(f"{path} is no store of klientela", hint="Use a file that `klientela backup` wrote.")


def _put_sqlite(source: Path, path: Path, key_file: Path) -> Path | None:
    """Prepare a copy beside the store, with everything checked, and swap the two at the end."""
    _check_sqlite(source)
    part = path.with_name(f".{path.name}.restored")
    aside = path.with_name(f"{path.name}.before-restore")
    try:
        _forget(part)
        shutil.copyfile(source, part)
        part.chmod(0o600)
        open_store(f"sqlite:///{part}", key_file=key_file).close()
        existed = path.exists()
        if existed:
            _forget(aside)
            for suffix in ("-wal", "-shm", ""):
                with suppress(FileNotFoundError):
                    Path(f"{path}{suffix}").replace(f"{aside}{suffix}")
        part.replace(path)
    except OSError as error:
        raise StoreError(f"the store {path} could not be replaced: {(error.strerror or str(error)).lower()}") from error
    finally:
        _forget(part)
    return aside if existed else None


def _forget(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


# PostgreSQL -------------------------------------------------------------------------------------------------------


def _dump(url: URL, store: Store, part: Path) -> None:
    with store.reading() as db:
        row = db.one("SELECT current_schema()")
    schema = str(row[0]) if row else "public"
    _client("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--table={schema}.*", f"--file={part}")


def _undump(url: URL, source: Path) -> None:
    _client(
        "pg_restore",
        url,
        "--clean",
        "--if-exists",
        "--no-owner",
        "--no-privileges",
        "--single-transaction",
        str(source),
    )


def _client(program: str, url: URL, *args: str) -> None:
    """Run a program of PostgreSQL's client; its own first line of complaint becomes our sentence."""
    found = _find(program)
    address = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    env = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    done = subprocess.run(  # noqa: S603 - a program of the system with arguments of our own
        [found, f"--dbname={address}", *args], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        said = (
            lines[0].removeprefix(f"{program}: ").removeprefix("error: ") if lines else f"exit code {done.returncode}"
        )
        raise StoreError(f"{program} failed: {said}", hint="Its version must be that of the server or newer.")


def _find(program: str) -> str:
    """The program on the path, else the newest of Debian's folders."""
    here = shutil.which(program)
    if here:
        return here
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda p: float(p.parts[-3]))
    if installed:
        return str(installed[-1])
    raise Misconfigured(f"{program} is not installed", hint="Install PostgreSQL's client programs (postgresql-client).")
