"""Reads the result of a bulk operation: a file of lines becomes rows with all that belongs to them, in little memory.

A row's parts come after it, yet not always at once after it. As long as they do, one pass is enough; the first part
that stands elsewhere raises Scattered, and a second reading with `Strays`, which keeps such parts on disk, finds all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self

import msgspec
from msgspec import Raw

from klientela_shopify.nodes import BulkLine

Lines = Iterable[tuple[bytes, int]]
"""Lines and the place in the file after each."""

_line = msgspec.json.Decoder(BulkLine)


class Scattered(Exception):
    """Parts stand away from the rows they belong to."""


class Damaged(Exception):
    """The file is cut off, or no JSON."""


class Row(NamedTuple):
    """One object of the list, its parts, and the place in the file behind it."""

    line: bytes
    parts: Sequence[bytes]
    place: int

    def whole(self, inner: str) -> Raw:
        """The row as paging shows it: with its parts as a list of the name `inner`."""
        parts = b",".join(_bare(part) for part in self.parts)
        head = self.line.rstrip()[:-1]
        return Raw(b'%s,"%s":{"nodes":[%s],"pageInfo":{"hasNextPage":false}}}' % (head, inner.encode(), parts))


class Strays:
    """Parts that stand away from their rows, in a file of SQLite's own that nobody else can open and that vanishes."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("CREATE TABLE stray (parent TEXT NOT NULL, line BLOB NOT NULL)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._db.close()

    def collect(self, lines: Lines) -> None:
        """Keep all of a whole file. Damaged."""
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO stray VALUES (?, ?)", _away(lines))
        self._db.execute("CREATE INDEX by_parent ON stray (parent)")
        self._db.execute("COMMIT")

    def of(self, name: str | None) -> list[bytes]:
        """The parts of a row."""
        found = self._db.execute("SELECT line FROM stray WHERE parent = ? ORDER BY rowid", (name,))
        return [line for (line,) in found]


def rows_of(lines: Lines, *, place: int = 0, size: int | None = None, strays: Strays | None = None) -> Iterator[Row]:
    """The rows behind `place` of a file of `size` bytes. Scattered (without `strays`), Damaged."""
    row: bytes | None = None
    name: str | None = None
    parts: list[bytes] = []
    for line, end in lines:
        if head := _head(line):
            if head.parent is None:
                if row is not None:
                    yield Row(row, _all(parts, name, strays), place)
                row, name, parts = line, head.id, []
            elif row is not None and head.parent == name:
                parts.append(line)
            elif strays is None:
                raise Scattered
        place = end
    if size is not None and place != size:
        raise Damaged
    if row is not None:
        yield Row(row, _all(parts, name, strays), place)


def _all(parts: list[bytes], name: str | None, strays: Strays | None) -> list[bytes]:
    """The parts of a row that stand beside it, and those that come later."""
    return parts if strays is None else parts + strays.of(name)


def _away(lines: Lines) -> Iterator[tuple[str, bytes]]:
    """Parents' names and lines of all parts that do not stand beside their rows."""
    name: str | None = None
    for line, _ in lines:
        head = _head(line)
        if head is None:
            continue
        if head.parent is None:
            name = head.id
        elif head.parent != name:
            yield head.parent, line


def _head(line: bytes) -> BulkLine | None:
    """Where a line belongs; None for an empty one."""
    if not line.strip():
        return None
    try:
        return _line.decode(line)
    except msgspec.DecodeError:
        raise Damaged from None


def _bare(part: bytes) -> bytes:
    """A part without the name of its row."""
    found = msgspec.json.decode(part)
    del found["__parentId"]
    return msgspec.json.encode(found)
