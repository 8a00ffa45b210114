"""Long answers read line by line: any place to begin, connections that break, servers that do not know ranges."""

from __future__ import annotations

import gzip
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from klientela.errors import Interrupted, SourceBroken, SourceRefused
from klientela.http import Http
from klientela.testing import Faults, hurry, serve

TEXT = b"".join(b'{"number":%d,"name":"J\xc3\xbcrgen"}\n' % number for number in range(400))


class Shelf:
    """A server of one file."""

    def __init__(self) -> None:
        self.text = TEXT
        self.ranges = True
        self.packed = False
        self.lying = False  # about where a part begins
        self.asked: list[Request] = []
        self.faults = Faults(Starlette(routes=[Route("/file", self._file)]))
        self.url = ""

    async def _file(self, request: Request) -> Response:
        self.asked.append(request)
        wanted = request.headers.get("range")
        if self.packed:
            return Response(gzip.compress(self.text), headers={"Content-Encoding": "gzip"})
        if wanted is None or not self.ranges:
            return Response(self.text)
        begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if begin >= len(self.text):
            return Response(status_code=416)
        span = f"bytes {begin + self.lying}-{len(self.text) - 1}/{len(self.text)}"
        return Response(self.text[begin:], 206, headers={"Content-Range": span})

    def lines(self, offset: int = 0, **options: int) -> list[tuple[bytes, int]]:
        with Http(self.url, tries=4) as http:
            return list(http.lines("/file?signature=abc", offset=offset, **options))


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    shelf = Shelf()
    with serve(shelf.faults) as shelf.url:
        yield shelf


def expected(text: bytes, offset: int = 0) -> list[tuple[bytes, int]]:
    """The lines of a text behind a place, by counting."""
    found, place = [], offset
    for line in text[offset:].splitlines(keepends=True):
        place += len(line)
        found.append((line.removesuffix(b"\n"), place))
    return found


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_every_line_is_a_place_to_go_on(shelf: Shelf, ranges: bool, packed: bool) -> None:
    shelf.ranges, shelf.packed = ranges, packed
    whole = shelf.lines()
    assert whole == expected(TEXT)
    for index in (0, 1, 199, 398, 399):
        assert shelf.lines(whole[index][1]) == whole[index + 1 :]


def test_a_last_line_without_its_end_comes_too(shelf: Shelf) -> None:
    shelf.text = b"one\n\ntwo"
    assert shelf.lines() == [(b"one", 4), (b"", 5), (b"two", 8)]


def test_nothing_is_no_line(shelf: Shelf) -> None:
    shelf.text = b""
    assert shelf.lines() == []


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("kind", ["reset", "truncated"])
def test_a_broken_connection_is_taken_up_where_it_broke(shelf: Shelf, kind: str, ranges: bool) -> None:
    shelf.ranges = ranges
    for at in (1_000, 2_500, 5_000, 7_000, 9_000) if not ranges else (1_000, 500, 3_333, 1, 40):
        shelf.faults.storm(kind, at=at)
    with hurry():
        assert shelf.lines() == expected(TEXT)
    assert len(shelf.asked) == 6
    assert [one.headers.get("range") is None for one in shelf.asked[:2]] == [True, False]


def test_patience_ends_where_no_line_comes(shelf: Shelf) -> None:
    shelf.faults.always("500")
    with hurry() as waits, pytest.raises(SourceBroken, match="after 4 tries"):
        shelf.lines()
    assert len(waits) == 3


@pytest.mark.parametrize("status", ["400", "403", "404", "410"])
def test_a_refusal_is_told_at_once(shelf: Shelf, status: str) -> None:
    shelf.faults.always(status)
    with pytest.raises(SourceRefused) as caught:
        shelf.lines()
    assert "signature" not in str(caught.value)


def test_another_part_than_asked_for_is_not_taken(shelf: Shelf) -> None:
    shelf.lying = True
    with hurry(), pytest.raises(SourceBroken):
        shelf.lines(100)


def test_a_line_that_never_ends_is_given_up(shelf: Shelf) -> None:
    shelf.text = b"x" * 100_000
    with pytest.raises(SourceBroken, match="more than we are willing to hold"):
        shelf.lines(longest=50_000)


def test_stop_ends_it(shelf: Shelf) -> None:
    stop = threading.Event()
    shelf.text = TEXT * 100
    with Http(shelf.url, stop=stop) as http:
        found = http.lines("/file")
        next(found)
        stop.set()
        with pytest.raises(Interrupted):
            list(found)


def test_little_is_held(shelf: Shelf) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(400):
            yield TEXT * 4

    async def serve_it(_request: Request) -> Response:
        return StreamingResponse(endless())

    with serve(Starlette(routes=[Route("/file", serve_it)])) as url, Http(url) as http:
        tracemalloc.start()
        try:
            count = sum(1 for _ in http.lines("/file"))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert count == 400 * 4 * 400
    assert peak < len(TEXT) * 400, "the whole of it was held"
