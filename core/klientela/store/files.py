"""Files that belong to records, such as a letter's PDF: the bytes are kept once, by their digest, and never change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from klientela.errors import UnknownThing
from klientela.store import tables as t
from klientela.store.database import Db, Step


class Kept(NamedTuple):
    """A file as it is kept: its media type and its bytes."""

    type: str
    content: bytes


def keep(step: Step, digest: str, type_: str, content: bytes) -> None:
    """Keep a file; one that is there already stays as it is. `digest` is the SHA-256 of the content, in hex."""
    db, raw = step.db, bytes.fromhex(digest)
    if db.one("SELECT 1 FROM file WHERE sha256 = ?", (raw,)) is None:
        db.insert(t.file, ("sha256", "type", "bytes", "seq"), [(raw, type_, content, step.seq)])


def attach(step: Step, record: int, digest: str, name: str | None) -> None:
    """Tie a kept file to a record. Files of earlier claims stay tied: what was sent once was sent (B13)."""
    columns = ("record", "sha256", "name")
    step.db.upsert(t.attachment, columns, [(record, bytes.fromhex(digest), name)], columns[:2])


def sizes(db: Db, digests: Iterable[str]) -> dict[str, int]:
    """The sizes in bytes of those of some files that are kept."""
    found = {}
    for digest in set(digests):
        row = db.one("SELECT length(bytes) FROM file WHERE sha256 = ?", (bytes.fromhex(digest),))
        if row is not None:
            found[digest] = int(row[0])
    return found


def read(db: Db, digest: str) -> Kept:
    """The file of a digest (hex), byte for byte as it came. UnknownThing when there is none."""
    try:
        raw = bytes.fromhex(digest)
    except ValueError:
        raw = b""
    rows = db.blobs("SELECT type, bytes FROM file WHERE sha256 = ?", (raw,))
    if not rows:
        raise UnknownThing("there is no such file", hint="The profile of a customer lists the files there are")
    return Kept(rows[0][0], bytes(rows[0][1]))


def name_of(db: Db, digest: str) -> str | None:
    """The name that a kept file first came with; None where nobody gave it one."""
    row = db.one(
        "SELECT name FROM attachment WHERE sha256 = ? AND name IS NOT NULL ORDER BY record LIMIT 1",
        (bytes.fromhex(digest),),
    )
    return None if row is None else str(row[0])


__all__ = ["Kept", "attach", "keep", "name_of", "read", "sizes"]
