"""Turns the rows of an order into an order, and finds out which rows belong to one.

Shopify writes one row for each line item and the order's own fields into the first of them only; edited files leave
the order's name out of the others as well. In files without columns for line items every row is an order of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from klientela.kit import Line, Order, Person, RecordRejected, minor
from klientela_csv import cells as read
from klientela_csv.fields import LINES
from klientela_csv.header import Header
from klientela_csv.persons import LONGEST_ID, Cells, PersonPlan, Terms, address_plans, filled, is_place
from klientela_csv.rows import Row

_ORPHAN = "the row goes on with an order whose first row, the one with the total, does not stand before it"


class Group:
    """The rows of one order, or a single row."""

    __slots__ = ("rows",)

    def __init__(self, row: Row) -> None:
        self.rows = [row]

    @property
    def text(self) -> str:
        """The rows as they stand in the file."""
        return "".join(row.text for row in self.rows)

    @property
    def trouble(self) -> tuple[str, int] | None:
        """The first reason why not all of it could be read, and where: half an order is a wrong order."""
        return next(((row.trouble, row.line) for row in self.rows if row.trouble), None)


def groups(rows: Iterable[Row], header: Header) -> Iterator[Group]:
    """The rows by order. Only rows that follow each other belong together."""
    if not header.lines:
        yield from map(Group, rows)
        return
    fields = header.fields
    at = fields.get("order_number", fields.get("order_id", 0))
    known: Group | None = None
    key = ("", "")
    uncut: list[Row] = []  # rows without cells: whose they are, the next row tells
    for row in rows:
        if row.trouble and at >= len(row.cells):
            uncut.append(row)
            continue
        own = _named(row, fields.get("order_number")), _named(row, fields.get("order_id"))
        if known is not None and _of_one(key, own, row, header):
            known.rows += [*uncut, row]
        else:
            if known is not None:
                yield known
            yield from map(Group, uncut)
            known, key = Group(row), own
        uncut.clear()
    if known is not None:
        yield known
    yield from map(Group, uncut)


def _named(row: Row, at: int | None) -> str:
    return row.cells[at].strip() if at is not None and at < len(row.cells) else ""


def _of_one(key: tuple[str, str], own: tuple[str, str], row: Row, header: Header) -> bool:
    """Whether a row is of the order before it, both by number and id. Rows that name no order are of nobody's: each is a
    person."""
    if own[0] or not any(key):
        return own[0] == key[0] != ""
    if own[1] and own[1] == key[1]:
        return True
    return not own[1] and _continues(row, header)


def _continues(row: Row, header: Header) -> bool:
    """Whether a row without order number is the next line of the order before it, not an order that lacks one."""
    cells, fields = row.cells, header.fields
    total = fields.get("total")
    has_line = any(name.startswith("line_") and i < len(cells) and cells[i].strip() for name, i in fields.items())
    return has_line and not (total is not None and total < len(cells) and cells[total].strip())


class OrderPlan:
    """Makes orders, and the persons beside them, from the groups of rows under one header."""

    def __init__(self, header: Header, terms: Terms, persons: PersonPlan, comma: bool | None) -> None:
        self._header = header
        self._fields = header.fields
        self._terms = terms
        self._persons = persons
        self._comma = comma
        self._addresses = address_plans(header)
        self._line_fields = [(name, header.fields[name]) for name in LINES if name in header.fields]
        # A row is somebody's by its own id or number, and an account's by its kind; else the order is all there is.
        self._owner = [header.fields[name] for name in ("external_id", "number") if name in header.fields]

    def identify_ragged(self, cells: Cells) -> str | None:
        """The id of an order that could not be cut, if it stands where ids stand."""
        return self.identify(cells) or self._persons.identify_ragged(cells)

    def identify(self, cells: Cells) -> str | None:
        """The order's external id: its id, else its number; None for a row without order."""
        for name in ("order_id", "order_number"):
            i = self._fields.get(name)
            if i is not None and i < len(cells) and (value := cells[i].strip()):
                return value
        return None

    def records(self, group: Group) -> list[Person | Order]:
        """What a group says: an order, its buyer where the row knows one, or only a person."""
        first = group.rows[0]
        cells = first.cells
        order_id = self.identify(cells)
        if order_id is None:
            if self._header.lines and _continues(first, self._header):
                raise RecordRejected(_ORPHAN)
            return [self._persons.person(cells, first.line)]
        if len(order_id) > LONGEST_ID:
            raise RecordRejected(f"the order id is longer than {LONGEST_ID} characters")
        try:
            read.whole_id(order_id)
        except ValueError as error:
            raise RecordRejected(f"the order id cannot be used: {error}") from None
        person = self._persons.person(cells, first.line)
        order = self._order(order_id, group, person)
        if person.kind == "account" or any(cells[i].strip() for i in self._owner):
            order.customer = person.external_id
            return [person, order]
        # Nobody but the order: the core makes the row from the order's contact fields. Without a mapped `kind` it is
        # neither an account's nor a guest's but a contact's (R13: such a file knows no accounts).
        order.kind = person.kind
        return [order]

    def _order(self, order_id: str, group: Group, person: Person) -> Order:
        cells = group.rows[0].cells
        money = self._currency(cells)
        order = Order(external_id=order_id, version=person.version, currency=money)
        if "kind" in self._fields and person.kind != "contact":
            order.guest = person.kind == "guest"
        if "order_number" in self._fields:
            order.number = filled(cells[self._fields["order_number"]])
        if "placed_at" in self._fields:
            order.placed_at = self._read("placed_at", cells, lambda cell: read.moment(cell, self._terms.zone))
        if "test" in self._fields:
            order.test = bool(self._read("test", cells, read.yes_no))
        if self._header.lines:
            order.lines = [line for row in group.rows if (line := self._line_of(row, money)) is not None]
        self._contact(order, cells, person)
        self._amounts(order, cells, money)
        return order

    def _contact(self, order: Order, cells: Cells, person: Person) -> None:
        """The buyer as this order names him."""
        order.first_name, order.last_name, order.company = person.first_name, person.last_name, person.company
        order.email, order.phone, order.tags = person.email, person.phone, person.tags
        addresses = [address for plan in self._addresses if (address := plan(cells)) is not None]
        if self._addresses:
            order.addresses = [address for address in addresses if is_place(address)]
        for address in addresses:  # Shopify's orders name the buyer in the addresses only
            if not order.first_name and not order.last_name and (address.first_name or address.last_name):
                order.first_name, order.last_name = address.first_name, address.last_name
            if not order.company and address.company:
                order.company = address.company
            if not order.phone and address.phone:
                order.phone = address.phone

    def _amounts(self, order: Order, cells: Cells, money: str) -> None:
        fields = self._fields
        state = self._read("status", cells, self._state) if "status" in fields else None
        if "cancelled_at" in fields and self._read(
            "cancelled_at", cells, lambda cell: read.moment(cell, self._terms.zone)
        ):
            state = "cancelled"
        if state is not None:
            order.state = state
        if "total" in fields:
            total = self._money("total", cells, money)
            if total is None:
                raise self._no("total", _ORPHAN if self._header.lines else "the order has no total")
            order.total = total
        refunded = self._money("refunded", cells, money) if "refunded" in fields else None
        if not refunded and isinstance(order.total, int) and self._refunded(cells):
            refunded = order.total  # a status alone says that all came back
        if refunded is not None:
            order.refunded = refunded

    def _refunded(self, cells: Cells) -> bool:
        i = self._fields.get("status")
        return i is not None and read.is_refunded(cells[i])

    def _state(self, cell: str) -> Any:
        """The vendor's list of states may grow: what Shopify adds is open; elsewhere an unknown word is a mistake."""
        try:
            return read.state(cell)
        except ValueError:
            if self._header.layout.open_states:
                return "open"
            raise

    def _line_of(self, row: Row, money: str) -> Line | None:
        try:
            return self._line(row, money)
        except RecordRejected as error:
            error.line = row.line  # not the order's first one
            raise

    def _line(self, row: Row, money: str) -> Line | None:
        cells = row.cells
        values = {name: cells[i] for name, i in self._line_fields}
        if not any(value.strip() for value in values.values()):
            return None
        quantity = (
            1
            if "line_quantity" not in values
            else self._read("line_quantity", cells, lambda cell: read.quantity(cell, self._comma))
        )
        price = self._money("line_price", cells, money) if "line_price" in values else None
        total = self._money("line_total", cells, money) if "line_total" in values else None
        if total is None and price is not None:
            total = round(price * quantity)
        return Line(
            title=filled(values.get("line_title", "")),
            sku=filled(values.get("line_sku", "")),
            quantity=quantity,
            unit_price=price,
            total=total,
        )

    def _currency(self, cells: Cells) -> str:
        """The order's currency: its column, else the sign beside the total, else the shop's."""
        if "currency" in self._fields:
            said: str | None = self._read("currency", cells, read.currency)
            if said:
                return said
        if "total" in self._fields:
            found = self._read("total", cells, lambda cell: read.amount(cell, self._comma))
            if found and found[1]:
                return str(found[1])
        return self._terms.currency

    def _money(self, field: str, cells: Cells, money: str) -> int | None:
        def parse(cell: str) -> int | None:
            found = read.amount(cell, self._comma)
            return None if found is None else minor(found[0], money)

        amount: int | None = self._read(field, cells, parse)
        return amount

    def _read(self, field: str, cells: Cells, parse: Any) -> Any:
        try:
            return parse(cells[self._fields[field]])
        except ValueError as error:
            raise self._no(field, str(error)) from None

    def _no(self, field: str, reason: str) -> RecordRejected:
        return RecordRejected(reason, column=self._header.name(field))
