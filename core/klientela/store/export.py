"""Exports: exactly the view that is asked for, sorted by id, a row at a time, the same bytes whatever was read when."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from itertools import islice
from typing import Any, Protocol

from klientela.errors import Misconfigured
from klientela.model.cells import safe
from klientela.rules.rates import Rates
from klientela.store import rows
from klientela.store.database import Db
from klientela.store.filters import NO_FILTERS
from klientela.store.finder import Finder
from klientela.store.matches import Wanted, wanted_of
from klientela.store.search import LISTED

FORMATS = ("csv", "json", "jsonl")
_BATCH = 500


class View(rows.View, Protocol):
    """A view with its columns."""

    @property
    def columns(self) -> tuple[str, ...]: ...


def export(
    db: Db,
    view: View,
    form: str,
    *,
    search: str | None = None,
    key: bytes,
    rates: Rates | None = None,
    segment: str = "all",
    filters: Mapping[str, Sequence[str]] = NO_FILTERS,
    inactive: bool = False,
    source: str | None = None,
    only: Sequence[int] | None = None,
) -> Iterator[str]:
    """The text of an export, piece by piece: who a view lists and the question of `listing` finds, sorted by id; or
    just the customers `only`, by their numbers.

    `json` and `jsonl` hold whole rows with their records and sorted keys; `csv` the view's columns, with the id as
    `klientela_id` so that it can be imported again (R51), and a BOM for the programs that need one. `key` is the
    instance's. What is about, by `rates`, stands in an export only where its view has that column, for it changes with
    every day's rates. Misconfigured for another format, and for what the list cannot be asked, before the first piece.
    """
    if form not in FORMATS:
        raise Misconfigured(f"there is no export format {form!r}", hint=f"Known are {', '.join(FORMATS)}")
    about = {"ltv_approx", "gross_approx"}.intersection(view.columns)
    by = rows.lens(db, view, rates if about else None)
    wanted = wanted_of(by, view, search=search, segment=segment, filters=filters, inactive=inactive, source=source)
    if form == "csv":
        return _csv(_cells(_found(db, by, wanted, key, records=False, only=only), view.columns))
    made = map(_keep(about), _found(db, by, wanted, key, records=True, only=only))
    return _jsonl(made) if form == "jsonl" else _json(made)


def sheet(
    db: Db,
    view: View,
    *,
    search: str | None = None,
    key: bytes,
    rates: Rates | None = None,
    segment: str = "all",
    filters: Mapping[str, Sequence[str]] = NO_FILTERS,
    inactive: bool = False,
    source: str | None = None,
    only: Sequence[int] | None = None,
) -> Iterator[list[Any]]:
    """The same table as the csv for programs that know what a cell holds: the header first, then every row as values;
    nothing has an apostrophe before it."""
    by = rows.lens(db, view, rates if {"ltv_approx", "gross_approx"}.intersection(view.columns) else None)
    wanted = wanted_of(by, view, search=search, segment=segment, filters=filters, inactive=inactive, source=source)
    return _cells(_found(db, by, wanted, key, records=False, only=only), view.columns)


def customers(
    db: Db, view: rows.View, *, search: str | None = None, key: bytes, records: bool, rates: Rates | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of an export one by one: constant memory, but for the ids that a search finds."""
    by = rows.lens(db, view, rates)
    wanted = wanted_of(by, view, search=search, segment="all", filters=NO_FILTERS, inactive=False)
    return _found(db, by, wanted, key, records=records)


def _found(
    db: Db, by: rows.Lens, wanted: Wanted, key: bytes, *, records: bool, only: Sequence[int] | None = None
) -> Iterator[dict[str, Any]]:
    ids: Iterator[int]
    if only is not None:
        ids = _by_public_id(db, list(only))
    elif wanted.terms or wanted.picks or wanted.source is not None:
        ids = _by_public_id(db, Finder(db, wanted, by).matching())
    else:
        listed = f" AND (SELECT facet FROM tally WHERE tally.id = c.id) & {LISTED} <> 0" if wanted.listed else ""
        sql = f"SELECT c.id FROM customer c WHERE c.inactive = ?{listed} ORDER BY c.pub8, c.pub"
        ids = (row[0] for row in db.stream(sql, (int(wanted.inactive),)))
    while batch := list(islice(ids, _BATCH)):
        yield from rows.rows(db, batch, by, records=records, key=key)


def _keep(about: Set[str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Drops of a row what is about and was not asked for."""

    def kept(row: dict[str, Any]) -> dict[str, Any]:
        if "ltv_approx" not in about:
            row.pop("ltv_approx", None)
        if "gross_approx" not in about:
            row["gross"].pop("sum_approx", None)
        return row

    return kept


def _by_public_id(db: Db, found: list[int]) -> Iterator[int]:
    pairs: list[tuple[int, bytes, int]] = []
    for start in range(0, len(found), _BATCH):
        packed = db.pack(found[start : start + _BATCH])
        pairs += [
            (eight, bytes(pub), i)
            for i, eight, pub in db.rows(f"SELECT id, pub8, pub FROM customer WHERE id {db.among}", (packed,))
        ]
    return (pair[2] for pair in sorted(pairs))


_dump = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def _jsonl(made: Iterator[dict[str, Any]]) -> Iterator[str]:
    for row in made:
        yield _dump(row) + "\n"


def _json(made: Iterator[dict[str, Any]]) -> Iterator[str]:
    start = "[\n"
    for row in made:
        yield start + _dump(row)
        start = ",\n"
    yield "[]\n" if start == "[\n" else "\n]\n"


# -- csv --------------------------------------------------------------------------------------------------------------


def _own(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda row: row[name]


def _money(name: str) -> Callable[[dict[str, Any]], Any]:
    def text(row: dict[str, Any]) -> str:
        sums = row["gross"]["sum"] if name == "gross" else row[name]
        return " + ".join(f"{one['amount']} {one['currency']}" for one in sums or ())

    return text


def _about(name: str) -> Callable[[dict[str, Any]], Any]:
    def text(row: dict[str, Any]) -> str:
        found = row["gross"].get("sum_approx") if name == "gross_approx" else row.get(name)
        return f"{found['amount']} {found['currency']}" if found else ""

    return text


def _consent(purpose: str) -> Callable[[dict[str, Any]], Any]:
    return lambda row: row["consents"]["email"][purpose]


def _words(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda row: ", ".join(row[name])


_COLUMNS: dict[str, tuple[tuple[str, Callable[[dict[str, Any]], Any]], ...]] = {
    "name": (("first_name", _own("first_name")), ("last_name", _own("last_name"))),
    "location": (("city", _own("city")), ("country", _own("country"))),
    "sources": (("sources", _words("sources")),),
    "tags": (("tags", _words("tags")),),
    "modules": (("modules", _words("modules")),),
    "ltv": (("ltv", _money("ltv")),),
    "gross": (("gross", _money("gross")),),
    "ltv_approx": (("ltv_approx", _about("ltv_approx")),),
    "gross_approx": (("gross_approx", _about("gross_approx")),),
    "promotion": (("promotion", _consent("promotion")),),
    "system": (("system", _consent("system")),),
    "id": (),
}


def _cells(made: Iterator[dict[str, Any]], columns: tuple[str, ...]) -> Iterator[list[Any]]:
    cells: dict[str, Callable[[dict[str, Any]], Any]] = {"klientela_id": _own("id")}
    for column in columns:
        cells.update(_COLUMNS.get(column, ((column, _own(column)),)))
    yield list(cells)
    for row in made:
        yield [cell(row) for cell in cells.values()]


def _csv(made: Iterator[list[Any]]) -> Iterator[str]:
    line = _Line()
    writer = csv.writer(line, lineterminator="\r\n")
    mark = "\ufeff"
    for row in made:
        writer.writerow(map(safe, row))
        yield mark + line.text
        mark = ""


class _Line:
    """What csv writes to: it keeps the last line."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text
