"""The list: one page of customers by view, search, filter and order."""

from __future__ import annotations

from typing import Any, NamedTuple

from klientela.errors import Misconfigured
from klientela.rules.rates import Rates
from klientela.store import rows as customer_rows
from klientela.store import search as searching
from klientela.store.database import Db
from klientela.store.finder import Finder
from klientela.store.matches import Wanted
from klientela.store.rows import View, lens, source_named
from klientela.store.sorting import sort_of


class Listing(NamedTuple):
    """A page of the list. `total_capped`: there are more than `total`, and nobody counted on."""

    total: int
    total_capped: bool
    rows: list[dict[str, Any]]


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
    records: bool = False,
    key: bytes = b"",
    rates: Rates | None = None,
) -> Listing:
    """One page of the list. `sort` is `KEY[:asc|:desc]`, else the view's; `source` a source's name; `inactive` asks for
    the inactive list, whose rows stand nowhere else (R41). `records` adds the member records, whose ids need the
    instance `key`; with `rates` rows tell what sums of several currencies come to (R34), and the order stays that of the
    amounts in the shop's currency. Misconfigured or UnknownThing with a sentence for what cannot be asked.
    """
    if page < 1 or not 1 <= size <= 1000:
        raise Misconfigured("a page has a number from 1 on and 1 to 1000 rows")
    by = lens(db, view, rates)
    order = sort_of(sort or view.sort, view.totals)
    wanted = Wanted(
        inactive,
        view.include == "orderers_and_manual",
        None if source is None else source_named(by.sources, source).id,
        tuple(searching.terms(search, by.sources)),
    )
    if db.sqlite:  # half the price of a page; the connection keeps the mapping, a sync alone never makes one
        db.run("PRAGMA mmap_size = 2147418112")
    found = Finder(db, wanted, by).page(order, (page - 1) * size, size)
    made = customer_rows.rows(db, found.ids, by, records=records, key=key)
    return Listing(found.total, found.capped, made)
