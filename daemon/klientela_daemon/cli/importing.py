"""`klientela import FILE --into SOURCE`: a file once, whole or not at all."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import typer

from klientela.errors import Misconfigured
from klientela.flow.importing import TAKERS, Imported, Into, import_source
from klientela.model.words import agree
from klientela.source import Source
from klientela_daemon import failures, logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.house import House
from klientela_daemon.opening import opened, settle

MANUAL = "manual"
_SHOWN = 20


@runtime_checkable
class FileReader(Protocol):
    """A source that can read another file in its own way."""

    def for_file(self, path: Path, *, entity: Any = None, subscribe: bool = False, edits: bool = False) -> Source:
        """The source of that file."""
        ...


def verb(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file.")],
    into: Annotated[str, typer.Option("--into", metavar="SOURCE", help="A csv source of yours, or manual.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would happen; write nothing.")] = False,
    subscribe: Annotated[bool, typer.Option("--subscribe", help="They agreed to promotional e-mail (R44).")] = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Import a file once, as a batch of its own: all of it or nothing. Rows that cannot be taken are told."""
    here = house(config)
    logs.set_up(level="error")
    target, reader = _reader(here, into)
    digest = _digest(file)
    source = reader.for_file(file, entity="manual" if target.type == MANUAL else None, subscribe=subscribe, edits=True)
    with opened(here, create=True) as store:
        for said in settle(store, here):
            failures.warn(said)
        done = import_source(
            store,
            target,
            source,
            name=file.name,
            digest=digest,
            subscribe=subscribe,
            dry_run=dry_run,
            fix_file=file.with_name(f"{file.stem}.rejected{file.suffix}"),
        )
    source.close()
    if as_json:
        render.emit(done.as_dict())
    else:
        _show(done, file)
    return 0


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
    """The source to import into and what reads the file: the csv source itself, else one without any settings."""
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


def _show(done: Imported, file: Path) -> None:
    would = "would be " if done.dry_run else ""
    counts = done.counts
    render.say(
        f"{file.name}: {agree(counts['read'], '{} [row|rows]')} read, {counts['new']} {would}new, "
        f"{counts['changed']} {would}changed, "
        f"{counts['unchanged']} as before, {len(done.rejected)} not taken"
    )
    if done.rejected:
        rows = [[one.line, one.column, one.key, one.reason] for one in done.rejected[:_SHOWN]]
        render.table(["line", "column", "record", "reason"], rows, right=["line"])
        if len(done.rejected) > _SHOWN:
            render.say(f"and {len(done.rejected) - _SHOWN} more")
    for remark in done.ignored:
        render.say(remark)
    if done.fix_file:
        render.say(f"What was not taken is in {done.fix_file}; mend it there and import that file.")
    if done.batch is not None and not done.dry_run:
        render.say(f"This was batch {done.batch}.")
