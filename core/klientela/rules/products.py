"""What was bought: the products of an order's lines, as keys that every spelling of a title or SKU leads to (B07).

A key is a hash: no text of an order stands where it is counted or filtered by. Lines are told apart by their titles,
which people know; a SKU leads to whatever was bought under it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from struct import Struct

from klientela.model.records import Line
from klientela.rules.text import sort_key

SIZE = 8
"""Bytes of a key."""
_PACK = Struct(">Q")


def title_key(text: str) -> bytes:
    """The key of a product by its title, or by its SKU where it has no title; the last bit is 0."""
    return _key("title", text, 0)


def sku_key(text: str) -> bytes:
    """The key of whatever was bought under a SKU; the last bit is 1."""
    return _key("sku", text, 1)


def _key(kind: str, text: str, last: int) -> bytes:
    (number,) = _PACK.unpack(blake2b(f"{kind}\0{sort_key(text)}".encode(), digest_size=SIZE).digest())
    return _PACK.pack(number & ~1 | last)


def is_title(key: bytes) -> bool:
    """Whether a key names a product, rather than a SKU beside its title."""
    return not key[-1] & 1


# a shop has few titles and few SKUs, but many pairs of both


@lru_cache(maxsize=16_384)
def _title(text: str | None) -> bytes | None:
    return title_key(text) if text and sort_key(text) else None


@lru_cache(maxsize=16_384)
def _sku(text: str | None) -> bytes | None:
    return sku_key(text) if text and sort_key(text) else None


def keys_of(title: str | None, sku: str | None) -> tuple[bytes, ...]:
    """The keys of a line: the product's first."""
    named = _title(title) or _title(sku)
    if named is None:
        return ()
    coded = _sku(sku)
    return (named,) if coded is None else (named, coded)


def packed(lines: Sequence[Line]) -> bytes | None:
    """All keys of an order's lines, each once, in their order as bytes; None without any."""
    if len(lines) == 1:
        named, coded = _title(lines[0].title), _sku(lines[0].sku)
        if named is not None and coded is not None:  # most orders, and no set is made for them
            return named + coded if named < coded else coded + named
    found: set[bytes] = set()
    for line in lines:  # as `keys_of`, without a call and a tuple for each line of a large load
        named, coded = _title(line.title), _sku(line.sku)
        if named is None:
            named = _title(line.sku)
        if named is not None:
            found.add(named)
        if coded is not None:
            found.add(coded)
    return b"".join(sorted(found)) or None


def unpacked(keys: bytes) -> list[bytes]:
    """The keys out of what `packed` made."""
    return [keys[place : place + SIZE] for place in range(0, len(keys), SIZE)]


def name_of(key: bytes, lines: Sequence[Line]) -> str | None:
    """How a product is called in an order; None where the order does not have it."""
    for line in lines:
        if keys_of(line.title, line.sku)[:1] == (key,):
            return line.title if line.title and sort_key(line.title) else line.sku
    return None


__all__ = ["SIZE", "is_title", "keys_of", "name_of", "packed", "sku_key", "title_key", "unpacked"]
