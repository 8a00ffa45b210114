"""`klientela review`: what the rules would not join by themselves, and what an operator says to it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from klientela.flow import decide, work
from klientela.flow.review import review
from klientela_daemon import render
from klientela_daemon.cli.common import house, tell_left
from klientela_daemon.cli.deciding import Active, DryRun, Inactive, Yes, act, staying
from klientela_daemon.cli.options import Config, Json, Reveal
from klientela_daemon.house import read
from klientela_daemon.opening import opened

app = typer.Typer(help="What the rules would not join by themselves; `accept` and `reject` decide an item.")
Number = Annotated[int, typer.Argument(metavar="N", help="The item's number in `klientela review`.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept in the log.")]


@app.callback(invoke_without_command=True)
def show(context: typer.Context, reveal: Reveal = False, config: Config = None, as_json: Json = False) -> None:
    """Pairs of customers and values that a person may want to decide; reading changes nothing."""
    if context.invoked_subcommand is not None:
        return
    here = house(config)
    with opened(here) as store:
        found = review(store, reveal=reveal, proposers=here.proposers())
        with store.reading() as db:
            left = work.left(db)
    tell_left(left)
    if as_json:
        render.emit({**found, "left": left})
        return
    _show(found["items"])
    for remark in found["remarks"]:
        render.say(remark)


def _show(items: list[dict[str, Any]]) -> None:
    if not items:
        render.say("There is nothing to review.")
        return
    rows = [[number, one["sentence"], " ".join(one["customers"][:4])] for number, one in enumerate(items, 1)]
    render.table(["no.", "why", "customers"], rows, right=["no."])
    render.say("`klientela review accept N` joins them, `klientela review reject N` takes the item off for good.")


@app.command("accept")
def accept(
    number: Number,
    reason: Why = "reviewed",
    inactive: Inactive = False,
    active: Active = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """They are one person: join them, as `merge` does."""
    stay = staying(inactive, active)
    proposers = read(config).proposers()
    return act(
        lambda store, dry: decide.accept(store, number, reason=reason, inactive=stay, dry_run=dry, proposers=proposers),
        dry_run,
        yes,
        config,
        as_json,
    )


@app.command("reject")
def reject(
    number: Number,
    reason: Why = "reviewed",
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """They are two, or the value is as it should be: the item never comes back."""
    proposers = read(config).proposers()
    return act(
        lambda store, dry: decide.reject(store, number, reason=reason, dry_run=dry, proposers=proposers),
        dry_run,
        yes,
        config,
        as_json,
    )
