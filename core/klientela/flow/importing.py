"""A one-off import: a file or a pasted list into a csv, api or manual source, as a batch with a channel of its own.

The whole import is one transaction: all of it or nothing. A dry run is the same transaction, rolled back at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from klientela.errors import Conflict, KlientelaError, Misconfigured
from klientela.flow.batch import CHANGED, JOINED, NEW, Batch, Imported, Into, without_grants
from klientela.flow.fetch import fetch
from klientela.flow.loading import indexed
from klientela.model.records import Record, Rejected
from klientela.source import Page, Source, Window
from klientela.store.database import Store
from klientela.store.housekeeping import settle

TAKERS = ("csv", "api", "manual")
"""Types of sources that take imports; what shops say comes by their own sync only."""
_PAGE = 250
_NO_TITLES: Mapping[str, str] = MappingProxyType({})


@runtime_checkable
class Mender(Protocol):
    """A source that can write the file of just the bad rows."""

    def write_fix_file(self, path: str | Path, rejected: Sequence[Rejected], say: Callable[[str], str] = str) -> int:
        """Write it, its sentences in the words of `say`; how many rows it holds."""
        ...


class _DryRun(Exception):
    """Ends a dry run: everything it wrote is rolled back."""


def import_source(
    store: Store,
    into: Into,
    source: Source,
    *,
    name: str,
    digest: str,
    subscribe: bool = False,
    dry_run: bool = False,
    fix_file: Path | None = None,
    titles: Mapping[str, str] = _NO_TITLES,
    actor: str = "operator",
    say: Callable[[str], str] = str,
) -> Imported:
    """Import what a source made for one file yields: a csv source's `for_file`, or `open_file` with entity `manual`.

    `name` and `digest` say which file it was. `subscribe`: auto-subscribe is ticked (R44). `fix_file`: where the rows
    that could not be taken are written for mending, under a free name beside it if it is there, with sentences in the
    words of `say`. `titles`: the names of source types, for sentences about fields that a shop delivers. Whatever is
    wrong with the whole file raises, and nothing is written (R47).
    """

    def pages() -> Iterator[Page]:
        for stream in source.streams():
            for page in fetch(source, stream, Window(), None, source.stop):
                if isinstance(page, KlientelaError):
                    raise page
                yield page

    def finish(result: Imported) -> None:
        result.ignored += source.remarks
        if fix_file is not None and result.rejected and not dry_run and isinstance(source, Mender):
            result.fix_file = str(_write_fix_file(source, fix_file, result.rejected, say))

    return _import(store, into, pages(), finish, name, digest, subscribe, dry_run, actor, titles)


def import_records(
    store: Store,
    into: Into,
    records: Sequence[Record],
    rejected: Iterable[Rejected] = (),
    *,
    name: str,
    digest: str,
    ignored: Iterable[str] = (),
    subscribe: bool = False,
    tags: Sequence[str] = (),
    whole: bool = False,
    dry_run: bool = False,
    actor: str = "operator",
) -> Imported:
    """Import records that are in hand, such as pasted addresses (R49). `tags`: what the operator puts on the persons
    among them, in the same batch. `whole`: all of them or none; Misconfigured for one that cannot be taken, Conflict for
    one of somebody who was erased, and nothing is written."""
    pages = (Page(records[start : start + _PAGE]) for start in range(0, len(records), _PAGE))

    def finish(result: Imported) -> None:
        result.rejected += rejected
        result.ignored += ignored
        if whole:
            _whole(result)

    return _import(store, into, pages, finish, name, digest, subscribe, dry_run, actor, tags=tags)


def _import(
    store: Store,
    into: Into,
    pages: Iterator[Page],
    finish: Callable[[Imported], None],
    name: str,
    digest: str,
    subscribe: bool,
    dry_run: bool,
    actor: str,
    titles: Mapping[str, str] = _NO_TITLES,
    tags: Sequence[str] = (),
) -> Imported:
    if into.type not in TAKERS:
        raise Misconfigured(
            f"{into.name} is a source of type {into.type}, which takes no imports",
            hint=f"Import into a source of type {', '.join(TAKERS[:-1])} or into manual.",
        )
    result = Imported(into.name, dry_run)
    try:
        with store.step(f"import into {into.name}", actor=actor) as step:
            made = Batch(step, into, result, name, digest, subscribe, titles, tags)
            for page in pages:
                made.page(page)
            finish(result)
            made.close()
            _unless(dry_run)
    except _DryRun:
        result.seq = None
    else:
        indexed(store)
        settle(store, result.counts["new"] + result.counts["changed"])
    return result


def _whole(result: Imported) -> None:
    if result.rejected:
        raise Misconfigured(f"that cannot be taken: {result.rejected[0].reason}", hint="Nothing was written.")
    if result.counts["suppressed"]:
        raise Conflict(
            "that is somebody who was erased",
            hint="Nothing was written; `klientela person release` would let it in again.",
        )


def _unless(dry_run: bool) -> None:
    if dry_run:
        raise _DryRun


def _write_fix_file(source: Mender, path: Path, rejected: Sequence[Rejected], say: Callable[[str], str]) -> Path:
    free = path
    number = 1
    while free.exists():  # somebody may be mending the last one
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    try:
        source.write_fix_file(free, rejected, say)
    except OSError as error:
        raise Misconfigured(
            f"the file of bad rows {free} cannot be written: {(error.strerror or str(error)).lower()}",
            hint="Nothing was imported; say where to write it, or import without it.",
        ) from error
    return free


__all__ = [
    "CHANGED", "JOINED", "NEW", "TAKERS", "Imported", "Into", "import_records", "import_source", "without_grants",
]  # fmt: skip
