"""Paging through WooCommerce's lists without passing anybody over: by offset, sorted by id, each page one row back.

A row that leaves the window while it is read (somebody changed the order) moves all behind it one place forward, and a
page number or an offset would pass one over. So each page begins with the last row of the page before. Where it does
not, the list has moved: reading steps back until it finds its place again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from klientela.kit import Http, Position, SourceBroken

log = logging.getLogger("klientela.woocommerce")

Row = dict[str, Any]

API = "/wp-json/wc/v3"
MOST = 100  # rows a page: what WooCommerce allows
TOTAL = "X-WP-Total"


@dataclass(frozen=True, slots=True)
class Listing:
    """One list: its path, and what is asked for in all of its pages."""

    path: str
    query: Mapping[str, Any]

    def page(self, http: Http, offset: int) -> tuple[list[Row], bool]:
        """The rows from an offset on, by id, and whether there are more behind them."""
        asked = {**self.query, "orderby": "id", "order": "asc", "per_page": MOST, "offset": offset}
        reply, rows = http.ask("GET", API + self.path, params=asked, kind=list[dict[str, Any]])
        total = reply.headers.get(TOTAL, "")
        if total.isdigit():
            return rows, bool(rows) and offset + len(rows) < int(total)
        log.info("%s comes without %s: a list ends with its first page that is not full", self.path, TOTAL)
        return rows, len(rows) >= MOST


def ask(http: Http, listings: Sequence[Listing], position: Position) -> tuple[list[Row], Position]:
    """The rows that come next in some lists, one after the other, and the position behind them (`kit.pages`).

    A position is `{"list": which, "offset": of the last row read, "after": its id, "back": stepped back before it}`.
    """
    place = position or _start(0)
    number, offset, after, back = place["list"], place["offset"], place["after"], place["back"]
    listing = listings[number]
    rows, more = listing.page(http, offset)
    if offset and not back and rows and _id(rows[0]) < after and _id(rows[-1]) <= after:
        raise SourceBroken(
            f"the list {listing.path} shows the same page again and again",
            hint="The next run goes on from the last stored page; a cache in front of the shop may answer instead of it",
        )
    while offset and (not rows or _id(rows[0]) > after):
        offset, back = max(0, offset - MOST), True
        rows, more = listing.page(http, offset)
    news = [row for row in rows if _id(row) > after]
    if more:
        last = _id(rows[-1]) if rows else after
        return news, {
            **place,
            "offset": offset + len(rows) - 1,
            "after": max(after, last),
            "back": back and last < after,
        }
    return news, _start(number + 1) if number + 1 < len(listings) else None


def _start(number: int) -> dict[str, Any]:
    """Where a list begins."""
    return {"list": number, "offset": 0, "after": 0, "back": False}


def _id(row: Row) -> int:
    found = row.get("id")
    if not isinstance(found, int):
        raise SourceBroken("a list has a row without an id", hint="Is this WooCommerce's REST API, version 3?")
    return found
