"""What a pretend account holds: customers, orders, events and shops as they truly are, whatever it shows of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from klientela.kit import Instant

ORDERED, PAID, SHIPPED, DELETED, CLOSED, CANCELLED, ARCHIVED, OFFERED = 1, 3, 4, 6, 7, 8, 9, 14
"""States of an order."""

PAYPAL, TEST_PAYMENT = 3, 42
"""Kinds of payment."""

ORDER_DELETED, CUSTOMERS_JOINED, ORDER_CANCELED = 5, 16, 24
"""Kinds of events."""


@dataclass(slots=True, kw_only=True)
class Store:
    """A shop that is connected with the account."""

    id: int
    name: str
    platform: str


@dataclass(slots=True, kw_only=True)
class Address:
    """A postal address; street and house number are apart. `kind` 1 is for invoices, 2 for parcels."""

    id: int = 0
    kind: int = 1
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    addition: str | None = None
    street: str | None = None
    number: str | None = None
    zip: str | None = None
    city: str | None = None
    country: str | None = None
    phone: str | None = None
    email: str | None = None
    archived_at: Instant | None = None


@dataclass(slots=True, kw_only=True)
class Customer:
    """A customer object. It has no times; its name is one line, first and last name are only in addresses."""

    id: int
    number: int
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    business: bool = False
    email: str | None = None
    phone: str | None = None
    phone2: str | None = None
    addresses: list[Address] = field(default_factory=list)

    @property
    def name(self) -> str | None:
        """What the account shows."""
        if self.business and self.company:
            return self.company
        return " ".join(part for part in (self.first_name, self.last_name) if part) or None


@dataclass(slots=True, kw_only=True)
class Item:
    """One item of an order. Money in minor units; `rebate` is taken off the price of all pieces."""

    id: int = 0
    title: str = "Artikel"
    sku: str | None = None
    quantity: int = 1
    price: int = 0
    rebate: int = 0
    coupon: bool = False

    @property
    def total(self) -> int:
        """What all pieces cost."""
        return self.price * self.quantity - self.rebate


@dataclass(slots=True, kw_only=True)
class Order:
    """An order. `ident` and `number` are the shop's, `id` is the account's; `store` is None for one made in Billbee.

    `order_email` and `buyer` are what the shop's platform hands out: a relay address, an id of the buyer's.
    """

    id: int
    number: str
    created_at: Instant
    modified_at: Instant
    ident: str | None = None
    store: int | None = None
    customer: int | None = None
    buyer: str | None = None
    order_email: str | None = None
    state: int = ORDERED
    payment: int = PAYPAL
    currency: str = "EUR"
    items: list[Item] = field(default_factory=list)
    shipping_cost: int = 0
    billing: Address | None = None
    shipping: Address | None = None
    paid_at: Instant | None = None
    cancels: str | None = None
    tags: list[str] = field(default_factory=list)
    note: str | None = None

    @property
    def total(self) -> int:
        """What the buyer pays."""
        return sum(item.total for item in self.items) + self.shipping_cost

    @property
    def is_test(self) -> bool:
        """Paid with the payment for tests."""
        return self.payment == TEST_PAYMENT


@dataclass(slots=True, kw_only=True)
class Event:
    """Something that happened: of which kind, when and with which order."""

    id: int
    at: Instant
    kind: int
    order: int | None = None
