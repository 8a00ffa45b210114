"""`klientela import FILE --into SOURCE`: a file or pasted addresses once, whole or not at all; and taking that back."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import typer

from klientela.errors import Interrupted, Misconfigured
from klientela.flow import withdraw
from klientela.flow.importing import CHANGED, JOINED, NEW, TAKERS, Imported, Into, import_records, import_source
from klientela.flow.withdraw import Withdrawn
from klientela.model.records import Person, Rejected
from klientela.model.words import agree
from klientela.source import Source
from klientela.store import Store
from klientela.store.batches import batches
from klientela_daemon import failures, logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.deciding import DryRun, Yes
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.house import House
from klientela_daemon.opening import opened, settle

MANUAL = "manual"
PASTED = "pasted list"
_SHOWN = 20


class Pasted(Protocol):
    """What was pasted: persons, and what is no address."""

    persons: list[Person]
    rejected: list[Rejected]


@runtime_checkable
class FileReader(Protocol):
    """A source that can read another file in its own way, and pasted addresses."""

    def for_file(self, path: Path, *, entity: Any = None, subscribe: bool = False, edits: bool = False) -> Source:
        """The source of that file."""
        ...

    def pasted(self, text: str, *, entity: Any = None, subscribe: bool = False) -> Pasted:
        """Whom the addresses name."""
        ...


def verb(
    into: Annotated[str, typer.Option("--into", metavar="SOURCE", help="A csv or api source of yours, or manual.")],
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="The file.")] = None,
    emails: Annotated[
        str | None, typer.Option("--emails", metavar="TEXT", help="Addresses instead of a file, parted by commas.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would happen; write nothing.")] = False,
    subscribe: Annotated[bool, typer.Option("--subscribe", help="They agreed to promotional e-mail (R44).")] = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Import a file or pasted addresses once, as a batch of its own: all of it or nothing. Rows that cannot be taken are
    told. `klientela import list` shows the batches, `klientela import undo BATCH` takes one back."""
    if (file is None) == (emails is None):
        raise Misconfigured(
            "an import needs a file or addresses, and not both",
            hint='Write `klientela import FILE --into SOURCE` or `klientela import --emails "a@x.de, b@y.de" --into …`.',
        )
    here = house(config)
    logs.set_up(level="error")
    if file is not None:
        done = _file(here, into, file, dry_run=dry_run, subscribe=subscribe)
    else:
        done = _text(here, into, emails or "", dry_run=dry_run, subscribe=subscribe)
    if as_json:
        render.emit(done.as_dict())
    else:
        _show(done, file.name if file is not None else PASTED)
    return 0


def _file(here: House, into: str, file: Path, *, dry_run: bool, subscribe: bool) -> Imported:
    target, reader = _reader(here, into)
    digest = _digest(file)
    source = reader.for_file(file, entity=_entity(target), subscribe=subscribe, edits=True)
    with _ready(here) as store:
        done = import_source(
            store,
            target,
            source,
            name=file.name,
            digest=digest,
            subscribe=subscribe,
            dry_run=dry_run,
            fix_file=file.with_name(f"{file.stem}.rejected{file.suffix}"),
            titles=here.plugins.titles,
        )
    source.close()
    return done


def _text(here: House, into: str, text: str, *, dry_run: bool, subscribe: bool) -> Imported:
    target, reader = _reader(here, into)
    found = reader.pasted(text, entity=_entity(target), subscribe=subscribe)
    with _ready(here) as store:
        return import_records(
            store,
            target,
            found.persons,
            found.rejected,
            name=PASTED,
            digest=sha256(text.encode("utf-8", "replace")).hexdigest(),
            subscribe=subscribe,
            dry_run=dry_run,
        )


def _entity(target: Into) -> str | None:
    return "manual" if target.type == MANUAL else None


@contextmanager
def _ready(here: House) -> Iterator[Store]:
    """The store, which knows the configuration."""
    with opened(here, create=True) as store:
        for said in settle(store, here):
            failures.warn(said)
        yield store


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            digest = sha256()
            while chunk := stream.read(2**20):
                digest.update(chunk)
    except OSError as error:
        raise Misconfigured(
            f"{file} cannot be read: {(error.strerror or '').lower()}", hint="Check the path and its permissions."
        ) from error
    return digest.hexdigest()


def _reader(here: House, name: str) -> tuple[Into, FileReader]:
    """The source to import into and what reads for it: the csv source itself, else one without any settings."""
    if name != MANUAL:
        settings = here.chosen([name])[name]
        made = here.plugins.make(name, settings, shop=here.config.shop())
        if isinstance(made, FileReader):
            return Into(name, settings.type), made
        if settings.type not in TAKERS:
            raise Misconfigured(
                f"{name} is a source of type {settings.type}, which takes no imports",
                hint="Import into one of your csv sources, or into manual.",
            )
    kind = next(
        (kind for kind in here.plugins.types.values() if isinstance(kind, type) and hasattr(kind, "for_file")), None
    )
    if kind is None:
        raise Misconfigured(
            "no installed plugin reads files", hint="The plugin csv does; `klientela plugins` lists them."
        )
    plain = kind(name, kind.Settings.model_validate({"type": kind.type, "path": "-"}), shop=here.config.shop())
    assert isinstance(plain, FileReader)  # noqa: S101 - it has for_file
    return Into(name, MANUAL if name == MANUAL else here.config.settings.sources[name].type), plain


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
    batch: Annotated[int, typer.Argument(metavar="BATCH", help="Its number; `klientela import list` shows it.")],
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
