"""Looks for words in every place where a store could keep them: files byte by byte, rows, blobs unpacked, search, exports."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import zstandard

from klientela.flow import history
from klientela.store import Store
from klientela.store import tables as t
from klientela.store.desk import quarantined
from klientela.store.export import export
from klientela.store.overview import listing
from klientela.store.profile import profile
from tests.cases.seen import view

Found = dict[str, set[str]]
"""Of each place the words that stand there."""


def scan(store: Store, words: Iterable[str], files: Iterable[Path] = ()) -> Found:
    """Where each word stands, in the places that have any."""
    wanted = {word: _forms(word) for word in words}
    found: Found = {}
    for place, content in _places(store, files):
        for word, forms in wanted.items():
            if any(form in content for form in forms):
                found.setdefault(place, set()).add(word)
    for word in wanted:
        with store.reading() as db:
            if listing(db, view(), search=word, size=5, key=store.key).total:
                found.setdefault("search", set()).add(word)
    return found


def _forms(word: str) -> set[bytes]:
    low = word.casefold()
    return {low.encode(), json.dumps(low)[1:-1].encode(), low.encode("utf-16-le")}


def _places(store: Store, files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    if store.path is not None:
        for suffix, place in (("", "database"), ("-wal", "log of the database"), ("-shm", "shared memory")):
            path = Path(f"{store.path}{suffix}")
            if path.exists():
                yield place, path.read_bytes().lower()
    for path in files:
        yield path.name, path.read_bytes().lower()
    yield from rows(store)
    with store.reading() as db:
        yield "quarantine", _bytes(quarantined(db)).lower()
        yield "audit", _bytes(list(history.lines(db, store.key))).lower()
        for form in ("csv", "json"):
            yield f"export {form}", "".join(export(db, view(), form, key=store.key)).encode().lower()
        everybody = db.rows("SELECT id FROM customer")
        yield "profiles", _bytes([profile(db, n, view(), key=store.key) for (n,) in everybody]).lower()


def rows(store: Store) -> Iterator[tuple[str, bytes]]:
    """Every table as it stands, and what is packed in them."""
    with store.reading() as db:
        for table in t.METADATA.sorted_tables:
            yield f"table {table.name}", b"\n".join(map(_bytes, db.blobs(f"SELECT * FROM {table.name}"))).lower()
        unpack = zstandard.ZstdDecompressor().decompress
        payloads = [unpack(bytes(body)) for (body,) in db.blobs("SELECT body FROM payload")]
        yield "payloads", b"\n".join(payloads).lower()


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, tuple | list):
        return b"\x00".join(map(_bytes, value))
    if isinstance(value, dict):
        return b"\x00".join(_bytes(one) for pair in value.items() for one in pair)
    return str(value).encode("utf-8", "replace")
