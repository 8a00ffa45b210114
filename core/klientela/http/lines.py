"""Answers too long to be held: read line by line in little memory, and from any place in them."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator

import httpx

from klientela.errors import Interrupted
from klientela.http.transport import Garbled, TooLarge

_PIECE = 2**16  # bytes that are unpacked at once

Line = tuple[bytes, int]
"""A line without its line break, and the place in the unpacked body after it."""


def lines_of(response: httpx.Response, offset: int, longest: int, stop: threading.Event) -> Iterator[Line]:
    """The lines of an answer's body from byte `offset` of the whole on. TooLarge, Garbled, Interrupted.

    A server that was asked for a part (`range_of`) may send that part (206) or the whole (200).
    """
    partial = response.status_code == 206
    if partial and _begin(response) != offset:
        raise Garbled("another part than the one asked for")
    place = offset if partial else 0
    rest: list[bytes] = []  # the beginning of a line whose end has not come yet
    held = 0
    for chunk in _chunks(response):
        if stop.is_set():
            raise Interrupted("asked to stop while reading an answer")
        skip = min(len(chunk), max(0, offset - place))
        place += skip
        piece = chunk[skip:] if skip else chunk
        *whole, tail = piece.split(b"\n")
        for part in whole:
            line = b"".join((*rest, part)) if rest else part
            rest, held = [], 0
            place += len(part) + 1
            yield line, place
        held += len(tail)
        if held > longest:
            raise TooLarge
        if tail:
            rest.append(tail)
            place += len(tail)
    if rest:
        yield b"".join(rest), place


def range_of(offset: int) -> dict[str, str]:
    """The headers that ask for a body from a byte on, unpacked: a place in it would mean nothing otherwise."""
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    return {**headers, "Range": f"bytes={offset}-"} if offset else headers


def _begin(response: httpx.Response) -> int | None:
    """Where a partial answer begins, by its `Content-Range: bytes 100-199/200`."""
    unit, _, span = response.headers.get("content-range", "").strip().partition(" ")
    first = span.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdigit() else None


def _chunks(response: httpx.Response) -> Iterator[bytes]:
    """The body as it comes, unpacked where a server packs unasked."""
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing in ("identity", ""):
        yield from response.stream  # type: ignore[misc]  # a transport's stream is a plain iterable
    elif packing in ("gzip", "x-gzip") and response.status_code == 200:
        yield from _unpacked(response)
    else:
        raise Garbled(f"packed as {packing[:20]!r}, which nobody asked for")


def _unpacked(response: httpx.Response) -> Iterator[bytes]:
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
    begun = False
    try:
        for chunk in response.stream:  # type: ignore[union-attr]
            rest = chunk
            while rest:
                if unpack.eof:  # several packed pieces in a row are one body
                    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
                begun = True
                yield unpack.decompress(rest, _PIECE)
                rest = unpack.unconsumed_tail or unpack.unused_data
    except zlib.error:
        raise Garbled("damaged while packed") from None
    if begun and not unpack.eof:
        raise Garbled("cut off while packed")
