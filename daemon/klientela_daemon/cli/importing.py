"""`klientela import FILE --into SOURCE`: a file or pasted addresses once, whole or not at all; and taking that back."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from klientela.errors import Conflict, Interrupted, Misconfigured
from klientela.flow import withdraw
from klientela.flow.importing import CHANGED, JOINED, NEW, Imported
from klientela.flow.intake import MANUAL, PASTED, Desk
from klientela.flow.withdraw import Withdrawn
from klientela.model.words import agree
from klientela.store import Store
from klientela.store.batches import batches
from klientela_daemon import failures, logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.deciding import DryRun, Yes
from klientela_daemon.cli.options import Config, Json, number
from klientela_daemon.house import House
from klientela_daemon.opening import opened, settle

_SHOWN = 20


def verb(
    into: Annotated[str, typer.Option("--into", metavar="SOURCE", help="A csv or api source of yours, or manual.")],
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="The file: CSV, or an Excel workbook.")] = None,
    emails: Annotated[
        str | None, typer.Option("--emails", metavar="TEXT", help="Addresses instead of a file, parted by commas.")
    ] = None,
    sheet: Annotated[
        str | None,
        typer.Option("--sheet", metavar="NAME", help="Of a workbook: its name or number; else the first with rows."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would happen; write nothing.")] = False,
    subscribe: Annotated[bool, typer.Option("--subscribe", help="They agreed to promotional e-mail (R44).")] = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Import a file or pasted addresses once, as a batch of its own: all of it or nothing. Rows that cannot be taken are
    told; where nothing at all could be taken it exits 1. `klientela import list` shows the batches,
    `klientela import undo BATCH` takes one back."""
    if (file is None) == (emails is None):
        raise Misconfigured(
            "an import needs a file or addresses, and not both",
            hint='Write `klientela import FILE --into SOURCE` or `klientela import --emails "a@x.de, b@y.de" --into …`.',
        )
    if sheet is not None and file is None:
        raise Misconfigured("only an Excel workbook has sheets", hint="Leave --sheet out.")
    here = house(config)
    logs.set_up(level="error")
    desk = _desk(here, into)
    desk.reader(into)  # what it cannot take is said before the store is opened
    with _ready(here) as store:
        if file is not None:
            fix = file.parent / f"{file.stem}.rejected{file.suffix}"
            done = desk.file(store, into, file, dry_run=dry_run, subscribe=subscribe, fix_file=fix, sheet=sheet)
        else:
            done = desk.text(store, into, emails or "", dry_run=dry_run, subscribe=subscribe)
    name = file.name if file is not None else PASTED
    wrong = _in_vain(done, name)
    if as_json:
        render.emit(done.as_dict() if wrong is None else {**done.as_dict(), "error": failures.describe(wrong)})
    else:
        _show(done, name)
        if wrong is not None:
            failures.report(wrong, as_json=False)
    return 0 if wrong is None else failures.FAILED


def _in_vain(done: Imported, name: str) -> Conflict | None:
    """What is wrong with an import that took nothing: who asked for it must hear that it did not happen."""
    if name == PASTED and not (done.rejected or any(done.counts.values())):
        return Conflict("nothing was pasted, so nothing was imported", hint="Write addresses, parted by commas.")
    if not done.in_vain:
        return None
    if name == PASTED:
        return Conflict(
            "none of what was pasted is an e-mail address, so nothing was imported",
            hint="Write addresses such as anna@example.com, parted by commas.",
        )
    hint = f"Mend {done.fix_file} and import that file." if done.fix_file else "The reasons say what to mend."
    return Conflict(f"none of the rows of {name} could be taken, so nothing was imported", hint=hint)


def _desk(here: House, into: str) -> Desk:
    """The desk of this house, where the source is one of its own."""
    if into != MANUAL:
        here.chosen([into])
    return Desk(here.config.settings.sources, here.plugins, here.config.shop())


@contextmanager
def _ready(here: House) -> Iterator[Store]:
    """The store, which knows the configuration."""
    with opened(here, create=True) as store:
        for said in settle(store, here):
            failures.warn(said)
        yield store


def _show(done: Imported, name: str) -> None:
    would = "would be " if done.dry_run else ""
    counts = done.counts
    render.say(
        f"{name}: {agree(counts['read'], '{} [row|rows]')} read, {counts['new']} {would}new, "
        f"{counts['changed']} {would}changed, "
        f"{counts['unchanged']} as before, {len(done.rejected)} not taken"
    )
    if counts["suppressed"]:
        render.say(agree(counts["suppressed"], "{} [row|rows] of erased people dropped (R56)."))
    effects = Counter(one["effect"] for one in done.customers)
    if effects:
        told = ", ".join(f"{effects[effect]} {would}{effect}" for effect in (NEW, JOINED, CHANGED) if effects[effect])
        render.say(f"Of the customers {told}.")
    if done.dry_run and effects:
        rows = [
            [one["effect"], one["id"], "/".join((record["source"], record["entity"], record["external_id"]))]
            for one in done.customers[:_SHOWN]
            for record in one["records"]
        ]
        render.table(["effect", "customer", "record"], rows)
    if done.rejected:
        rows = [[one.line, one.column, one.key, one.reason] for one in done.rejected[:_SHOWN]]
        render.table(["line", "column", "record", "reason"], rows, right=["line"])
        if len(done.rejected) > _SHOWN:
            render.say(f"and {len(done.rejected) - _SHOWN} more")
    for remark in done.ignored:
        render.say(remark)
    if done.fix_file:
        render.say(f"What was not taken is in {done.fix_file}; mend it there and import that file.")
    if done.dry_run:
        render.say("Nothing was written.")
    elif done.batch is not None:
        render.say(f"This was batch {done.batch}; `klientela import undo {done.batch}` takes it back.")


# -- the batches there were ------------------------------------------------------------------------------------------

app = typer.Typer(help="The imports there were, and taking one back.")


@app.command("list")
def show(config: Config = None, as_json: Json = False) -> int:
    """The batches, the newest first."""
    here = house(config)
    with opened(here) as store, store.reading() as db:
        found = batches(db)
    if as_json:
        render.emit({"imports": found})
        return 0
    if not found:
        render.say("Nothing was imported yet.")
        return 0
    columns = ["batch", "at", "source", "file", "rows", "new", "changed", "taken back"]
    rows = [
        [
            one["batch"],
            one["at"][:19].replace("T", " "),
            one["source"],
            one["file"],
            one["read"],
            one["new"],
            one["changed"],
            "" if one["undone"] is None else f"by {one['undone']['seq']}",
        ]
        for one in found
    ]
    render.table(columns, rows, right=["batch", "rows", "new", "changed"])
    return 0


@app.command("undo")
def undo(
    batch: Annotated[
        int, typer.Argument(metavar="BATCH", parser=number(), help="Its number; `klientela import list` shows it.")
    ],
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Take an import back as if it had never been; what other sources or imports say of its records stays."""
    here = house(config)
    logs.set_up(level="error")
    with opened(here) as store:
        if not (dry_run or yes or as_json) and sys.stdin.isatty() and sys.stdout.isatty():
            _show_undone(withdraw.undo(store, batch, dry_run=True))
            if not typer.confirm("Take it back?"):
                raise Interrupted("nothing was written")
        made = withdraw.undo(store, batch, dry_run=dry_run)
    if as_json:
        render.emit(made.as_dict())
    else:
        _show_undone(made)
    return 0


def _show_undone(made: Withdrawn) -> None:
    would = "would be" if made.seq is None else "are"
    render.say(
        f"Batch {made.batch} into {made.source}: {agree(made.records, '{} [record|records]')}; "
        f"{agree(len(made.customers), '{} [customer|customers]')} {would} changed, {len(made.vanished)} {would} gone."
    )
    for one in made.dormant[:_SHOWN]:
        records = ", ".join(one["records"])
        render.say(f"Decision {one['seq']} ({one['kind']}) sleeps until somebody speaks of {records} again.")
    if len(made.dormant) > _SHOWN:
        render.say(f"and {len(made.dormant) - _SHOWN} more decisions sleep")
    render.say("Nothing was written." if made.seq is None else f"Written as {made.seq}.")
