"""The orders of the list (R52): which index each one walks, and where its NULLs are.

An order is one or two *segments*: ranges of one plain index, walked forwards or backwards, one after the other. NULLs
of the leading key are a segment of their own, so that they come last in both directions on both databases. Ties end
with the id in the direction of the leading key. Turning a declared key list (autoletter, cockpit) around turns every
key of it, the missing dates and names within one value too.
"""

from __future__ import annotations

from typing import NamedTuple

from klientela.errors import Misconfigured

Ways = tuple[tuple[str, int], ...]
"""Columns with 1 for ascending, -1 for descending."""


class Segment(NamedTuple):
    """One range of an index: a condition beside the list's own, and the keys."""

    where: str
    ways: Ways

    def order(self, backwards: bool = False) -> str:
        """The ORDER BY of the range."""
        return _order(self.ways, backwards)


class Sort(NamedTuple):
    """One order of the list: `table` holds its keys, `segments` come one after the other."""

    name: str
    table: str
    segments: tuple[Segment, ...]
    final: str  # ORDER BY for rows in hand, from any source
    axis: str = ""  # the order's name in the bitmaps, and whether this is that order turned around
    turned: bool = False


def _order(ways: Ways, backwards: bool = False) -> str:
    parts = []
    for column, way in ways:
        down = (way < 0) != backwards
        # the only key behind another one that may be NULL: last in its declared direction
        nulls = (" NULLS LAST" if down else " NULLS FIRST") if column == "last" and ways[0][0] != "last" else ""
        parts.append(f"{column} {'DESC' if down else 'ASC'}{nulls}")
    return ", ".join(parts)


class _Header(NamedTuple):
    table: str
    column: str
    way: int  # of a first click: text ascending, figures and dates descending (A25)
    nullable: bool


_HEADERS = {
    "id": _Header("customer", "pub8", 1, nullable=False),
    "name": _Header("customer", "s_name", 1, nullable=False),
    "email": _Header("customer", "s_email", 1, nullable=True),
    "company": _Header("customer", "s_company", 1, nullable=True),
    "location": _Header("customer", "s_city", 1, nullable=True),
    "city": _Header("customer", "s_city", 1, nullable=True),
    "country": _Header("customer", "country", 1, nullable=True),
    "status": _Header("customer", "status", 1, nullable=False),  # guests, then registered ones
    "joined": _Header("customer", "since", -1, nullable=False),
    "orders": _Header("tally", "orders", -1, nullable=False),
    "last_order": _Header("tally", "last", -1, nullable=True),
}
_LIST: Ways = (("ltv", -1), ("last", -1), ("s_last", 1), ("pub8", 1))
_COCKPIT: Ways = (("gross_day", -1), ("s_last", 1), ("pub8", 1))
_ALSO = {"ltv": "autoletter", "site123": "joined"}
SORTABLE = ("autoletter", "site123", "cockpit", *_HEADERS, "ltv")
"""What `sort` may be, each also with `:asc` or `:desc`."""


def sort_of(sort: str, totals: str = "ltv") -> Sort:
    """The order that `KEY[:asc|:desc]` names, under a view with those totals. Misconfigured with what can be sorted.

    Sorting by LTV is AutoLetter's declared list and sorting by the last order under gross totals is Cockpit's (by the
    day, then the last name): they name the order among equals, and one index serves both.
    """
    key, _, way = sort.partition(":")
    if way not in ("", "asc", "desc") or key not in SORTABLE:
        raise Misconfigured(
            f"the list cannot be sorted by {sort!r}", hint=f"It can by {', '.join(SORTABLE)}, with :asc or :desc"
        )
    name = _ALSO.get(key, key)
    if name == "last_order" and totals == "gross":
        name = "cockpit"
    if name == "autoletter":
        return _declared("list", _LIST, way == "asc", nullable=False)
    if name == "cockpit":
        return _declared(name, _COCKPIT, way == "asc", nullable=True)
    header = _HEADERS[name]
    column = "gross_orders" if name == "orders" and totals == "gross" else header.column
    sign = {"": header.way, "asc": 1, "desc": -1}[way]
    ways: Ways = ((column, sign),) if column == "pub8" else ((column, sign), ("pub8", sign))
    return _sort(name, header.table, ways, header.nullable)._replace(axis=column, turned=sign < 0)


def _declared(name: str, ways: Ways, turned: bool, *, nullable: bool) -> Sort:
    made = _sort(name, "tally", tuple((c, -w) for c, w in ways) if turned else ways, nullable)
    return made._replace(axis=name, turned=turned)


def _sort(name: str, table: str, ways: Ways, nullable: bool) -> Sort:
    first = ways[0][0]
    final = _order(ways)
    if not nullable:
        return Sort(name, table, (Segment("", ways),), final)
    there = Segment(f" AND {first} IS NOT NULL", ways)
    missing = Segment(f" AND {first} IS NULL", ways)  # PostgreSQL's planner does not see that the first key is constant
    head, _, tail = final.partition(", ")
    return Sort(name, table, (there, missing), f"{head} NULLS LAST, {tail}")
