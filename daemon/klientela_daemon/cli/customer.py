"""`klientela customer ID`: the profile."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from klientela.store.profile import profile, resolve_id
from klientela_daemon import lists, profiles, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json, ViewName
from klientela_daemon.opening import opened


def verb(
    customer: Annotated[str, typer.Argument(metavar="ID", help="A customer's id, or a record's key.")],
    view: ViewName = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """The profile of a customer: everything its records say, its orders and carts, and where each value comes from."""
    here = house(config)
    _, chosen = lists.view_named(here, view)
    rates = here.config.rates()
    with opened(here) as store, store.reading() as db:
        found = profile(db, resolve_id(db, store.key, customer), chosen, key=store.key, rates=rates)
    if as_json:
        render.emit(found)
    else:
        profiles.show(found, ZoneInfo(here.config.settings.shop.timezone), chosen.profile_orders)
        unrated = lists.unrated([found], rates)
        if unrated:
            render.say(unrated)
    return 0
