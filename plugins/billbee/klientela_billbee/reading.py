"""Pages through Billbee's lists by number, in the direction in which nothing can slip by while they change.

Their pages are numbered, so a row that leaves a list moves all behind it up by one. Two roads are safe:

forward    for open lists, which grow: rows that slip in are met again; where the list shrank, a page is read again
backward   for closed windows, which only shrink (a changed order leaves the window): rows move towards what is unread
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from klientela.kit import Position, SourceBroken
from klientela_billbee.client import Billbee
from klientela_billbee.nodes import OrderRef, PagingNode, Ref

MOST = 250
"""Rows on a page (Billbee's limit)."""

_rows = msgspec.json.Decoder(list[Raw])
_ref = msgspec.json.Decoder(Ref)
_order_ref = msgspec.json.Decoder(OrderRef)


class Place(Struct, omit_defaults=True):
    """A position: the page to read next, how long the list was when the one before it was read, and the direction."""

    page: int = 1
    total: int | None = None
    back: bool = False


class Rows(NamedTuple):
    """Some rows and the position after them."""

    rows: list[Raw]
    after: Position


class Pages(NamedTuple):
    """One page as it came, and what `Paging` says: its own number, that of the last page, and of all rows."""

    rows: list[Raw]
    number: int | None
    last: int | None
    total: int | None


class Lister:
    """Reads lists. `size` is the number of rows asked for at once."""

    def __init__(self, api: Billbee, *, size: int = MOST) -> None:
        self._api = api
        self.size = size

    def forward(self, path: str, params: Mapping[str, Any], position: Position = None) -> Iterator[Rows]:
        """A list from its first page to its last; after `position`, where one is given."""
        place = _place(position) or Place()
        page, total, before = place.page, place.total, None
        while True:
            got = self._page(path, params, page)
            if _shrunk(total, got.total) and page > 1:
                page = max(1, page - _pages(_change(total, got.total), self.size))  # rows moved up meanwhile
                total, before = got.total, None
                continue
            total = got.total if got.total is not None else total
            names = [bytes(row) for row in got.rows]
            if got.number not in (None, page):
                raise _circles()
            if names and names == before:
                if got.last is None and len(names) < self.size:
                    return  # without Paging some answer any number behind the end with the last page
                raise _circles()
            if not got.rows and got.last is not None and page <= got.last:
                raise _broken_off()
            before = names
            ended = (got.last is not None and page >= got.last) or not got.rows
            if got.rows:
                yield Rows(got.rows, msgspec.to_builtins(Place(page + 1, total)))
            if ended:
                return
            page += 1

    def backward(self, path: str, params: Mapping[str, Any], position: Position = None) -> Iterator[Rows]:
        """A closed window from its last page to its first; forward where the answers do not tell their number."""
        place = _place(position)
        if place is None:
            first = self._page(path, params, 1)
            if first.last is None:
                yield from self.forward(path, params)
                return
            if first.last <= 1:
                if first.rows:
                    yield Rows(first.rows, {"page": 0, "back": True})
                return
            place = Place(first.last, first.total, back=True)
        elif not place.back:
            yield from self.forward(path, params, position)
            return
        page, total, before = place.page, place.total, None
        while page >= 1:
            got = self._page(path, params, page)
            if _shrunk(got.total, total) and got.last is not None:
                page = min(got.last, page + _pages(_change(got.total, total), self.size))  # rows slipped in after all
                total, before = got.total, None
                continue
            if got.last is not None and page > got.last:
                page, total, before = got.last, got.total, None  # the window became shorter
                continue
            names = [bytes(row) for row in got.rows]
            if got.number not in (None, page) or (names and names == before and not _shrunk(total, got.total)):
                raise _circles()
            if not got.rows and got.last is not None:
                raise _broken_off()
            total, before = got.total if got.total is not None else total, names
            page -= 1
            if got.rows:
                yield Rows(got.rows, msgspec.to_builtins(Place(page, total, back=True)))

    def ids(self, path: str, key: Callable[[Raw], str]) -> Iterator[Sequence[str]]:
        """All external ids of an open list, read twice where the first reading met fewer than there are."""
        seen: set[str] = set()
        for _ in range(2):
            total = 0
            for rows in self.forward(path, {}):
                try:
                    found = [key(row) for row in rows.rows]
                except msgspec.ValidationError as error:
                    raise SourceBroken(f"Billbee lists {path} without ids", hint="The next run tries again") from error
                seen.update(found)
                total = rows.after.get("total") or 0
                yield found
            if len(seen) >= total:
                return
        raise SourceBroken(
            f"Billbee says it has {total} {path} and shows {len(seen)} of them", hint="The next run tries again"
        )

    def total(self, path: str) -> int | None:
        """How many rows a list has; None where it does not tell. One small question."""
        paging = self._api.ask(path, {"page": 1, "pageSize": 1}).paging
        return None if paging is None else paging.total_rows

    def _page(self, path: str, params: Mapping[str, Any], page: int) -> Pages:
        answer = self._api.ask(path, {**params, "page": page, "pageSize": self.size})
        try:
            rows = _rows.decode(answer.data)
        except msgspec.ValidationError as error:
            raise SourceBroken(
                f"Billbee answered a question for {path} with something else than a list",
                hint="The vendor may have changed its API: update klientela",
            ) from error
        return Pages(rows, *_ends(answer.paging, self.size))


def key(raw: Raw) -> str:
    """The external id of a customer that could not be translated."""
    return str(_ref.decode(raw).id)


def order_key(raw: Raw) -> str:
    """The external id of an order that could not be translated."""
    return str(_order_ref.decode(raw).bill_bee_order_id)


def _ends(paging: PagingNode | None, size: int) -> tuple[int | None, int | None, int | None]:
    """The number of the page, of the last page and of all rows, as far as `Paging` says."""
    if paging is None:
        return None, None, None
    last, total = paging.total_pages, paging.total_rows
    if last is None and total is not None:
        last = _pages(total, paging.page_size or size)
    return paging.page, last, total


def _pages(rows: int, size: int) -> int:
    """How many pages so many rows fill."""
    return -(-rows // max(1, size))


def _shrunk(before: int | None, now: int | None) -> bool:
    return before is not None and now is not None and now < before


def _change(one: int | None, other: int | None) -> int:
    return abs((one or 0) - (other or 0))


def _place(position: Position) -> Place | None:
    """A stored position; None, the beginning, for one that is not ours."""
    try:
        return None if position is None else msgspec.convert(position, Place)
    except msgspec.ValidationError:
        return None


def _circles() -> SourceBroken:
    return SourceBroken("Billbee's list goes round in circles", hint="The next run tries again")


def _broken_off() -> SourceBroken:
    return SourceBroken("Billbee's list is broken off: a page in its middle is empty", hint="The next run tries again")
