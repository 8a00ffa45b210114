"""`klientela customer add`: somebody no source knows, by hand (R3)."""

from __future__ import annotations

from typing import Annotated

import typer

from klientela.flow.newcomer import Added
from klientela.flow.newcomer import add as newcomer
from klientela_daemon import failures, logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.deciding import DryRun
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.opening import opened, settle


def add(
    *,
    first_name: Annotated[str, typer.Option("--first-name", metavar="TEXT", help="First name.")] = "",
    last_name: Annotated[str, typer.Option("--last-name", metavar="TEXT", help="Last name.")] = "",
    email: Annotated[str, typer.Option("--email", metavar="TEXT", help="E-mail; nobody changes it later (R37).")] = "",
    phone: Annotated[str, typer.Option("--phone", metavar="TEXT", help="Phone number.")] = "",
    company: Annotated[str, typer.Option("--company", metavar="TEXT", help="Company.")] = "",
    street: Annotated[str, typer.Option("--street", metavar="TEXT", help="Street with house number.")] = "",
    zip_: Annotated[str, typer.Option("--zip", metavar="TEXT", help="Postal code.")] = "",
    city: Annotated[str, typer.Option("--city", metavar="TEXT", help="City.")] = "",
    country: Annotated[str, typer.Option("--country", metavar="TEXT", help="Country, by name or code.")] = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="TEXT", help="A tag; may be given again.")] = None,
    subscribe: Annotated[bool, typer.Option("--subscribe", help="Agreed to promotional e-mail (R44).")] = False,
    dry_run: DryRun = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Add a customer by hand, as registered. The rules decide whether it is somebody we know; who shares a value is told.
    `klientela import undo BATCH` takes it back."""
    here = house(config)
    logs.set_up(level="error")
    form = {"first_name": first_name, "last_name": last_name, "phone": phone, "company": company, "street": street,
            "zip": zip_, "city": city, "country": country}  # fmt: skip
    with opened(here, create=True) as store:
        for said in settle(store, here):
            failures.warn(said)
        made = newcomer(store, form, email=email, tags=tag or (), subscribe=subscribe, dry_run=dry_run)
    for one in made.exists:
        joined = "is the same customer by the rules" if one["joined"] else "stays another customer"
        failures.warn(f"{one['name'] or one['id']} exists already with this {one['rule']} and {joined}: {one['id']}")
    if as_json:
        render.emit(made.as_dict())
    else:
        _show(made)
    return 0


def _show(made: Added) -> None:
    (one,) = made.imported.customers
    if made.imported.dry_run:
        render.say("The customer would be added. Nothing was written.")
        return
    batch = made.imported.batch
    render.say(f"The customer is {one['id']}; `klientela import undo {batch}` takes it back.")


__all__ = ["add"]
