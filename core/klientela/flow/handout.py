"""Hand out an export: written whole first, told in the log with its true number, then given away (R51, R59)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from klientela import tempplace
from klientela.errors import Misconfigured
from klientela.flow.disclose import note_export
from klientela.rules.rates import Rates
from klientela.store import workbook
from klientela.store.database import Db, Store
from klientela.store.export import FORMATS as TEXTS
from klientela.store.export import View, export, sheet
from klientela.store.filters import NO_FILTERS

FORMATS = (*TEXTS, "xlsx")
"""What an export can be; the workbook holds the same table as the csv."""


class Asked(NamedTuple):
    """Which customers, as the list takes it, or just those of the ids `only`; and as what."""

    name: str
    view: View
    form: str
    search: str | None = None
    segment: str = "all"
    filters: Mapping[str, Sequence[str]] = NO_FILTERS
    inactive: bool = False
    source: str | None = None
    rates: Rates | None = None
    only: Sequence[int] | None = None


def write(db: Db, key: bytes, asked: Asked, path: Path) -> int:
    """Write an export to a file, which is its owner's alone; how many customers it holds. `key` is the instance's.
    Misconfigured or UnknownThing for what cannot be asked; then there is no file."""
    if asked.form not in FORMATS:
        raise Misconfigured(f"there is no export format {asked.form!r}", hint=f"Known are {', '.join(FORMATS)}.")
    given: dict[str, Any] = {
        name: getattr(asked, name) for name in ("search", "segment", "filters", "inactive", "source", "rates", "only")
    }
    if asked.form == "xlsx":
        rows = sheet(db, asked.view, key=key, **given)
        os.close(_opened(path))
        with tempplace.folder("export") as folder:
            return workbook.write(path, rows, folder=folder)
    pieces = export(db, asked.view, asked.form, key=key, **given)
    with os.fdopen(_opened(path), "wb") as file:
        return _counted(pieces, file.write, head=0 if asked.form == "jsonl" else 1)


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def _counted(pieces: Iterator[str], write: Callable[[bytes], Any], *, head: int) -> int:
    """Write the pieces; how many customers they are: a piece each, but for the `head` of a csv and the end of a json."""
    count = 0
    for piece in pieces:
        write(piece.encode())
        count += 1
    return count - head


def tell(store: Store, asked: Asked, count: int, *, actor: str, give: Callable[[], Any] = lambda: None) -> None:
    """Write into the log that so many customers were handed out; `give` does it, and where it raises nothing is told."""
    with store.step("export", actor=actor) as step:
        note_export(step, view=asked.name, count=count, form=asked.form)
        give()


__all__ = ["FORMATS", "Asked", "tell", "write"]
