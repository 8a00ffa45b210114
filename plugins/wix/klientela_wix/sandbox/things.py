"""What a pretend site holds: contacts, members, orders and checkouts as they truly are, whatever it shows of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from klientela.kit import Instant


@dataclass(slots=True, kw_only=True)
class Address:
    """A postal address as Wix keeps it; `number` only where the street came in two parts."""

    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    phone: str | None = None
    street: str | None = None
    number: str | None = None
    line2: str | None = None
    zip: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None
    tag: str = "UNTAGGED"


@dataclass(slots=True, kw_only=True)
class Line:
    """One line of an order or checkout; money in minor units."""

    title: str = "Artikel"
    sku: str | None = None
    quantity: int = 1
    price: int = 0
    discount: int = 0

    @property
    def total(self) -> int:
        """What the line costs after its discount."""
        return self.price * self.quantity - self.discount


@dataclass(slots=True, kw_only=True)
class Thing:
    """What every listed object has. `indexed` is the time of change that its list knows; None: not listed yet."""

    id: str
    created_at: Instant
    updated_at: Instant
    indexed: Instant | None = None


@dataclass(slots=True, kw_only=True)
class Contact(Thing):
    """A contact: somebody the site has heard of, by whatever way. `phone` is in E.164."""

    revision: int = 1
    source: str = "ADMIN"
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    email: str | None = None
    more_emails: list[str] = field(default_factory=list)
    email_consent: str = "NOT_SET"
    phone: str | None = None
    more_phones: list[str] = field(default_factory=list)
    phone_consent: str = "NO_SUBSCRIPTION_STATUS"
    addresses: list[Address] = field(default_factory=list)
    birthdate: str | None = None
    locale: str | None = "de-de"
    labels: list[str] = field(default_factory=list)
    activity: str = "GENERAL"


@dataclass(slots=True, kw_only=True)
class Member(Thing):
    """A membership of a contact."""

    contact: str
    login_email: str
    verified: bool = True
    status: str = "APPROVED"


@dataclass(slots=True, kw_only=True)
class Order(Thing):
    """An order. `member` or `visitor` says who was there; neither: the merchant made it."""

    number: int
    purchased_at: Instant
    contact: str | None = None
    member: str | None = None
    visitor: str | None = None
    email: str | None = None
    status: str = "APPROVED"
    payment: str | None = None  # as set by hand; None: it follows from what was paid back
    fulfillment: str = "NOT_FULFILLED"
    channel: str = "WEB"
    external_id: str | None = None  # what it is called where it came from
    currency: str = "EUR"
    total: int = 0
    discount: int = 0  # of the whole order, beside those of its lines
    refunded: int = 0
    lines: list[Line] = field(default_factory=list)
    billing: Address | None = None
    recipient: Address | None = None
    checkout_id: str | None = None
    demo: bool = False
    language: str = "de"
    archived: bool = False

    @property
    def payment_status(self) -> str:
        """paymentStatus."""
        if self.payment is not None:
            return self.payment
        if self.refunded >= self.total > 0:
            return "FULLY_REFUNDED"
        return "PARTIALLY_REFUNDED" if self.refunded else "PAID"


@dataclass(slots=True, kw_only=True)
class Checkout(Thing):
    """An abandoned checkout; recovered once `recovered_at` is set. `checkout_id` is also in its order."""

    checkout_id: str
    contact: str | None = None
    member: str | None = None
    visitor: str | None = None
    email: str | None = None
    recovered_at: Instant | None = None
    currency: str = "EUR"
    total: int = 0
    lines: list[Line] = field(default_factory=list)


@dataclass(slots=True, frozen=True, kw_only=True)
class Message:
    """A webhook that the site wants to send: its topic and the innermost layer."""

    topic: str
    inner: dict[str, object]
