"""Reads a header line: which column is which field, what is ignored, and what is wrong with it (R47, R48)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from klientela.kit import Misconfigured
from klientela_csv.fields import (
    EXPORTED,
    FURTHER_EMAILS,
    FURTHER_PHONES,
    LINES,
    ORDER_KEYS,
    ORDER_ONLY,
    OUR_ERROR,
    OUR_ID,
    SOMEBODY,
)
from klientela_csv.layouts import OURS, Layout, fold, recognise
from klientela_csv.sample import SAMPLE
from klientela_csv.settings import CsvSettings


@dataclass(frozen=True, slots=True)
class Header:
    """A header line understood.

    columns  the headers as they are written
    fields   our field -> index of its column
    ours     klientela_id and klientela_error -> index, where the file has them
    unused   headers we know and take nothing from
    ignored  headers we do not know
    """

    columns: Sequence[str]
    fields: dict[str, int]
    ours: dict[str, int]
    unused: Sequence[str]
    ignored: Sequence[str]
    layout: Layout

    @property
    def orders(self) -> bool:
        """Whether the rows are (also) orders."""
        return any(key in self.fields for key in ORDER_KEYS)

    @property
    def lines(self) -> bool:
        """Whether several rows may be the lines of one order."""
        return self.orders and any(field in self.fields for field in LINES)

    def name(self, field: str) -> str:
        """The header of a field, for saying where something is wrong."""
        return self.columns[self.fields[field]]


def understand(file: str, columns: Sequence[str], settings: CsvSettings, *, edits: bool = False) -> Header:
    """Bind the columns of `file` to our fields. Misconfigured, and nothing is read, when that cannot be done.

    `edits`: its rows may be edits (R51). Where they are, what the settings map may be missing, for an export has our own
    headers; a mapped column that is there means what the settings say.
    """
    columns = [column.strip().lstrip("\ufeff") for column in columns]
    if any("@" in column for column in columns):
        # said without quoting: these are somebody's data
        raise Misconfigured(
            f"{file} has no header line: its first line holds values",
            hint=f"Put the names of the columns into the first line, for example {', '.join(list(SAMPLE)[:5])}.",
        )
    layout = recognise(columns)
    ours = {key: i for i, column in enumerate(columns) for key in (OUR_ID, OUR_ERROR) if fold(column) == fold(key)}
    if settings.headers == "strict":
        _demand_sample(file, columns, settings, export=edits and OUR_ID in ours)
    fields = _by_layout(columns, layout)
    mapped = settings.columns
    if edits and OUR_ID in ours:
        mapped = {field: header for field, header in mapped.items() if _place(columns, header) is not None}
    _by_settings(file, columns, mapped, fields)
    _settle(fields)
    _demand_somebody(file, columns, fields, mapped, ours=edits and OUR_ID in ours)
    taken = {*fields.values(), *ours.values()}
    rest = [column for i, column in enumerate(columns) if i not in taken]
    unused = [column for column in rest if fold(column) in layout.unused]
    ignored = [column for column in rest if fold(column) not in layout.unused]
    return Header(columns, fields, ours, unused, ignored, layout)


def _by_layout(columns: Sequence[str], layout: Layout) -> dict[str, int]:
    fields: dict[str, int] = {}
    for i, column in enumerate(columns):
        name = layout.columns.get(fold(column))
        if name is not None:
            fields.setdefault(name, i)  # of two columns for one field the first holds, the other is reported
    for i, column in enumerate(columns):
        name = layout.instead.get(fold(column))
        if name is not None:
            fields.setdefault(name, i)
    return fields


def _by_settings(file: str, columns: Sequence[str], mapped: Mapping[str, str], fields: dict[str, int]) -> None:
    """The operator's word on a column outranks ours: the column is what he says, and only that."""
    chosen = {field: _find(file, columns, field, header) for field, header in mapped.items()}
    for field, i in list(fields.items()):
        if i in chosen.values():
            del fields[field]
    fields.update(chosen)


def _find(file: str, columns: Sequence[str], field: str, header: str) -> int:
    place = _place(columns, header)
    if place is not None:
        return place
    raise Misconfigured(
        f"columns.{field} names the column {header!r}, which {file} does not have",
        hint=f"It has: {listed(columns)}.",
    )


def _place(columns: Sequence[str], header: str) -> int | None:
    """The index of a header: as written, else whatever its case, else by its folded form."""
    for form in (str.strip, lambda text: text.strip().casefold(), fold):
        for i, column in enumerate(columns):
            if form(column) == form(header):
                return i
    return None


def _settle(fields: dict[str, int]) -> None:
    """What a column means may depend on the others."""
    if "name" in fields and "first_name" in fields and "last_name" not in fields:
        fields["last_name"] = fields.pop("name")  # German: Vorname, Name
    for main, further in (("email", FURTHER_EMAILS), ("phone", FURTHER_PHONES)):
        spare = next((name for name in further if name in fields), None)
        if main not in fields and spare is not None:
            fields[main] = fields.pop(spare)  # only a mobile phone: then it is the phone
    if "order_id" not in fields and "order_number" not in fields:
        for field in ORDER_ONLY:
            fields.pop(field, None)  # a status or a date without an order is something else


def _demand_sample(file: str, columns: Sequence[str], settings: CsvSettings, *, export: bool) -> None:
    """R47: the header set equals the sample's, whatever the case and the order; of an `export` of ours that comes back
    (R51) it is what its view shows, and some of the sample."""
    renamed = {header for header, field in SAMPLE.items() if field in settings.columns}
    wanted = [*(header for header in SAMPLE if header not in renamed), *settings.columns.values()]
    expected = {header.strip().casefold() for header in wanted}
    present = {column.casefold() for column in columns}
    unknown = [c for c in columns if c.casefold() not in expected and fold(c) not in OURS]
    if export:
        unknown = [c for c in unknown if c.casefold() not in EXPORTED]
        wanted = []
    missing = [header for header in wanted if header.strip().casefold() not in present]
    if unknown:
        raise Misconfigured(
            f"{file} has the unknown column{_s(unknown)} {listed(unknown)}, so nothing of it was read",
            hint='Remove it, or set headers = "lenient" to have unknown columns ignored.',
        )
    if missing:
        raise Misconfigured(
            f"{file} lacks the column{_s(missing)} {listed(missing)} of the sample, so nothing of it was read",
            hint='Add it (it may be empty), or set headers = "lenient".',
        )
    if len(present) < len(columns):
        raise Misconfigured(f"{file} has a column twice", hint="Every header of the sample stands there once.")


def _demand_somebody(
    file: str, columns: Sequence[str], fields: dict[str, int], mapped: Mapping[str, str], *, ours: bool
) -> None:
    """Something must say who a customer is; our own id does for who we have (`ours`), beside a field to edit (R51)."""
    without_order = [name for name in mapped if name in ORDER_ONLY and name not in fields]
    if without_order:
        raise Misconfigured(
            f"columns.{without_order[0]} is about orders, but no column of {file} is an order id or an order number",
            hint="Name it as columns.order_id or columns.order_number.",
        )
    if not (any(name in fields for name in SOMEBODY) or (ours and fields)):
        raise Misconfigured(
            f"{file} has the columns {listed(columns)}; none of them says who a customer is",
            hint="Needed is an id, a customer number, an e-mail, a phone, a name or an order id: name its column "
            'under [sources.….columns], for example email = "their header".',
        )


def listed(columns: Sequence[str], most: int = 12) -> str:
    """Headers for a sentence, the first `most` of them."""
    shown = [column[:40] or "(no name)" for column in columns[:most]]
    return ", ".join(shown) + (f" and {len(columns) - most} more" if len(columns) > most else "")


def _s(items: Sequence[str]) -> str:
    return "s" if len(items) > 1 else ""
