"""`klientela export`: exactly the view asked for, as a file."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from klientela import tempplace
from klientela.errors import Misconfigured
from klientela.flow import handout, work
from klientela.flow.handout import Asked
from klientela.settings.views import APPROXIMATE
from klientela.store import Store
from klientela_daemon import render
from klientela_daemon.cli.common import house, tell_left, whoever
from klientela_daemon.cli.options import Config, Filters, Inactive, Json, OfSource, Search, Segment, ViewName
from klientela_daemon.lists import filters_named, view_named
from klientela_daemon.opening import opened

Form = Annotated[
    Literal["csv", "xlsx", "json", "jsonl"],
    typer.Option("--format", help="xlsx: an Excel workbook; jsonl: a row a line."),
]


def verb(
    view: ViewName = None,
    search: Search = None,
    source: OfSource = None,
    inactive: Inactive = False,
    segment: Segment = "all",
    filters: Filters = None,
    form: Form = "csv",
    out: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: stdout.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Export a view, sorted by id: the same customers give the same bytes. json and jsonl rows carry their records. The
    log tells who exported which view and how many."""
    if out is None and as_json:
        raise Misconfigured("the export itself goes to stdout", hint="Name a file with -o, or leave --json out.")
    if out is None and form == "xlsx" and sys.stdout.isatty():
        raise Misconfigured("a workbook is nothing to read on a terminal", hint="Name a file with -o.")
    here = house(config)
    name, chosen = view_named(here, view)
    asked = Asked(
        name,
        chosen,
        form,
        search=search,
        segment=segment,
        filters=filters_named(filters or ()),
        inactive=inactive,
        source=source,
        rates=here.config.rates() if APPROXIMATE.intersection(chosen.columns) else None,
    )
    with opened(here) as store:
        with store.reading() as db:
            tell_left(work.left(db))
        count = _to_stdout(store, asked) if out is None else _to_file(store, asked, out)
    if as_json:
        render.emit({"view": name, "format": form, "rows": count, "file": str(out)})
    return 0


def _to_stdout(store: Store, asked: Asked) -> int:
    """Whole in a file first, so that the log can tell the true number before the first byte leaves."""
    with tempplace.folder("export") as folder:
        path = folder / "customers"
        with store.reading() as db:
            count = handout.write(db, store.key, asked, path)
        handout.tell(store, asked, count, actor=whoever())
        sys.stdout.flush()
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    return count


def _to_file(store: Store, asked: Asked, out: Path) -> int:
    """Whole or not at all, and readable by its owner alone: it holds personal data. It gets its name in the transaction
    that tells of it, so that neither is there without the other."""
    if out.is_dir():
        raise Misconfigured(f"{out} is a folder", hint="Name a file in it with -o.")
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with store.reading() as db:
            count = handout.write(db, store.key, asked, part)
        handout.tell(store, asked, count, actor=whoever(), give=lambda: part.replace(out))
    except OSError as error:
        raise Misconfigured(
            f"{out} cannot be written: {(error.strerror or str(error)).lower()}", hint="Choose another place with -o."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return count
