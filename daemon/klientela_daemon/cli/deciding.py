"""`klientela merge`, `split` and `undo`: what an operator decides about identity (R24b)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from klientela.errors import Interrupted
from klientela.flow import decide
from klientela.flow.desk import Decided
from klientela.store import Store
from klientela_daemon import logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.opening import opened

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept in the log.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what it would do; nothing is written.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")]
Way = Callable[[Store, bool], Decided]


def merge(
    one: Annotated[str, typer.Argument(metavar="ID", help="A customer's id, or a record's key.")],
    two: Annotated[str, typer.Argument(metavar="ID", help="Another one.")],
    reason: Reason,
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Two customers are one person, whatever the rules say. Nothing moves: `undo` takes it back."""
    return act(
        lambda store, dry: decide.merge(store, one, two, reason=reason, dry_run=dry), dry_run, yes, config, as_json
    )


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
    seq: Annotated[int, typer.Argument(metavar="SEQ", help="The number of the decision; `klientela audit` shows it.")],
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Take a decision back, with everything that followed from it; of an undo, let the decision hold again."""
    return act(lambda store, dry: decide.undo(store, seq, dry_run=dry), dry_run, yes, config, as_json)


def act(way: Way, dry_run: bool, yes: bool, config: Config, as_json: bool) -> int:
    """Do what an operator decided; on a terminal show first what it would do, and ask."""
    here = house(config)
    logs.set_up(level="error")
    with opened(here) as store:
        if not (dry_run or yes or as_json) and sys.stdin.isatty() and sys.stdout.isatty():
            _show(way(store, True))
            if not typer.confirm("Write this?"):
                raise Interrupted("nothing was written")
        made = way(store, dry_run)
    if as_json:
        render.emit(made.as_dict())
    else:
        _show(made)
    return 0


def _show(made: Decided) -> None:
    """The customers a decision concerns, for people."""
    would = "would be" if made.seq is None else "are now"
    render.say(f"These {would} the customers it concerns:")
    rows = [
        [customer["id"] if place == 0 else "", "/".join((one["source"], one["entity"], one["external_id"]))]
        for customer in made.customers
        for place, one in enumerate(customer["records"])
    ]
    render.table(["customer", "record"], rows)
    if made.seq is None:
        render.say("Nothing was written.")
    else:
        render.say(f"Written as {made.seq}; `klientela undo {made.seq}` takes it back.")
