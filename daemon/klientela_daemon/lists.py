"""The list for people: which column shows what of a customer row, in the shop's time zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from klientela.errors import Misconfigured
from klientela.flow import work
from klientela.model.instants import instant, to_datetime
from klientela.rules.rates import Rates
from klientela.settings import View
from klientela.settings.problems import near
from klientela.store.database import Db
from klientela.store.overview import NO_FILTERS, listing
from klientela_daemon import render
from klientela_daemon.house import House

HEADS = {
    "test_order": "test",
    "first_name": "first name",
    "last_name": "last name",
    "last_order": "last order",
    "crm_id": "CRM id",
    "customer_number": "number",
    "ltv_approx": "ltv ≈",
    "gross_approx": "gross ≈",
}
_FIGURES = ("orders", "ltv", "ltv_approx", "gross", "gross_approx")
_CONSENT = {"granted": "yes", "denied": "no"}  # what was never answered is shown as such (R43)


def view_named(here: House, name: str | None) -> tuple[str, View]:
    """A view of the configuration; the default one when none is named."""
    views = here.config.settings.views
    wanted = name or "default"
    if wanted not in views:
        meant = near(wanted, views)
        hint = f"Did you mean {meant}?" if meant else f"The views are {', '.join(views)}."
        raise Misconfigured(f"there is no view {wanted!r}", hint=hint)
    return wanted, views[wanted]


def filters_named(given: Sequence[str]) -> dict[str, list[str]]:
    """`FACET=VALUE` of the command line by their facets. Misconfigured for what is not written like that."""
    found: dict[str, list[str]] = {}
    for text in given:
        facet, equals, value = text.partition("=")
        if not equals or not facet:
            raise Misconfigured(f"{text!r} is no filter", hint="Write FACET=VALUE, such as tag=vip or country=DE.")
        found.setdefault(facet.strip(), []).append(value)
    return found


def document(
    db: Db,
    name: str,
    view: View,
    *,
    search: str | None = None,
    sort: str | None = None,
    page: int = 1,
    size: int | None = None,
    source: str | None = None,
    inactive: bool = False,
    segment: str = "all",
    filters: Mapping[str, Sequence[str]] = NO_FILTERS,
    rates: Rates | None = None,
) -> dict[str, Any]:
    """One page of the list in the shape of the contract: view, total, page, size, rows, total_capped; and `left`, so
    many records wait to be looked at under the rules in force: while there are any, rows may be as they were."""
    rows = size or view.page_size
    found = listing(
        db,
        view,
        search=search,
        sort=sort,
        page=page,
        size=rows,
        source=source,
        inactive=inactive,
        segment=segment,
        filters=filters,
        rates=rates,
    )
    told = {"view": name, "total": found.total, "page": page, "size": rows, "rows": found.rows}
    return {**told, "total_capped": found.total_capped, "left": work.left(db)}


def show(rows: Sequence[Mapping[str, Any]], view: View, zone: ZoneInfo) -> None:
    """A table of customers with the columns of a view."""
    heads = [HEADS.get(column, column) for column in view.columns]
    right = [HEADS.get(column, column) for column in view.columns if column in _FIGURES]
    render.table(heads, [[cell(row, column, zone) for column in view.columns] for row in rows], right=right)


def cell(row: Mapping[str, Any], column: str, zone: ZoneInfo) -> str:
    """What a column shows of a row."""
    if column == "location":
        return ", ".join(part for part in (row["city"], row["country"]) if part)
    if column == "ltv":
        return money(row["ltv"], row.get("ltv_approx"))
    if column == "gross":
        return money(row["gross"]["sum"], row["gross"].get("sum_approx"))
    if column in ("ltv_approx", "gross_approx"):
        return about(row.get(column) if column == "ltv_approx" else row["gross"].get("sum_approx"))
    if column in ("last_order", "joined"):
        return day(row[column], zone)
    if column in ("promotion", "system"):
        return _CONSENT.get(row["consents"]["email"][column], "?")
    if column in ("sources", "tags", "modules"):
        return ", ".join(row[column])
    if column in ("test_order", "inactive"):
        return "●" if row[column] else ""
    value = row[column]
    return "" if value is None else str(value)


def money(amounts: Sequence[Mapping[str, str]] | None, approx: Mapping[str, str] | None = None) -> str:
    """`10.00 EUR + 10.00 CHF`: currencies are never added up (R34), but with rates it says beside them what they come to:
    `≈ 20.70 EUR`. Nothing where no source can know (R33)."""
    each = " + ".join(f"{one['amount']} {one['currency']}" for one in amounts or ())
    return f"{each} {about(approx)}" if approx else each


def about(approx: Mapping[str, str] | None) -> str:
    """`≈ 20.70 EUR`."""
    return f"≈ {approx['amount']} {approx['currency']}" if approx else ""


def unrated(rows: Iterable[Mapping[str, Any]], rates: Rates | None) -> str | None:
    """Why some sums say nothing with ≈, in a sentence; None where all that could do."""
    missing = sorted({code for row in rows for code in row.get("rates_missing", ())})
    if rates is None or not missing:
        return None
    return f"The rate file of {rates.day} has no rate for {', '.join(missing)}; those sums stand without ≈."


def day(moment: str | None, zone: ZoneInfo) -> str:
    """The calendar date of an ISO time in the shop's zone (R53)."""
    return to_datetime(instant(moment)).astimezone(zone).date().isoformat() if moment else ""
