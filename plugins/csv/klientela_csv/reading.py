"""One file, opened and understood: what its header says, and its rows as records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from klientela.kit import Misconfigured, Order, Person, RecordRejected, Rejected
from klientela_csv.dialect import Dialect, decimal_comma, detect, empty, storable
from klientela_csv.fields import OUR_ERROR
from klientela_csv.files import Look, changed, stamp
from klientela_csv.header import Header, listed, understand
from klientela_csv.orders import Group, OrderPlan, groups
from klientela_csv.persons import LONGEST_ID, PersonPlan, Terms, Tidy
from klientela_csv.rows import Row, Rows
from klientela_csv.settings import CsvSettings

_AMOUNTS = ("total", "refunded", "line_price", "line_total")


class Unit(NamedTuple):
    """What one row says, or the rows of one order; `rows` is how many they are, `text` how they stand in the file."""

    line: int
    rows: int
    text: str
    records: list[Person | Order] | Rejected


@dataclass(slots=True)
class Opened:
    """A file whose dialect and header are understood."""

    look: Look
    dialect: Dialect
    header: Header
    settings: CsvSettings
    terms: Terms
    prefix: str = ""  # before every reason, where there are several files
    rows: Rows | None = None  # those of the last reading
    _unrepaired: int | None = field(init=False)

    def __post_init__(self) -> None:
        # In a file of bad rows the sign for "unreadable" is ours, and somebody forgot to mend it.
        self._unrepaired = self.header.ours.get(OUR_ERROR)

    def units(self) -> Iterator[Unit]:
        """All rows as records, in their order. SourceBroken if the file changes meanwhile."""
        persons = PersonPlan(self.header, self.terms)
        tidy = Tidy(self.header)
        orders = OrderPlan(self.header, self.terms, persons, self._comma()) if self.header.orders else None
        with self._checked() as rows:
            if orders is None:
                for row in rows:
                    yield self._person(row, persons, tidy)
            else:
                for group in groups(self._tidied(rows, tidy), self.header):
                    yield self._order(group, orders, persons)

    def _checked(self) -> _Checked:
        return _Checked(self)

    def _tidied(self, rows: Iterator[Row], tidy: Tidy) -> Iterator[Row]:
        for row in rows:
            yield row if row.trouble else row._replace(cells=tidy(row.cells, row.text))

    def _person(self, row: Row, persons: PersonPlan, tidy: Tidy) -> Unit:
        line, cells, text, trouble = row
        if trouble is None:
            cells = tidy(cells, text)
            try:
                self._mended(text)
                return Unit(line, 1, text, [persons.person(cells, line)])
            except RecordRejected as error:
                rejected = self.rejected(error.message, text, line, error.column, _key(persons, cells))
        else:
            rejected = self.rejected(trouble, text, line, None, persons.identify_ragged(cells))
        return Unit(line, 1, text, rejected)

    def _order(self, group: Group, orders: OrderPlan, persons: PersonPlan) -> Unit:
        line, text, size = group.rows[0].line, group.text, len(group.rows)
        if group.trouble is not None:
            reason, at = group.trouble
            key = orders.identify_ragged(group.rows[0].cells)
            return Unit(line, size, text, self.rejected(reason, text, at, None, key))
        try:
            self._mended(text)
            return Unit(line, size, text, list(orders.records(group)))
        except RecordRejected as error:
            cells = group.rows[0].cells
            key = orders.identify(cells) or _key(persons, cells)
            return Unit(line, size, text, self.rejected(error.message, text, error.line or line, error.column, key))

    def _mended(self, text: str) -> None:
        if self._unrepaired is not None and "\ufffd" in text:
            raise RecordRejected("the row still has a character that could not be read; replace the sign \ufffd")

    def rejected(self, reason: str, text: str, line: int, column: str | None, key: str | None) -> Rejected:
        """A row for the quarantine."""
        payload = storable(text)
        if key is None or len(key) > LONGEST_ID or storable(key) != key:
            key = "row:" + hashlib.sha256(payload.encode()).hexdigest()[:32]
        return Rejected(reason=self.prefix + reason, key=key, payload=payload.rstrip("\r\n"), line=line, column=column)

    def _comma(self) -> bool | None:
        """Whether an amount like 1.187 has a decimal comma: the settings, the layout, else all amounts of the file."""
        sign = self.settings.decimal or self.header.layout.decimal
        if sign is not None:
            return sign == ","
        at = [self.header.fields[name] for name in _AMOUNTS if name in self.header.fields]
        if not at:
            return None
        with self._checked() as rows:
            cells = (row.cells[i] for row in rows if row.trouble is None for i in at)
            return decimal_comma(cells, self.dialect.delimiter)

    def preview(self, most: int) -> dict[str, Any]:
        """How it will be read, with the cells of the first rows as they stand there."""
        header = self.header
        field_of = {place: field for field, place in (*header.fields.items(), *header.ours.items())}
        with self._checked() as rows:
            first = [[storable(cell) for cell in row.cells] for row in islice(rows, most)]
        return {
            "encoding": self.dialect.encoding,
            "delimiter": self.dialect.delimiter,
            "layout": header.layout.name,
            "columns": [
                {"header": column, "field": field_of.get(place)} for place, column in enumerate(header.columns)
            ],
            "rows": first,
        }

    def spoken(self) -> Iterator[str]:
        """Sentences about the letters of the last reading."""
        if self.rows is None:
            return
        name, encoding = self.look.path.name, self.dialect.encoding
        if self.rows.utf8:
            rows = "row is" if self.rows.utf8 == 1 else "rows are"
            yield f"{name}: {self.rows.utf8} {rows} UTF-8, the others {encoding}; each was read as what it is"
        if self.rows.twice:
            rows = "row looks" if self.rows.twice == 1 else "rows look"
            yield f"{name}: {self.rows.twice} {rows} as if its letters had been encoded twice; look at how it was made"

    def describe(self) -> str:
        """One line for the operator: dialect, layout, columns, and what nothing is taken from."""
        header = self.header
        rest = [*header.ignored, *header.unused]
        said = f"{self.look.path.name}: {self.dialect}, layout {header.layout.name}, {_columns(header.columns)}"
        return said + (f", {len(rest)} ignored: {listed(rest)}" if rest else "")


class _Checked:
    """The rows of a file for as long as it stays the file that was looked at."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def __enter__(self) -> Iterator[Row]:
        opened = self._opened
        self._text = opened.dialect.open(opened.look.path)
        self._unchanged()
        rows = opened.rows = Rows(self._text, opened.dialect)
        rows.header()
        return self._all(rows)

    def _all(self, rows: Rows) -> Iterator[Row]:
        yield from rows.rows(len(self._opened.header.columns))
        self._unchanged()

    def _unchanged(self) -> None:
        look = self._opened.look
        size, written, _, inode = stamp(self._text.buffer)
        if (size, written, inode) != (look.stamp[0], look.stamp[1], look.stamp[3]):
            raise changed(look.path)

    def __exit__(self, *_: object) -> None:
        self._text.close()


def open_look(look: Look, settings: CsvSettings, terms: Terms, *, prefix: str = "") -> Opened:
    """Detect the dialect and understand the header. Misconfigured when the header cannot be used."""
    dialect = detect(look, settings)
    with closing(dialect.open(look.path)) as text:
        try:
            columns = Rows(text, dialect).header()
        except RecordRejected as error:
            raise Misconfigured(
                f"the header of {look.path.name} cannot be read: {error.message}", hint="Mend its first line."
            ) from error
    if columns is None:
        raise empty(look.path)
    return Opened(
        look,
        dialect,
        understand(look.path.name, [storable(column) for column in columns], settings, edits=terms.edits),
        settings,
        terms,
        prefix,
    )


def _columns(columns: Sequence[str]) -> str:
    return f"{len(columns)} {'column' if len(columns) == 1 else 'columns'}"


def _key(persons: PersonPlan, cells: list[str]) -> str | None:
    try:
        return persons.identify(cells)
    except RecordRejected:
        return None
