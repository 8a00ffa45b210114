"""A source for the yardstick's page server, written with the public kit only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import msgspec

from klientela.kit import (
    Address,
    Capabilities,
    Http,
    Line,
    Order,
    Page,
    Person,
    Position,
    Source,
    SourceSettings,
    Stream,
    Window,
    instant,
    iso,
    minor,
    page,
)


class Customer(msgspec.Struct):
    """A row of /customers."""

    id: int
    email: str
    first_name: str
    last_name: str
    phone: str
    company: str | None
    city: str
    country: str
    state: str
    tags: list[str]
    created_at: str
    updated_at: str


class Item(msgspec.Struct):
    """A line of an order."""

    sku: str
    title: str
    quantity: int
    price: str


class Bought(msgspec.Struct):
    """A row of /orders."""

    id: int
    customer_id: int
    name: str
    currency: str
    total_price: str
    financial_status: str
    email: str
    test: bool
    created_at: str
    updated_at: str
    line_items: list[Item]


class Answer(msgspec.Struct):
    """One page; its items stay raw, so that what came is kept as it came."""

    items: list[msgspec.Raw]
    next_page: int | None


_ANSWER = msgspec.json.Decoder(Answer).decode
_CUSTOMER = msgspec.json.Decoder(Customer).decode
_BOUGHT = msgspec.json.Decoder(Bought).decode


class PageServer(Source):
    """Customers and orders, 250 a page, by `updated_since`."""

    type = "pages"
    title = "Page server"
    capabilities: ClassVar[Capabilities] = Capabilities(accounts=True, orders=True, test_orders=True)

    class Settings(SourceSettings):
        """Where it listens."""

        base_url: str

    def streams(self) -> Sequence[Stream]:
        self.http = Http(self.settings.base_url, stop=self.stop)
        return [
            Stream("customers", lambda w, p: self._read("customers", w, p, customer)),
            Stream("orders", lambda w, p: self._read("orders", w, p, order), entity="order"),
        ]

    def _read(self, kind: str, window: Window, position: Position, translate: object) -> Iterator[Page]:
        number = position or 1
        while number:
            params = {"page": number, "limit": 250}
            if window.since is not None:
                params["updated_since"] = iso(window.since)
            answer = _ANSWER(self.http.get(f"/{kind}", params=params).content)
            number = answer.next_page
            yield page(answer.items, translate, number, raw=bytes)  # type: ignore[arg-type]

    def close(self) -> None:
        self.http.close()


def customer(raw: msgspec.Raw) -> Person:
    """A row of /customers; `guest` rows are guests without account."""
    row = _CUSTOMER(raw)
    return Person(
        external_id=str(row.id),
        version=instant(row.updated_at),
        kind="account" if row.state == "enabled" else "guest",
        created_at=instant(row.created_at),
        first_name=row.first_name,
        last_name=row.last_name,
        company=row.company,
        email=row.email,
        phone=row.phone,
        addresses=[Address(city=row.city, country=row.country)],
        tags=row.tags,
    )


def order(raw: msgspec.Raw) -> Order:
    """A row of /orders."""
    row = _BOUGHT(raw)
    currency = row.currency
    total = minor(row.total_price, currency)
    return Order(
        external_id=str(row.id),
        version=instant(row.updated_at),
        number=row.name,
        customer=str(row.customer_id),
        email=row.email,
        placed_at=instant(row.created_at),
        currency=currency,
        total=total,
        refunded=total if row.financial_status == "refunded" else 0,
        state="returned" if row.financial_status == "refunded" else "paid",
        test=row.test,
        lines=[
            Line(
                title=x.title,
                sku=x.sku,
                quantity=x.quantity,
                unit_price=(price := minor(x.price, currency)),
                total=price * x.quantity,
            )
            for x in row.line_items
        ],
    )
