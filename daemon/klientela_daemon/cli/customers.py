"""`klientela customers`: the list."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from klientela.errors import Misconfigured
from klientela.settings import View
from klientela.settings.problems import near
from klientela.store.overview import listing
from klientela_daemon import lists, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json, Search, Sort, ViewName
from klientela_daemon.house import House
from klientela_daemon.opening import opened


def verb(
    view: ViewName = None,
    search: Search = None,
    sort: Sort = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="Only customers of this source.")
    ] = None,
    inactive: Annotated[bool, typer.Option("--inactive", help="The inactive list instead.")] = False,
    page: Annotated[int, typer.Option("--page", metavar="N", min=1, help="Which page.")] = 1,
    size: Annotated[int | None, typer.Option("--size", metavar="N", min=1, max=1000, help="Rows of a page.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """The list of customers: one page of a view, searched and sorted."""
    here = house(config)
    name, chosen = view_named(here, view)
    rows = size or chosen.page_size
    with opened(here) as store, store.reading() as db:
        found = listing(db, chosen, search=search, sort=sort, page=page, size=rows, source=source, inactive=inactive)
    if as_json:
        document = {"view": name, "total": found.total, "page": page, "size": rows, "rows": found.rows}
        render.emit({**document, "total_capped": found.total_capped})
        return 0
    lists.show(found.rows, chosen, ZoneInfo(here.config.settings.shop.timezone))
    more = "more than " if found.total_capped else ""
    first = (page - 1) * rows + 1
    last = first + len(found.rows) - 1
    render.say(f"{first if found.rows else 0}-{last if found.rows else 0} of {more}{found.total} customers")
    return 0


def view_named(here: House, name: str | None) -> tuple[str, View]:
    """A view of the configuration; the default one when none is named."""
    views = here.config.settings.views
    wanted = name or "default"
    if wanted not in views:
        meant = near(wanted, views)
        hint = f"Did you mean {meant}?" if meant else f"The views are {', '.join(views)}."
        raise Misconfigured(f"there is no view {wanted!r}", hint=hint)
    return wanted, views[wanted]
