"""What a pretend shop holds: customers, orders and checkouts as they truly are, whatever it shows of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from klientela.kit import Instant

COUNTRIES = {"DE": "Germany", "AT": "Austria", "CH": "Switzerland", "PL": "Poland", "BE": "Belgium", "FR": "France"}


@dataclass(slots=True, kw_only=True)
class Address:
    """A postal address as Shopify keeps it: street and number in one line, country as ISO code."""

    id: int = 0
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    zip: str | None = None
    city: str | None = None
    province: str | None = None
    country: str | None = None
    phone: str | None = None


@dataclass(slots=True, kw_only=True)
class Line:
    """One line of an order or checkout. Money in minor units; `total` is what it costs after discounts."""

    id: int = 0
    title: str = "Artikel"
    variant: str | None = None
    sku: str | None = None
    quantity: int = 1
    price: int = 0
    total: int | None = None

    @property
    def discounted(self) -> int:
        """The line's total after discounts."""
        return self.price * self.quantity if self.total is None else self.total


@dataclass(slots=True, kw_only=True)
class Refund:
    """Money that went back."""

    id: int
    at: Instant
    amount: int
    note: str | None = None


@dataclass(slots=True, kw_only=True)
class Thing:
    """What every listed object has. `indexed` is the `updated_at` that the search index knows; None: not listed yet."""

    id: int
    created_at: Instant
    updated_at: Instant
    indexed: Instant | None = None


@dataclass(slots=True, kw_only=True)
class Customer(Thing):
    """A customer object: account (ENABLED), guest or newsletter reader (DISABLED), INVITED or DECLINED."""

    state: str = "DISABLED"
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    verified_email: bool = True
    email_consent: str = "NOT_SUBSCRIBED"
    email_consent_at: Instant | None = None
    phone: str | None = None
    sms_consent: str = "NOT_SUBSCRIBED"
    sms_consent_at: Instant | None = None
    whatsapp_consent: str = "NEVER_SUBSCRIBED"
    whatsapp_consent_at: Instant | None = None
    addresses: list[Address] = field(default_factory=list)
    default_address: int = 0  # which of the addresses; the shop does not always list it first
    locale: str = "de"
    note: str | None = None
    tags: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What the shop shows: the name, else e-mail, else phone."""
        full = " ".join(part for part in (self.first_name, self.last_name) if part)
        return full or self.email or self.phone or ""


@dataclass(slots=True, kw_only=True)
class Order(Thing):
    """An order. `customer` is None for a guest checkout, the point of sale and some drafts."""

    number: int
    name: str
    processed_at: Instant
    customer: int | None = None
    email: str | None = None
    phone: str | None = None
    billing: Address | None = None
    shipping: Address | None = None
    currency: str = "EUR"
    total: int = 0
    refunds: list[Refund] = field(default_factory=list)
    financial: str | None = None  # the payment as set by hand; None: it follows from refunds
    fulfillment: str = "UNFULFILLED"
    cancelled_at: Instant | None = None
    cancel_reason: str | None = None
    test: bool = False
    source: str | None = "web"
    lines: list[Line] = field(default_factory=list)
    note: str | None = None
    tags: list[str] = field(default_factory=list)
    checkout_token: str | None = None
    locale: str | None = "de"

    @property
    def refunded(self) -> int:
        """The sum of all refunds."""
        return sum(refund.amount for refund in self.refunds)

    @property
    def current_total(self) -> int:
        """What is left after returns; nothing after a cancellation."""
        return 0 if self.cancelled_at is not None else max(0, self.total - self.refunded)

    @property
    def status(self) -> str:
        """displayFinancialStatus."""
        if self.financial is not None:
            return self.financial
        if self.refunded >= self.total > 0:
            return "REFUNDED"
        return "PARTIALLY_REFUNDED" if self.refunded else "PAID"


@dataclass(slots=True, kw_only=True)
class Checkout(Thing):
    """An abandoned checkout; recovered once `completed_at` is set."""

    token: str
    customer: int | None = None
    completed_at: Instant | None = None
    currency: str = "EUR"
    total: int = 0
    lines: list[Line] = field(default_factory=list)
    billing: Address | None = None
    shipping: Address | None = None
    note: str = ""
