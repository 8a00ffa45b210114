"""The list: one page of customers by view, search, filter and order, and how many there are of each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from klientela.errors import Misconfigured
from klientela.rules.rates import Rates
from klientela.store import rows as customer_rows
from klientela.store.database import Db
from klientela.store.facets import counted
from klientela.store.filters import FACETS, NO_FILTERS, SEGMENTS
from klientela.store.finder import Finder
from klientela.store.matches import wanted_of
from klientela.store.rows import View, lens
from klientela.store.sorting import sort_of


class Listing(NamedTuple):
    """A page of the list. `total_capped`: there are more than `total`, and nobody counted on; `numbers`: whose rows they
    are, by the store's own numbers."""

    total: int
    total_capped: bool
    rows: list[dict[str, Any]]
    numbers: Sequence[int] = ()


def listing(
    db: Db,
    view: View,
    *,
    search: str | None = None,
    sort: str | None = None,
    page: int = 1,
    size: int = 25,
    source: str | None = None,
    inactive: bool = False,
    segment: str = "all",
    filters: Mapping[str, Sequence[str]] = NO_FILTERS,
    records: bool = False,
    key: bytes = b"",
    rates: Rates | None = None,
) -> Listing:
    """One page of the list. `sort` is `KEY[:asc|:desc]`, else the view's; `source` a source's name; `inactive` asks for
    the inactive list, whose rows stand nowhere else (R41); `segment`, one of SEGMENTS, and `filters`, values by FACETS,
    narrow it: one of a facet's values must hit, and every facet (filters.py says which there are). `records` adds the
    member records, whose ids need the instance `key`; with `rates` rows tell what sums of several currencies come to
    (R34), and the order stays that of the amounts in the shop's currency. Misconfigured or UnknownThing with a sentence
    for what cannot be asked.
    """
    if page < 1 or not 1 <= size <= 1000:
        raise Misconfigured("a page has a number from 1 on and 1 to 1000 rows")
    by = lens(db, view, rates)
    order = sort_of(sort or view.sort, view.totals)
    wanted = wanted_of(by, view, search=search, segment=segment, filters=filters, inactive=inactive, source=source)
    if db.sqlite:  # half the price of a page; the connection keeps the mapping, a sync alone never makes one
        db.run("PRAGMA mmap_size = 2147418112")
    found = Finder(db, wanted, by).page(order, (page - 1) * size, size)
    made = customer_rows.rows(db, found.ids, by, records=records, key=key)
    return Listing(found.total, found.capped, made, found.ids)


def how_many(
    db: Db,
    view: View,
    *,
    search: str | None = None,
    segment: str = "all",
    filters: Mapping[str, Sequence[str]] = NO_FILTERS,
) -> int:
    """How many customers the same question as `listing` asks finds: the true number, however many they are."""
    found = listing(db, view, search=search, segment=segment, filters=filters, size=1)
    if not found.total_capped:
        return found.total
    by = lens(db, view)
    wanted = wanted_of(by, view, search=search, segment=segment, filters=filters, inactive=False)
    return len(Finder(db, wanted, by).matching())


def facets(
    db: Db,
    view: View,
    *,
    search: str | None = None,
    segment: str = "all",
    filters: Mapping[str, Sequence[str]] = NO_FILTERS,
    inactive: bool = False,
    source: str | None = None,
    top: int = 20,
) -> dict[str, list[dict[str, Any]]]:
    """For each of FACETS its `top` values under the same question as `listing` asks, as `{"value", "label", "count"}`,
    most frequent first; chosen values are always among them, with 0 where nobody has them. What is chosen of a facet
    does not narrow its own values, for they are alternatives. `value` is what `filters` takes, `label` how it is called;
    values longer than 200 characters are not offered. Misconfigured or UnknownThing for what cannot be asked.
    """
    by = lens(db, view)
    wanted = wanted_of(by, view, search=search, segment=segment, filters=filters, inactive=inactive, source=source)
    return counted(db, by, wanted, top)


def segments(db: Db, view: View | None = None) -> dict[str, int]:
    """How many customers each segment of the list has, by the names of SEGMENTS; of a view that shows orderers only,
    those it shows. Kept by every sync, never counted here."""
    kept: dict[str, int] = dict(db.rows("SELECT part, value FROM figure WHERE name = 'segment' AND day = 0"))
    listed = "listed:" if view is not None and view.include == "orderers_and_manual" else ""
    return {
        name: kept.get(f"{listed}inactive:all" if name == "inactive" else f"{listed}{name}", 0) for name in SEGMENTS
    }


__all__ = ["FACETS", "NO_FILTERS", "SEGMENTS", "Listing", "facets", "how_many", "listing", "segments"]
