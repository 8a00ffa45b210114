"""`klientela person`: a person's rights. Erase somebody for good, lift a tombstone, give somebody all that is kept (R56-R58)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from klientela.errors import Interrupted
from klientela.flow import erase as erasing
from klientela.flow import handover
from klientela.flow.disclose import disclose, files_of, note_export
from klientela.flow.erase import Candidate, Erased
from klientela.flow.requests import answer, requests
from klientela.model.words import agree
from klientela.source import Source
from klientela.store import Store
from klientela_daemon import logs, render
from klientela_daemon.cli.common import house, whoever
from klientela_daemon.cli.deciding import DryRun, Yes
from klientela_daemon.cli.options import Config, Json, number
from klientela_daemon.house import House
from klientela_daemon.lists import view_named
from klientela_daemon.opening import opened

app = typer.Typer(no_args_is_help=True, help="A person's rights: erase, release, export.")
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, without naming anybody; kept in the log.")]


@app.callback()
def _person() -> None:
    """A person's rights: erase, release, export."""


@app.command("erase")
def erase(
    customer: Annotated[str, typer.Argument(metavar="ID", help="A customer's id, or a record's key.")],
    reason: Reason,
    record: Annotated[
        list[str] | None,
        typer.Option("--record", metavar="KEY", help="Also this one, out of those --dry-run proposes; again for more."),
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Also all that --dry-run proposes.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Erase a person for good: records, letters, files, payloads, log. Orders keep amounts and dates. No sync, import or
    backup brings the person back. It cannot be undone."""
    here = house(config)
    logs.set_up(level="error")
    more = record or []
    with opened(here) as store:
        if not (dry_run or yes or as_json) and sys.stdin.isatty() and sys.stdout.isatty():
            _show(erasing.erase(store, customer, reason=reason, records=more, everybody=everybody, dry_run=True))
            if not typer.confirm("Erase this? It cannot be undone."):
                raise Interrupted("nothing was written")
        made = erasing.erase(store, customer, reason=reason, records=more, everybody=everybody, dry_run=dry_run)
    if as_json:
        render.emit(made.as_dict())
    else:
        _show(made)
    return 0


def _show(made: Erased) -> None:
    would = "would be" if made.seq is None else "are"
    people = agree(made.records, "{} [record|records]" + (" would be" if made.seq is None else " [is|are]"))
    render.say(f"{people} erased; {made.orders} orders and carts {would} without person, {made.things} letters, "
               f"scans, messages and bookings {would} gone.")  # fmt: skip
    if made.seq is None:
        rows = [["/".join((one["source"], one["entity"], one["external_id"]))]
                for customer in made.customers for one in customer["records"]]  # fmt: skip
        render.table(["record"], rows)
        _candidates("The same person? --record KEY or --all erases them too:", made.proposed)
        _candidates("Others who carry the same under another name; they stay:", made.others)
        render.say("Nothing was written.")
    else:
        render.say(f"Written as {made.seq}, with the tombstone {made.tombstone}.")
        if not made.cleaned:
            render.say("Somebody is reading the store, so its files are not cleaned yet; the next command does it.")


def _candidates(heading: str, found: Sequence[Candidate]) -> None:
    if found:
        render.say(heading)
        render.table(["record", "shares"], [[one.record, ", ".join(one.rules)] for one in found])


@app.command("export")
def export(
    customer: Annotated[str, typer.Argument(metavar="ID", help="A customer's id, or a record's key.")],
    out: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The ZIP to write.")],
    config: Config = None,
    as_json: Json = False,
) -> int:
    """All that is kept of a person, for the person: a ZIP of a page to read, JSON for programs and the files. Nothing of
    anybody else is in it. The log tells that it was made."""
    here = house(config)
    logs.set_up(level="error")
    _, chosen = view_named(here, None)
    with opened(here) as store:
        with store.reading() as db:
            document = disclose(db, store, customer, chosen, here.config.rates())
            contents = files_of(db, document)
        with store.step("person export", actor=whoever()) as step:
            note_export(step, view="person", count=1, form="zip", customer=document["id"])
            seq = step.seq
            size = handover.write(out.absolute(), document, contents)  # where that fails nothing is told either
    if as_json:
        render.emit({"seq": seq, "customers": [{"id": document["id"], "records": document["joined"]["records"]}],
                     "file": str(out.absolute()), "bytes": size})  # fmt: skip
    else:
        render.say(f"wrote {out} ({size / 2**10:.0f} KiB)")
    return 0


@app.command("release")
def release(
    key: Annotated[
        str,
        typer.Argument(metavar="KEY", help="The record that was erased, source/entity/external_id, or a tombstone."),
    ],
    reason: Reason,
    dry_run: DryRun = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Lift a tombstone: what was erased stays erased, but later syncs and imports may bring the person again."""
    here = house(config)
    logs.set_up(level="error")
    with opened(here) as store:
        made = erasing.release(store, key, reason=reason, dry_run=dry_run)
    if as_json:
        render.emit(made)
    elif dry_run:
        render.say(f"The tombstone {made['tombstone']} would be lifted. Nothing was written.")
    else:
        render.say(f"The tombstone {made['tombstone']} is lifted; `klientela sync --full` reads everything again.")
    return 0


@app.command("requests")
def requests_verb(config: Config = None, as_json: Json = False) -> int:
    """What people asked their shops and waits for you: a copy of their data, or the end of a whole shop."""
    here = house(config)
    logs.set_up(level="error")
    with _sources(here) as (store, sources):
        found = [one.as_dict() for one in requests(store, sources)]
    if as_json:
        render.emit({"requests": found})
    elif not found:
        render.say("No request waits.")
    else:
        columns = ("number", "source", "topic", "since", "wants", "customer")
        render.table(columns, [[one[name] for name in columns] for one in found], right=["number"])
        render.say("`klientela person export` makes the copy; `klientela person answer NUMBER` says that it was given, and "
                   "erases everybody of a shop where that is asked.")  # fmt: skip
    return 0


@app.command("answer")
def answer_verb(
    number: Annotated[int, typer.Argument(metavar="NUMBER", parser=number(), help="Of `klientela person requests`.")],
    reason: Reason,
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """A request is answered: the copy was given, or everybody of that shop is erased now, which cannot be undone."""
    here = house(config)
    logs.set_up(level="error")
    with _sources(here) as (store, sources):
        asked = not (dry_run or yes or as_json) and sys.stdin.isatty() and sys.stdout.isatty()
        if asked and not typer.confirm("Was it answered? A request to erase a shop erases everybody of it now."):
            raise Interrupted("nothing was written")
        made = answer(store, sources, number, reason=reason, dry_run=dry_run)
    if as_json:
        render.emit(made)
    elif dry_run:
        erased = agree(made["erased"], "{} [record|records] of people would be erased")
        render.say(f"Request {number} would be answered; {erased}. Nothing was written.")
    else:
        render.say(f"Request {number} is answered" + (f"; {agree(made['erased'], '{} [record was|records were] erased')}."
                                                     if made["erased"] else "."))  # fmt: skip
    return 0


@contextmanager
def _sources(here: House) -> Iterator[tuple[Store, dict[str, Source]]]:
    """The store and the configured sources, whose plugins can read what came."""
    shop, settings = here.config.shop(), here.config.settings.sources
    with ExitStack() as stack:
        store = stack.enter_context(opened(here))
        sources = {name: here.plugins.make(name, one, shop=shop) for name, one in settings.items()}
        for source in sources.values():
            stack.callback(source.close)
        yield store, sources
