"""Pages through one list of the shop: windows as filters, cursors as positions, and what to do when either fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from klientela.kit import SECOND, Instant, Page, Position, Record, SourceBroken, Window, instant, iso, page
from klientela_shopify import translate
from klientela_shopify.client import Admin, CursorExpired, TooExpensive
from klientela_shopify.nodes import Rest, RestAnswer, Rows, Version

DEPTH = 25_000
"""Objects after which a list cannot be paged further (Shopify's limit)."""

_REST = 100  # entries of an inner list asked for at once
_MORE = re.compile(rb'"hasNextPage"\s*:\s*true')
_version = msgspec.json.Decoder(Version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list: what is asked, in which order it comes, what its rows become.

    `order` says by what a list that is too deep is cut: "time" for lists sorted by UPDATED_AT, "id" for the others.
    `inner` is the list inside a row that may be longer than what comes with it, `more` the question for its rest.
    """

    field: str
    query: str
    size: int
    order: Literal["time", "id"]
    translate: Callable[[Raw], Record]
    inner: str
    more: str


class Place(Struct, omit_defaults=True):
    """A position. `since` and `above` narrow the window when the list was cut; `depth` counts rows since then."""

    after: str | None = None
    since: Instant | None = None
    above: int | None = None
    depth: int = 0


class Reader:
    """Reads lists. Page sizes that turned out too expensive stay small as long as it lives."""

    def __init__(self, admin: Admin, *, depth: int = DEPTH) -> None:
        self._admin = admin
        self._depth = depth
        self._sizes: dict[str, int] = {}

    def pages(self, listing: Listing, window: Window, position: Position) -> Iterator[Page]:
        """The pages of a window, going on after `position`."""
        place = _place(position)
        seen: set[str] = set()
        restarted = False
        while True:
            try:
                rows = self._rows(listing, window, place)
            except CursorExpired as error:
                if place.after is None or restarted:
                    raise SourceBroken(
                        "the shop's cursors expire faster than its pages can be read",
                        hint="the next run tries again",
                    ) from error
                place, restarted = Place(), True  # the window is read again from its beginning
                seen.clear()
                continue
            info = rows.page_info
            if info.has_next_page and (
                not info.end_cursor or info.end_cursor in seen or info.end_cursor == place.after
            ):
                raise SourceBroken("the shop's list goes round in circles", hint="the next run tries again")
            seen.add(info.end_cursor or "")
            if rows.nodes:
                nodes = [self._whole(listing, raw) for raw in rows.nodes]
                place = self._next(listing, window, place, rows)
                yield page(nodes, listing.translate, msgspec.to_builtins(place), key=translate.key, raw=bytes)
            elif info.has_next_page:
                place = Place(info.end_cursor, place.since, place.above, place.depth)
            if not info.has_next_page:
                return

    def ids(self, field: str, query: str, size: int) -> Iterator[Sequence[str]]:
        """All external ids of a list, by growing id: without cursors it can neither expire nor get too deep."""
        above: int | None = None
        while True:
            variables = {"first": size, "query": None if above is None else f"id:>={above + 1}"}
            rows = self._admin.ask(query, variables, dict[str, Rows])[field]
            numbers = [int(translate.key(raw)) for raw in rows.nodes]
            if numbers:
                yield [str(number) for number in numbers]
            if not rows.page_info.has_next_page:
                return
            if not numbers or (above is not None and max(numbers) <= above):
                raise SourceBroken("the shop's list of ids goes round in circles", hint="the next run tries again")
            above = max(numbers)

    # -- one page ------------------------------------------------------------------------------------------------

    def _rows(self, listing: Listing, window: Window, place: Place) -> Rows:
        while True:
            size = self._sizes.get(listing.field, listing.size)
            variables = {"first": size, "after": place.after, "query": _filter(window, place)}
            try:
                return self._admin.ask(listing.query, variables, dict[str, Rows])[listing.field]
            except TooExpensive:
                if size == 1:
                    raise
                self._sizes[listing.field] = max(1, size // 2)

    def _next(self, listing: Listing, window: Window, place: Place, rows: Rows) -> Place:
        """Where to go on: after the cursor, or from a narrower window when the list gets too deep."""
        depth = place.depth + len(rows.nodes)
        if not rows.page_info.has_next_page or depth + self._sizes.get(listing.field, listing.size) <= self._depth:
            return Place(rows.page_info.end_cursor, place.since, place.above, depth)
        versions = [_version.decode(raw) for raw in rows.nodes]
        if listing.order == "id":
            return Place(above=max(int(translate.number(one.id)) for one in versions), since=place.since)
        # the smallest, not the last: the search index may still know an older time of a row than the row itself
        since = min(instant(one.updated_at) for one in versions)
        if since <= (place.since or window.since or 0) or (window.until is not None and since >= window.until):
            raise SourceBroken(
                f"more than {self._depth} objects of {listing.field} were changed at the same moment",
                hint="the shop's interface cannot list them; ask Shopify's support",
            )
        return Place(since=since)

    # -- rows with more inside than what came --------------------------------------------------------------------

    def _whole(self, listing: Listing, raw: Raw) -> Raw:
        """A row with all of its inner list; most have it already."""
        if not _MORE.search(raw):
            return raw
        node = msgspec.json.decode(raw)
        inner = node.get(listing.inner)
        if not isinstance(inner, dict) or not isinstance(inner.get("nodes"), list):
            return raw
        cursor = inner["pageInfo"].get("endCursor")
        for rest in self._rests(listing, node["id"], cursor):
            inner["nodes"] += rest.nodes
            inner["pageInfo"] = {"hasNextPage": rest.page_info.has_next_page, "endCursor": rest.page_info.end_cursor}
        return Raw(msgspec.json.encode(node))

    def _rests(self, listing: Listing, gid: str, cursor: str | None) -> Iterator[Rest]:
        while True:
            variables: dict[str, Any] = {"id": gid, "first": _REST, "after": cursor}
            answer = self._admin.ask(listing.more, variables, RestAnswer)
            if answer.node is None or answer.node.rest is None:
                return  # deleted meanwhile: what came is what there was
            rest = answer.node.rest
            yield rest
            if not rest.page_info.has_next_page:
                return
            if not rest.nodes or rest.page_info.end_cursor == cursor:
                raise SourceBroken("the shop's list goes round in circles", hint="the next run tries again")
            cursor = rest.page_info.end_cursor


def _place(position: Position) -> Place:
    """A stored position; one that is not ours means the beginning."""
    try:
        return Place() if position is None else msgspec.convert(position, Place)
    except msgspec.ValidationError:
        return Place()


def _filter(window: Window, place: Place) -> str | None:
    """The window in Shopify's search syntax; None: everything.

    Times stand in quotes: without them the shop ignores the clock and takes its own time zone.
    """
    since = window.since if place.since is None else place.since
    terms = []
    if since is not None:
        terms.append(f"updated_at:>='{iso(since - since % SECOND)}'")
    if window.until is not None:
        terms.append(f"updated_at:<'{iso(window.until + -window.until % SECOND)}'")
    if place.above is not None:
        terms.append(f"id:>={place.above + 1}")
    return " AND ".join(terms) or None
