"""`klientela export`: exactly the view asked for, as a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from klientela.errors import Misconfigured
from klientela.flow import work
from klientela.flow.disclose import note_export
from klientela.settings.views import APPROXIMATE
from klientela.store.export import export
from klientela.store.overview import listing
from klientela_daemon.cli.common import house, tell_left, whoever
from klientela_daemon.cli.options import Config, Filters, Search, Segment, ViewName
from klientela_daemon.lists import filters_named, view_named
from klientela_daemon.opening import opened


def verb(
    view: ViewName = None,
    search: Search = None,
    segment: Segment = "all",
    filters: Filters = None,
    form: Annotated[Literal["csv", "json", "jsonl"], typer.Option("--format", help="jsonl: a row a line.")] = "csv",
    out: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Default: stdout.")] = None,
    config: Config = None,
) -> int:
    """Export a view, sorted by id: the same customers give the same bytes. json and jsonl rows carry their records. The
    log tells who exported which view and how many."""
    here = house(config)
    name, chosen = view_named(here, view)
    only = filters_named(filters or ())
    rates = here.config.rates() if APPROXIMATE.intersection(chosen.columns) else None
    with opened(here) as store:
        with store.reading() as db:
            tell_left(work.left(db))
            count = listing(db, chosen, search=search, segment=segment, filters=only, size=1).total
        with store.step("export", actor=whoever()) as step:  # told before the first byte leaves
            note_export(step, view=name, count=count, form=form)
        with store.reading() as db:
            pieces = export(db, chosen, form, search=search, key=store.key, rates=rates, segment=segment, filters=only)
            if out is None:
                sys.stdout.flush()
                for piece in pieces:
                    sys.stdout.buffer.write(piece.encode())
                sys.stdout.buffer.flush()
            else:
                _write(out, pieces)
    return 0


def _write(out: Path, pieces: Iterator[str]) -> None:
    """Whole or not at all, and readable by its owner alone: it holds personal data."""
    if out.is_dir():
        raise Misconfigured(f"{out} is a folder", hint="Name a file in it with -o.")
    part = out.with_name(f".{out.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for piece in pieces:
                file.write(piece.encode())
        part.replace(out)
    except OSError as error:
        raise Misconfigured(
            f"{out} cannot be written: {(error.strerror or '').lower()}", hint="Choose another place with -o."
        ) from error
    finally:
        part.unlink(missing_ok=True)
