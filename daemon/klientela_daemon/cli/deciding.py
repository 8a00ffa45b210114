"""`klientela merge`, `split` and `undo`: what an operator decides about identity (R24b)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from klientela.errors import Interrupted, Misconfigured
from klientela.flow import decide
from klientela.flow.crowd import Whom
from klientela.flow.desk import Decided
from klientela.store import Store
from klientela.store.housekeeping import settle
from klientela_daemon import logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json, number
from klientela_daemon.lists import filters_named, view_named
from klientela_daemon.opening import opened

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept in the log.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it would do; nothing is written.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")]
Inactive = Annotated[
    bool, typer.Option("--inactive", help="One of them is marked inactive: leave the mark, also for the other.")
]
Active = Annotated[bool, typer.Option("--active", help="One of them is marked inactive: take the mark off.")]
Way = Callable[[Store, bool], Decided]
_SHOWN = 20  # customers that are shown of a decision about many


def merge(
    one: Annotated[str, typer.Argument(metavar="ID", help="A customer's id, or a record's key.")],
    two: Annotated[str, typer.Argument(metavar="ID", help="Another one.")],
    reason: Reason,
    inactive: Inactive = False,
    active: Active = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Two customers are one person, whatever the rules say. Nothing moves: `undo` takes it back."""
    stay = staying(inactive, active)

    def way(store: Store, dry: bool) -> Decided:
        nonlocal stay
        if stay is None and asks(dry_run, yes, as_json) and decide.one_is_inactive(store, one, two):
            stay = not typer.confirm("One of the two is marked inactive. Take the mark off?")
        return decide.merge(store, one, two, reason=reason, inactive=stay, dry_run=dry)

    return act(way, dry_run, yes, config, as_json)


def split(
    customer: Annotated[str, typer.Argument(metavar="ID", help="A customer's id, or a record's key.")],
    record: Annotated[
        list[str], typer.Option("--record", metavar="KEY", help="source/entity/external_id; may be given again.")
    ],
    reason: Reason,
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Some records of a customer are another person. What remains falls as its own values say: it is shown first."""
    return act(
        lambda store, dry: decide.split(store, customer, record, reason=reason, dry_run=dry),
        dry_run,
        yes,
        config,
        as_json,
    )


def undo(
    seq: Annotated[
        int,
        typer.Argument(metavar="SEQ", parser=number(), help="The number of the decision; `klientela audit` shows it."),
    ],
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Take a decision back, with everything that followed from it; of an undo, let the decision hold again."""
    return act(lambda store, dry: decide.undo(store, seq, dry_run=dry), dry_run, yes, config, as_json)


def staying(inactive: bool, active: bool) -> bool | None:
    """What was said of an inactive mark: it stays, it is taken off, or nothing."""
    if inactive and active:
        raise Misconfigured("--inactive and --active contradict each other", hint="Give one of them.")
    return True if inactive else False if active else None


def whom_of(
    ids: Sequence[str] | None,
    search: str | None,
    segment: str,
    filters: Sequence[str] | None,
    view: str | None,
    config: Config,
) -> Whom:
    """Whom a decision about many is about: those named, or those whom the list finds."""
    chosen = view_named(house(config), view)[1]
    return Whom(tuple(ids or ()), search, chosen, segment, filters_named(filters or ()))


def asks(dry_run: bool, yes: bool, as_json: bool) -> bool:
    """Whether somebody sits there who can be asked."""
    return not (dry_run or yes or as_json) and sys.stdin.isatty() and sys.stdout.isatty()


def act(
    way: Way,
    dry_run: bool,
    yes: bool,
    config: Config,
    as_json: bool,
    *,
    told: Callable[[Decided], None] | None = None,
) -> int:
    """Do what an operator decided; on a terminal show first what it would do, and ask. `told` says what else there is
    to tell people."""
    here = house(config)
    logs.set_up(level="error")
    with opened(here) as store:
        if asks(dry_run, yes, as_json):
            _show(way(store, True), told)
            if not typer.confirm("Write this?"):
                raise Interrupted("nothing was written")
        made = way(store, dry_run)
        if len(made.customers) > _SHOWN and made.seq is not None:
            settle(store, len(made.customers))
    if as_json:
        render.emit(made.as_dict())
    else:
        _show(made, told)
    return 0


def _show(made: Decided, told: Callable[[Decided], None] | None) -> None:
    """The customers a decision concerns, for people; of many the first ones, and how many they are."""
    order = made.about.get("order")
    if made.seq is None and not made.customers and order is None:
        render.say("It is so already; nothing was written.")
        return
    would = "would be" if made.seq is None else "are now"
    if order is not None:
        render.say(f"The order {order}" + ("." if made.customers else ", which is nobody's we know."))
    if made.customers or order is None:
        render.say(f"These {would} the customers it concerns:")
    rows = [
        [customer["id"] if place == 0 else "", "/".join((one["source"], one["entity"], one["external_id"]))]
        for customer in made.customers[:_SHOWN]
        for place, one in enumerate(customer["records"])
    ]
    if rows or order is None:
        render.table(["customer", "record"], rows)
    if len(made.customers) > _SHOWN:
        render.say(f"… and {len(made.customers) - _SHOWN} more: {len(made.customers)} customers in all.")
    if told is not None:
        told(made)
    if made.seq is None:
        render.say("Nothing was written.")
    else:
        render.say(f"Written as {made.seq}; `klientela undo {made.seq}` takes it back.")
