"""`klientela audit`: the log of who was joined, kept apart, split, and why; `audit verify` proves it whole."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from klientela.flow import history
from klientela_daemon import failures, render
from klientela_daemon.cli.common import house, moment
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.opening import opened

app = typer.Typer(help="The log of all decisions; `verify` proves that nobody changed it.")


@app.callback(invoke_without_command=True)
def audit(
    context: typer.Context,
    customer: Annotated[str | None, typer.Option("--customer", metavar="ID", help="Only about this customer.")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="Only from this time on.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """The audit log: what was decided about whom, by which rule, when and in which run; oldest first."""
    if context.invoked_subcommand is not None:
        return
    here = house(config)
    start = moment(since, here) if since is not None else None
    with opened(here) as store, store.reading() as db:
        lines = history.lines(db, store.key, customer=customer, since=start)
        if as_json:
            render.emit_list("lines", lines)
        else:
            render.table(
                ["seq", "at", "kind", "customer", "other", "rule", "value"],
                [_row(line) for line in lines],
                right=["seq"],
            )


@app.command("verify")
def verify(config: Config = None, as_json: Json = False) -> int:
    """Follow the chain from the first line to the last; exits 1 when a line was changed, removed or moved."""
    here = house(config)
    with opened(here) as store, store.reading() as db:
        found = history.verify(db)
    if as_json:
        render.emit(found)
    elif not found["whole"]:
        for sentence in found["problems"]:
            render.say(f"✗ {sentence}")
    else:
        render.say(f"the log holds: {found['lines']} lines, the last one is {found['head']}")
        render.say("Keep that hash elsewhere: it also shows whether lines at the end were cut off.")
    return 0 if found["whole"] else failures.FAILED


def _row(line: dict[str, Any]) -> list[Any]:
    at = (line["at"] or "")[:19].replace("T", " ")
    return [line["seq"], at, line["kind"], line["customer"], line["other"], line["rule"], line["value"]]
