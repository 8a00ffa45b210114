"""`klientela customers`: the list."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from klientela.flow.asof import Past
from klientela.flow.asof import as_of as as_it_was
from klientela.model.words import agree
from klientela_daemon import lists, render
from klientela_daemon.cli.common import house, moment, tell_left
from klientela_daemon.cli.options import (
    AsOf,
    Config,
    Filters,
    Inactive,
    Json,
    OfSource,
    Search,
    Segment,
    Sort,
    ViewName,
    number,
)
from klientela_daemon.opening import opened


def verb(
    view: ViewName = None,
    search: Search = None,
    sort: Sort = None,
    source: OfSource = None,
    inactive: Inactive = False,
    segment: Segment = "all",
    filters: Filters = None,
    page: Annotated[int, typer.Option("--page", metavar="N", parser=number(1), help="Which page.")] = 1,
    size: Annotated[
        int | None, typer.Option("--size", metavar="N", parser=number(1, 1000), help="Rows of a page.")
    ] = None,
    as_of: AsOf = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """The list of customers: one page of a view, searched, filtered and sorted; with --as-of as it was at that time."""
    here = house(config)
    name, chosen = lists.view_named(here, view)
    rates = here.config.rates()
    chosen_filters = lists.filters_named(filters or ())
    at = None if as_of is None else moment(as_of, here)
    known: dict[str, Any] = {}
    with opened(here) as store, ExitStack() as stack:
        past: Past | None = None
        if at is not None:
            bar = stack.enter_context(render.bar())
            past = stack.enter_context(
                as_it_was(store, at, progress=lambda left: bar.update("then", 0, f"{left} left"))
            )
            known = {"as_of": past.as_dict()}
        db = stack.enter_context(store.reading()) if past is None else past.db
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
            segment=segment,
            filters=chosen_filters,
            rates=rates,
        )
    document.update(known)
    tell_left(document["left"])
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
        + (
            f" as of change {known['as_of']['seq']}, {known['as_of']['at']}"
            if known.get("as_of", {}).get("seq")
            else ""
        )
    )
    unrated = lists.unrated(found, rates)
    if unrated:
        render.say(unrated)
    return 0
