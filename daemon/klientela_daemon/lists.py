"""The list for people: which column shows what of a customer row, in the shop's time zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from klientela.errors import Misconfigured
from klientela.model.instants import instant, to_datetime
from klientela.settings import View
from klientela.settings.problems import near
from klientela.store.database import Db
from klientela.store.overview import listing
from klientela_daemon import render
from klientela_daemon.house import House

HEADS = {
    "test_order": "test",
    "first_name": "first name",
    "last_name": "last name",
    "last_order": "last order",
    "crm_id": "CRM id",
    "customer_number": "number",
}
_FIGURES = ("orders", "ltv", "gross")
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
) -> dict[str, Any]:
    """One page of the list in the shape of the contract: view, total, page, size, rows, total_capped."""
    rows = size or view.page_size
    found = listing(db, view, search=search, sort=sort, page=page, size=rows, source=source, inactive=inactive)
    told = {"view": name, "total": found.total, "page": page, "size": rows, "rows": found.rows}
    return {**told, "total_capped": found.total_capped}


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
        return money(row["ltv"])
    if column == "gross":
        return money(row["gross"]["sum"])
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


def money(amounts: Sequence[Mapping[str, str]] | None) -> str:
    """`10.00 EUR + 10.00 CHF`: currencies are never added up (R34). Nothing where no source can know (R33)."""
    return " + ".join(f"{one['amount']} {one['currency']}" for one in amounts or ())


def day(moment: str | None, zone: ZoneInfo) -> str:
    """The calendar date of an ISO time in the shop's zone (R53)."""
    return to_datetime(instant(moment)).astimezone(zone).date().isoformat() if moment else ""
