"""Pages through one list of the shop: windows as filters, cursors as positions, and what to do when either fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct

from klientela.kit import SECOND, Instant, Page, Position, Record, SourceBroken, Window, instant, iso, page
from klientela_shopify import translate
from klientela_shopify.client import Admin, CursorExpired, TooExpensive
from klientela_shopify.nodes import Rest, RestAnswer, Rows, Version

T = TypeVar("T")

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
    `bulk` asks for all of it at once, `count` how long it is.
    """

    field: str
    query: str
    size: int
    order: Literal["time", "id"]
    translate: Callable[[Raw], Record]
    inner: str
    more: str
    bulk: str
    count: str


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
        seen: set[str | None] = {place.after}
        restarted = False
        while True:
            try:
                rows = self._rows(listing, window, place)
            except CursorExpired as error:
                if place.after is None or restarted:
                    raise SourceBroken(
                        "the shop's cursors expire faster than its pages can be read",
                        hint="The next run tries again",
                    ) from error
                place, seen, restarted = Place(), set(), True  # the window is read again from its beginning
                continue
            more, end = rows.page_info.has_next_page, rows.page_info.end_cursor
            if more and (end is None or end in seen):
                raise _circles()
            place = self._next(listing, window, place, rows)
            seen.add(end)
            if place.after is None:
                seen.clear()  # a list that was cut may show the same rows again
            if rows.nodes:
                nodes = [self._whole(listing, raw) for raw in rows.nodes]
                yield page(nodes, listing.translate, msgspec.to_builtins(place), key=translate.key, raw=bytes)
            if not more:
                return

    def ids(self, field: str, query: str, size: int) -> Iterator[Sequence[str]]:
        """All external ids of a list, by growing id: without cursors it can neither expire nor get too deep."""
        above = -1
        while True:
            variables = {"query": None if above < 0 else f"id:>={above + 1}"}
            rows = _list(self._affordable(query, size, variables, dict[str, Rows]), field)
            try:
                numbers = [int(translate.key(raw)) for raw in rows.nodes]
            except ValueError as error:
                raise SourceBroken("the shop lists something without an id", hint="The next run tries again") from error
            if numbers:
                yield [str(number) for number in numbers]
            if not rows.page_info.has_next_page:
                return
            if max(numbers, default=-1) <= above:
                raise _circles()
            above = max(numbers)

    # -- one page ------------------------------------------------------------------------------------------------

    def _rows(self, listing: Listing, window: Window, place: Place) -> Rows:
        variables = {"after": place.after, "query": _filter(window, place)}
        return _list(self._affordable(listing.query, listing.size, variables, dict[str, Rows]), listing.field)

    def _affordable(self, query: str, size: int, variables: dict[str, Any], kind: type[T]) -> T:
        """Ask for `size` rows at once, or for as few as the shop's price for one question allows."""
        while True:
            first = self._sizes.get(query, size)
            try:
                return self._admin.ask(query, {"first": first, **variables}, kind)
            except TooExpensive:
                if first == 1:
                    raise
                self._sizes[query] = first // 2

    def _next(self, listing: Listing, window: Window, place: Place, rows: Rows) -> Place:
        """Where to go on: after the cursor, or from a narrower window when the list gets too deep."""
        depth = place.depth + len(rows.nodes)
        onward = Place(rows.page_info.end_cursor, place.since, place.above, depth)
        size = self._sizes.get(listing.query, listing.size)
        if not rows.page_info.has_next_page or depth + size <= self._depth:
            return onward
        cuts = [cut for raw in rows.nodes if (cut := _cut(raw, listing.order)) is not None]
        if not cuts:
            return onward
        if listing.order == "id":
            return Place(above=max(cuts), since=place.since)
        # the smallest, not the last: the search index may still know an older time of a row than the row itself
        since = min(cuts)
        if since <= (place.since or window.since or 0) or (window.until is not None and since >= window.until):
            raise SourceBroken(
                f"more than {self._depth} objects of {listing.field} were changed at the same moment",
                hint="The shop's interface cannot list them; ask Shopify's support",
            )
        return Place(since=since)

    # -- rows with more inside than what came --------------------------------------------------------------------

    def _whole(self, listing: Listing, raw: Raw) -> Raw:
        """A row with all of its inner list; most have it already."""
        if not _MORE.search(raw):
            return raw
        node = msgspec.json.decode(raw)
        try:
            gid, inner = node["id"], node[listing.inner]
            cursor, more = inner["pageInfo"]["endCursor"], inner["pageInfo"]["hasNextPage"]
            inner["nodes"] = list(inner["nodes"])
        except (KeyError, TypeError):
            return raw  # not the shape we know: its translation decides
        if not more:
            return raw
        for rest in self._rests(listing, gid, cursor):
            inner["nodes"] += rest.nodes
            inner["pageInfo"] = {"hasNextPage": rest.page_info.has_next_page, "endCursor": rest.page_info.end_cursor}
        return Raw(msgspec.json.encode(node))

    def _rests(self, listing: Listing, gid: str, cursor: str | None) -> Iterator[Rest]:
        while True:
            answer = self._affordable(listing.more, _REST, {"id": gid, "after": cursor}, RestAnswer)
            if answer.node is None or answer.node.rest is None:
                return  # deleted meanwhile: what came is what there was
            rest = answer.node.rest
            yield rest
            if not rest.page_info.has_next_page:
                return
            if not rest.nodes or rest.page_info.end_cursor == cursor:
                raise _circles()
            cursor = rest.page_info.end_cursor


def _list(answer: dict[str, Rows], field: str) -> Rows:
    if field not in answer:
        raise SourceBroken(
            f"the shop answered without {field}",
            hint="Check api_version in this source's configuration, or update klientela",
        )
    return answer[field]


def _cut(raw: Raw, order: Literal["time", "id"]) -> int | None:
    """The time of change or the id of a row; None for a row that has none (it will be rejected)."""
    try:
        row = _version.decode(raw)
        return int(translate.number(row.id)) if order == "id" else instant(row.updated_at)
    except ValueError:
        return None


def _circles() -> SourceBroken:
    return SourceBroken("the shop's list goes round in circles", hint="The next run tries again")


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
