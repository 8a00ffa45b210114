"""Tombstones: whom nobody brings back, as keyed hashes in a file of its own beside the database (R56).

One line for one erasure, `{"id", "at", "records", "orders", "values", "named"}`, or for one that was lifted, `{"at",
"lifts"}`; hashes are HMAC-SHA256 with the instance's key, 16 bytes in hex. A line is written and synced before the
transaction of its erasure is committed, so the file may know more than a database, never less: `pending` says what one
lacks.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from klientela.errors import Misconfigured, StoreError

if TYPE_CHECKING:
    from klientela.store.database import Db

_META = "tombstones"
_HINT = "Put it back from where it is kept beside the key file; without it erased people would come back."


ERASED = "erased:"
"""Before what stands for a key that was a person's."""


class Line(msgspec.Struct, omit_defaults=True):
    """One line of the file; hashes in hex. `lifts`: the id of an erasure that holds no more."""

    at: str
    id: str = ""
    records: list[str] = []
    orders: list[str] = []
    values: list[str] = []
    named: list[str] = []
    hidden: list[str] = []
    lifts: str = ""

    def hashes(self) -> set[str]:
        """All hashes of the line."""
        return {*self.records, *self.orders, *self.values, *self.named}


class Graves(msgspec.Struct):
    """Everything the file says now, as sets of hashes.

    `records`: people's records and what hung on them, whose claims are dropped. `orders`: orders and checkouts, taken
    without person. `values`: e-mails and phones nobody else had. `named`: those that others have, with the name.
    `hidden`: those of the orders whose own id or number names the person.
    """

    key: bytes
    records: set[bytes] = msgspec.field(default_factory=set)
    orders: set[bytes] = msgspec.field(default_factory=set)
    values: set[bytes] = msgspec.field(default_factory=set)
    named: set[bytes] = msgspec.field(default_factory=set)
    hidden: set[bytes] = msgspec.field(default_factory=set)
    erasures: int = 0

    def add(self, line: Line) -> None:
        """One more erasure."""
        self.erasures += 1
        self.records.update(map(bytes.fromhex, line.records))
        self.orders.update(map(bytes.fromhex, line.orders))
        self.values.update(map(bytes.fromhex, line.values))
        self.named.update(map(bytes.fromhex, line.named))
        self.hidden.update(map(bytes.fromhex, line.hidden))

    def holds(self, uid: str, entity: str, ext: str) -> bool:
        """Whether claims of a record are dropped."""
        return bool(self.records) and of_record(self.key, uid, entity, ext) in self.records

    def knows(self, public: str) -> bool:
        """Whether that is the public id of a record that was erased."""
        return bool(self.records) and of_public(self.key, public) in self.records

    def __bool__(self) -> bool:
        return bool(self.records or self.orders or self.values or self.named)


def of_record(key: bytes, uid: str, entity: str, ext: str) -> bytes:
    """The hash of a record's key."""
    return _hash(key, "record", f"{uid}\0{entity}\0{ext}")


def mask(key: bytes, text: str) -> str:
    """What stands for an order's id or number that names somebody who was erased; of one that is masked, itself."""
    return text if text.startswith(ERASED) else f"{ERASED}{_hash(key, 'order', text).hex()}"


def of_public(key: bytes, public: str) -> bytes:
    """The hash of a public id."""
    return of_record(key, "", "id", public.casefold())


def of_value(key: bytes, kind: str, value: str) -> bytes:
    """The hash of a folded `email` or `phone`."""
    return _hash(key, kind, value)


def of_named(key: bytes, kind: str, value: str, name: str) -> bytes:
    """The hash of a folded value together with a folded full name."""
    return _hash(key, kind, f"{value}\0{name}")


def _hash(key: bytes, kind: str, text: str) -> bytes:
    return hmac.digest(key, f"tombstone\0{kind}\0{text}".encode(), "sha256")[:16]


class Known(NamedTuple):
    """How much of the file a database has carried out: its first bytes, and their digest."""

    size: int
    digest: str


class Tombstones:
    """The file, read again only when it has grown."""

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self.key = key
        self._size = -1
        self._graves: Graves | None = None

    def standing(self) -> Graves | None:
        """What the file says; None where there is no tombstone. One look at its size where nothing changed."""
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            size = 0
        if size != self._size:
            graves = Graves(self.key)
            for line in self.erasures():
                graves.add(line)
            self._graves, self._size = (graves if graves else None), size
        return self._graves

    def erasures(self) -> list[Line]:
        """The erasures that hold, oldest first."""
        lines = list(_lines(self.path, self.content()))
        lifted = {line.lifts for line in lines}
        return [line for line in lines if line.id and line.id not in lifted]

    def content(self) -> bytes:
        """The whole lines of the file: one that a crash tore was never part of an erasure."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise Misconfigured(
                f"the tombstone file {self.path} cannot be read: {(error.strerror or str(error)).lower()}", hint=_HINT
            ) from error
        return content[: content.rfind(b"\n") + 1]

    def append(self, line: Line) -> Known:
        """Write a line and sync it; only inside a step, whose lock keeps others from writing beside. Returns how much
        the database knows once the step is committed."""
        before = self.content()
        text = msgspec.json.encode(line) + b"\n"
        try:
            there = self.path.exists()
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(handle, "r+b") as file:
                file.truncate(len(before))
                file.seek(len(before))
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if not there:
                _sync_folder(self.path.parent)
        except OSError as error:
            raise StoreError(
                f"the tombstone file {self.path} cannot be written: {(error.strerror or str(error)).lower()}",
                hint="Nothing was erased; give the user that runs klientela the right to write it.",
            ) from error
        return _known(before + text)

    def pending(self, db: Db) -> tuple[list[Line], Known]:
        """The lines this database has not carried out yet, and what it will know then.

        Misconfigured where the file lacks what the database has carried out: it is missing, older or another one.
        """
        content, known = self.content(), known_to(db)
        if known is not None and _known(content[: known.size]) != known:
            state = "is missing" if not content else "is older than this store, or of another one"
            raise Misconfigured(f"the tombstone file {self.path} {state}", hint=_HINT)
        return list(_lines(self.path, content[known.size if known else 0 :])), _known(content)


def known_to(db: Db) -> Known | None:
    """How much of the file a database has carried out; None where it never saw one."""
    row = db.one("SELECT value FROM meta WHERE name = ?", (_META,))
    if row is None:
        return None
    size, _, digest = row[0].partition(":")
    return Known(int(size), digest)


def remember(db: Db, known: Known) -> None:
    """Note in the database how much it has carried out; in the step that does."""
    db.run(
        "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (_META, f"{known.size}:{known.digest}"),
    )


def _known(content: bytes) -> Known:
    return Known(len(content), sha256(content).hexdigest())


def _lines(path: Path, content: bytes) -> Iterable[Line]:
    for number, text in enumerate(content.splitlines(), 1):
        try:
            yield _DECODE(text)
        except (msgspec.MsgspecError, json.JSONDecodeError) as error:
            raise Misconfigured(f"line {number} of the tombstone file {path} is damaged", hint=_HINT) from error


_DECODE: Any = msgspec.json.Decoder(Line).decode


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


__all__ = [
    "Graves",
    "Known",
    "Line",
    "Tombstones",
    "known_to",
    "of_named",
    "of_record",
    "of_value",
    "remember",
]
