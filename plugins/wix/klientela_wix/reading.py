"""Pages through the lists of a site: by offset where Wix has no cursors, by cursor where it has.

Offsets drift: when a row before our place is deleted, all others move up and one is passed over. So each page begins
a little before the end of the last one, and where it does not meet it there, we go back until it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from klientela.kit import Instant, Page, Position, Record, SourceBroken, Window, instant, iso, page
from klientela_wix import translate
from klientela_wix.client import CursorExpired, Wix
from klientela_wix.nodes import CheckoutRows, ContactRows, CursorPaging, Dated, MemberRows, OrderRows, Paging

T = TypeVar("T", bound=Struct)

CONTACTS = "/contacts/v4/contacts/query"
MEMBERS = "/members/v1/members/query"
ORDERS = "/ecom/v1/orders/search"
CHECKOUTS = "/ecom/v1/abandoned-checkout/query"

_dated = msgspec.json.Decoder(Dated)
_ASCENDING = "ASC"


class Place(Struct, omit_defaults=True):
    """Where an offset reading stands: how many rows lie before, when the last was created, the ids of the last few."""

    offset: int = 0
    born: Instant | None = None
    tail: list[str] = []


class Mark(Struct, omit_defaults=True):
    """Where a cursor reading stands."""

    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetList:
    """A list without cursors, by growing time of creation. `filtered`: it can be asked for changes alone."""

    path: str
    size: int
    fieldset: str
    filtered: bool
    rows: Callable[[Wix, str, Mapping[str, Any]], list[Raw]]
    translate: Callable[[Raw], Record]
    key: Callable[[Raw], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorList:
    """A list with cursors, by growing time of change. `envelope`: the word its question is wrapped in."""

    path: str
    size: int
    envelope: str
    rows: Callable[[Wix, str, Mapping[str, Any], bool], tuple[list[Raw], CursorPaging]]
    translate: Callable[[Raw], Iterable[Record] | Record]


# -- by offset ---------------------------------------------------------------------------------------------------


def by_offset(wix: Wix, listing: OffsetList, window: Window, position: Position) -> Iterator[Page]:
    """The pages of a window, going on at `position`. Nothing limits the window's end: rows only ever come in."""
    for rows, place in _offsets(wix, listing, window, _stored(position, Place)):
        yield page(rows, listing.translate, msgspec.to_builtins(place), key=listing.key, raw=bytes)


def ids(wix: Wix, listing: OffsetList) -> Iterator[Sequence[str]]:
    """The external ids of all rows."""
    for rows, _ in _offsets(wix, listing, Window(), Place()):
        yield [listing.key(raw) for raw in rows]


def _offsets(wix: Wix, listing: OffsetList, window: Window, place: Place) -> Iterator[tuple[list[Raw], Place]]:
    back = max(1, listing.size // 50)
    step = back
    before: list[str] | None = None  # the rows that came last
    while True:
        offset = max(0, place.offset - step) if place.offset else 0
        rows = listing.rows(wix, listing.path, _question(listing, window, offset))
        dates = [_date(raw) for raw in rows]
        names = [one.id for one in dates]
        if offset and not _meets(place, dates):
            step *= 2  # rows before our place are gone: the ones after it moved up, farther than we looked back
            continue
        full = len(rows) >= listing.size
        if full and names == before:
            raise SourceBroken("the site's list goes round in circles", hint="The next run tries again")
        shown = set(place.tail)
        news = [raw for raw, one in zip(rows, dates, strict=True) if one.id not in shown]
        place = _after(place, offset + len(rows), dates, back) if rows else place
        before, step = names, back
        if news:
            yield rows, place
        if not full:
            return


def _question(listing: OffsetList, window: Window, offset: int) -> dict[str, Any]:
    since = window.since if listing.filtered else None
    filters = {} if since is None else {"filter": {"updatedDate": {"$gte": iso(since)}}}
    order = {"fieldName": "createdDate", "order": _ASCENDING}
    paging = {"limit": listing.size, "offset": offset}
    if listing.path == MEMBERS:
        return {"query": {"sorting": [order], "paging": paging}, "fieldsets": [listing.fieldset]}
    return {"query": {**filters, "sort": [order], "paging": paging, "fieldsets": [listing.fieldset]}}


def _date(raw: Raw) -> Dated:
    try:
        return _dated.decode(raw)
    except msgspec.ValidationError:
        return Dated(id="")  # it will be rejected


def _born(one: Dated) -> Instant | None:
    try:
        return instant(one.created_date) if one.created_date else None
    except ValueError:
        return None


def _meets(place: Place, dates: Sequence[Dated]) -> bool:
    """Whether a page begins with rows that were shown already: then none between was passed over."""
    if not dates:
        return False
    if dates[0].id in place.tail:
        return True
    born = _born(dates[0])
    return born is not None and place.born is not None and born < place.born


def _after(place: Place, offset: int, dates: Sequence[Dated], back: int) -> Place:
    times = [time for one in dates if (time := _born(one)) is not None]
    tail = [one.id for one in dates[-2 * back :] if one.id]
    return Place(offset, max(times, default=place.born), tail)


def _contact_rows(wix: Wix, path: str, question: Mapping[str, Any]) -> list[Raw]:
    found = wix.post(path, question, ContactRows)
    return _listed(found.contacts, found.paging_metadata)


def _member_rows(wix: Wix, path: str, question: Mapping[str, Any]) -> list[Raw]:
    found = wix.post(path, question, MemberRows)
    return _listed(found.members, found.metadata)


def newest_member(wix: Wix) -> str:
    """How many members there are and who came last: while this is the same, nobody has joined or left."""
    order = {"fieldName": "createdDate", "order": "DESC"}
    question = {"query": {"sorting": [order], "paging": {"limit": 1, "offset": 0}}, "fieldsets": ["FULL"]}
    found = wix.post(MEMBERS, question, MemberRows)
    rows = _listed(found.members, found.metadata)
    return f"{found.metadata.total} {_date(rows[0]).id if rows else ''}"


def _listed(rows: list[Raw] | None, metadata: Paging) -> list[Raw]:
    """The rows of an answer. One that has none must say that it has none: anything else is no answer."""
    if rows is None and metadata.count != 0:
        raise SourceBroken("Wix answered without the list that was asked for", hint="The next run tries again")
    return rows or []


# -- by cursor ---------------------------------------------------------------------------------------------------


def by_cursor(wix: Wix, listing: CursorList, window: Window, position: Position) -> Iterator[Page]:
    """The pages of a window, going on at `position`; a cursor that has expired begins the window anew, once."""
    mark = _stored(position, Mark)
    seen = {mark.after}
    restarted = False
    while True:
        try:
            rows, paging = listing.rows(wix, listing.path, _asked(listing, window, mark), mark.after is not None)
        except CursorExpired as error:
            if restarted:
                raise SourceBroken(
                    "Wix's cursors expire faster than its pages can be read", hint="The next run tries again"
                ) from error
            mark, seen, restarted = Mark(), {None}, True
            continue
        onward = paging.next
        if onward is not None and onward in seen:
            raise SourceBroken("the site's list goes round in circles", hint="The next run tries again")
        seen.add(onward)
        mark = Mark(onward)
        if rows:
            yield page(rows, listing.translate, msgspec.to_builtins(mark), key=translate.key, raw=bytes)
        if onward is None:
            return


def _asked(listing: CursorList, window: Window, mark: Mark) -> dict[str, Any]:
    """A question, or with a cursor the cursor alone: Wix refuses filters beside it."""
    if mark.after is not None:
        return {listing.envelope: {"cursorPaging": {"limit": listing.size, "cursor": mark.after}}}
    order = {"fieldName": "updatedDate", "order": _ASCENDING}
    asked: dict[str, Any] = {"sort": [order], "cursorPaging": {"limit": listing.size}}
    if terms := _terms(window):
        asked["filter"] = terms[0] if len(terms) == 1 else {"$and": terms}
    return {listing.envelope: asked}


def _terms(window: Window) -> list[dict[str, Any]]:
    """Each with one operator: two in one object are refused."""
    terms: list[dict[str, Any]] = []
    if window.since is not None:
        terms.append({"updatedDate": {"$gte": iso(window.since)}})
    if window.until is not None:
        terms.append({"updatedDate": {"$lt": iso(window.until)}})
    return terms


def order_rows(wix: Wix, path: str, question: Mapping[str, Any], cursor: bool) -> tuple[list[Raw], CursorPaging]:
    """A page of orders."""
    found = wix.post(path, question, OrderRows, cursor=cursor)
    return _listed(found.orders, found.metadata), found.metadata


def checkout_rows(wix: Wix, path: str, question: Mapping[str, Any], cursor: bool) -> tuple[list[Raw], CursorPaging]:
    """A page of abandoned checkouts."""
    found = wix.post(path, question, CheckoutRows, cursor=cursor)
    return _listed(found.abandoned_checkouts, found.metadata), found.metadata


def demo_among(wix: Wix, rows: Sequence[Raw]) -> set[str]:
    """Which of these orders the site calls demo orders."""
    names = [name for raw in rows if (name := _date(raw).id)]
    terms: list[dict[str, Any]] = [{"id": {"$in": names}}, {"demo": True}]
    question = {"search": {"filter": {"$and": terms}, "cursorPaging": {"limit": max(1, len(names))}}}
    return {_date(raw).id for raw in order_rows(wix, ORDERS, question, False)[0]}


def _stored(position: Position, kind: type[T]) -> T:
    """A stored position; one that is not ours means the beginning."""
    try:
        return kind() if position is None else msgspec.convert(position, kind)
    except msgspec.ValidationError:
        return kind()


def contacts(size: int, *, fieldset: str = "FULL") -> OffsetList:
    """All contacts."""
    return OffsetList(
        path=CONTACTS,
        size=size,
        fieldset=fieldset,
        filtered=True,
        rows=_contact_rows,
        translate=translate.contact,
        key=translate.key,
    )


def members(size: int) -> OffsetList:
    """All members; they cannot be asked for by time of change."""
    return OffsetList(
        path=MEMBERS,
        size=size,
        fieldset="FULL",
        filtered=False,
        rows=_member_rows,
        translate=translate.member,
        key=translate.member_key,
    )


def one(wix: Wix, listing: OffsetList | CursorList) -> None:
    """Ask a list for a single row, to see whether it answers."""
    if isinstance(listing, OffsetList):
        question = _question(replace(listing, size=1), Window(), 0)
        listing.rows(wix, listing.path, question)
    else:
        listing.rows(wix, listing.path, _asked(replace(listing, size=1), Window(), Mark()), False)
