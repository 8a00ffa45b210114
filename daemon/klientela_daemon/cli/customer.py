"""`klientela customer ID`: the profile; `klientela customer add`: somebody new by hand."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from klientela.flow import work
from klientela.flow.asof import customer_as_of
from klientela.store import operation
from klientela.store.profile import profile, resolve_id
from klientela_daemon import lists, profiles, render
from klientela_daemon.cli.common import house, moment, tell_left
from klientela_daemon.cli.customer_add import add
from klientela_daemon.cli.options import AsOf, Config, Json, ViewName
from klientela_daemon.opening import opened

app = typer.Typer(help="Add a customer by hand.")
app.command("add")(add)


def verb(
    customer: Annotated[str, typer.Argument(metavar="ID", help="A customer's id, or a record's key.")],
    view: ViewName = None,
    as_of: AsOf = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """The profile of a customer: everything its records say, its orders and carts, and where each value comes from;
    with --as-of what was known at that time. `klientela customer add` adds one by hand."""
    here = house(config)
    _, chosen = lists.view_named(here, view)
    rates = here.config.rates()
    at = None if as_of is None else moment(as_of, here)
    with opened(here) as store:
        if at is None:
            with store.reading() as db:
                number = resolve_id(db, store.key, customer)
                found = profile(db, number, chosen, key=store.key, rates=rates, now=operation.now())
                found["left"] = work.left(db)
        else:
            with render.bar() as bar:
                found = customer_as_of(
                    store,
                    customer,
                    at,
                    chosen,
                    rates=rates,
                    progress=lambda left: bar.update("then", 0, f"{left} left"),
                )
    tell_left(found.get("left", 0))
    if as_json:
        render.emit(found)
    else:
        profiles.show(found, ZoneInfo(here.config.settings.shop.timezone), chosen.profile_orders)
        unrated = lists.unrated([found], rates)
        if unrated:
            render.say(unrated)
    return 0
