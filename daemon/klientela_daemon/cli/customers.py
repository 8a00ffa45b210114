"""`klientela customers`: the list."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from klientela.model.words import agree
from klientela_daemon import lists, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json, Search, Sort, ViewName
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
    name, chosen = lists.view_named(here, view)
    rates = here.config.rates()
    with opened(here) as store, store.reading() as db:
        document = lists.document(
            db,
            name,
            chosen,
            search=search,
            sort=sort,
            page=page,
            size=size,
            source=source,
            inactive=inactive,
            rates=rates,
        )
    if as_json:
        render.emit(document)
        return 0
    found = document["rows"]
    lists.show(found, chosen, ZoneInfo(here.config.settings.shop.timezone))
    more = "more than " if document["total_capped"] else ""
    first = (page - 1) * document["size"] + 1
    last = first + len(found) - 1
    render.say(
        f"{first if found else 0}-{last if found else 0} of {more}"
        + agree(document["total"], "{} [customer|customers]")
    )
    unrated = lists.unrated(found, rates)
    if unrated:
        render.say(unrated)
    return 0
