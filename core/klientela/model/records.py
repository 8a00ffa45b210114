"""Records as sources speak of them: what a plugin yields and what a claim stores.

A field is **absent** (`UNSET`, the default: this payload says nothing about it), **cleared** (`None`) or a value
(R0b): a partial payload never wipes what it does not carry. Values are the source's own words, untouched (R15);
keys and sort forms are made from them by the rules. Times are instants (microseconds, UTC), money integer minor units.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from klientela.model.instants import Instant

RICHEST = 2**53
"""The largest amount of money, in minor units: what JSON numbers hold exactly everywhere."""
FARTHEST = 253_402_300_800_000_000
"""Behind the last instant there is: the end of the year 9999. Before year 0 by as much."""

# what decoding checks by itself; constructing checks nothing
Id = Annotated[str, Meta(min_length=1, max_length=500)]
Time = Annotated[Instant, Meta(gt=-FARTHEST, lt=FARTHEST)]
Money = Annotated[int, Meta(ge=-RICHEST, le=RICHEST)]

Kind = Literal["account", "guest", "contact"]
"""A registered shop account, a guest, or a person of a source that knows no accounts (R13)."""

PersonEntity = Literal["customer", "contact", "manual", "guest_order"]
"""`guest_order` is made by the core from an order; sources yield the others."""

OrderState = Literal["open", "paid", "cancelled", "returned", "offer", "deleted", "void"]

ConsentChannel = Literal["email", "post", "sms", "phone", "whatsapp"]
ConsentPurpose = Literal["promotion", "system"]

LetterStatus = Literal["accepted", "validated", "printing", "sent", "failed"]
"""How far a letter is on its way; `sent` is printed, enveloped and posted (H5)."""

BookingStatus = Literal["requested", "booked", "cancelled", "done", "missed"]


class Address(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A postal address, chosen whole (R25). `street` may hold the house number; then `house_number` is None."""

    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    street: str | None = None
    house_number: str | None = None
    line2: str | None = None
    zip: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None  # ISO 3166-1 alpha-2 or a name in German, English, Polish
    phone: str | None = None
    kind: Literal["billing", "shipping", "letter"] | None = None


class Consent(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One explicit consent event (R43-R45). What was never answered is no event."""

    channel: ConsentChannel
    purpose: ConsentPurpose
    state: Literal["granted", "denied"]
    at: Time | None = None
    address: str | None = None  # the e-mail or phone it is about
    basis: Literal["shop", "import", "operator", "bulk"] = "shop"  # bulk: an operator, of many at once
    evidence: str | None = None
    lifts: tuple[str, ...] = ()  # an operator's alone: the objections without a time it answers (rules/objections.py)


class Number(Struct, frozen=True, omit_defaults=True, gc=False):
    """A customer number; `space` is its namespace, None = the source itself (R16)."""

    value: str
    space: str | None = None


class Person(Struct, kw_only=True, omit_defaults=True, gc=False):
    """A customer object of a source: account, guest or contact.

    `external_id` is the source's id; `version` its own time of last change (None: unversioned, R0a); `channel` the
    way the facts arrived (None: the stream's own; "embedded" for a person inside an order).
    """

    entity_default: ClassVar[str] = "customer"

    external_id: Id
    version: Time | None = None
    channel: str | None = None
    entity: PersonEntity = "customer"
    kind: Kind | UnsetType = UNSET
    created_at: Time | None | UnsetType = UNSET
    first_name: str | None | UnsetType = UNSET
    last_name: str | None | UnsetType = UNSET
    company: str | None | UnsetType = UNSET
    email: str | None | UnsetType = UNSET
    email_verified: bool | UnsetType = UNSET
    emails: list[str] | UnsetType = UNSET  # further ones
    phone: str | None | UnsetType = UNSET
    phones: list[str] | UnsetType = UNSET  # further ones
    addresses: list[Address] | UnsetType = UNSET  # the first is the primary one
    numbers: list[Number] | UnsetType = UNSET
    crm_id: str | None | UnsetType = UNSET
    birthday: str | None | UnsetType = UNSET
    locale: str | None | UnsetType = UNSET
    note: str | None | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    modules: list[str] | UnsetType = UNSET
    consents: list[Consent] | UnsetType = UNSET
    merged_into: str | None | UnsetType = UNSET  # external id of the customer that survived upstream (R18, M5)
    # only operators say these (rules/hand.py); staging refuses them from a source
    pinned: list[str] | UnsetType = UNSET  # units whose value here wins over every other record's (R27, R38)
    inactive: bool | UnsetType = UNSET  # R42
    billing: Address | None | UnsetType = UNSET  # instead of the first address of that kind; None: there is none
    shipping: Address | None | UnsetType = UNSET


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One line of an order or checkout; money in minor units of the order's currency."""

    title: str | None = None
    sku: str | None = None
    quantity: int | float = 1
    unit_price: Money | None = None
    total: Money | None = None


class Origin(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Where an order was placed, for carriers that pass on orders of another platform (R29)."""

    platform: str
    shop: str
    id: str | None = None
    name: str | None = None


class Order(Struct, kw_only=True, omit_defaults=True, gc=False):
    """One order as one source carries it (a *carrier*, R29).

    `customer` names the buyer's person record of the same source by external id. `guest` tells whether it was placed
    logged out: True, False, or UNSET when only the buyer's account state tells (R13). The contact fields are the
    order's own; they make the guest row under `per_order` (R6).
    """

    entity_default: ClassVar[str] = "order"

    external_id: Id
    version: Time | None = None
    channel: str | None = None
    number: str | None | UnsetType = UNSET
    customer: str | None | UnsetType = UNSET
    guest: bool | UnsetType = UNSET
    kind: Kind | UnsetType = UNSET  # what the row of a customer-less order is; default guest
    first_name: str | None | UnsetType = UNSET
    last_name: str | None | UnsetType = UNSET
    company: str | None | UnsetType = UNSET
    email: str | None | UnsetType = UNSET
    phone: str | None | UnsetType = UNSET
    addresses: list[Address] | UnsetType = UNSET
    placed_at: Time | None | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    total: Money | UnsetType = UNSET  # what the buyer paid: tax and shipping in, discounts out (R30)
    refunded: Money | UnsetType = UNSET
    current_total: Money | None | UnsetType = UNSET  # after returns and edits, where the source has it
    state: OrderState | UnsetType = UNSET
    test: bool | UnsetType = UNSET
    lines: list[Line] | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    checkout_token: str | None | UnsetType = UNSET
    origin: Origin | None | UnsetType = UNSET
    cancels: str | None | UnsetType = UNSET  # external id of the order this one cancels (R29b)
    credits: str | None | UnsetType = UNSET  # external id of the order this credit note refunds (R29b)
    placed_as: str | None | UnsetType = UNSET  # the key under which it was placed here for a customer (S19)
    erased: bool | UnsetType = UNSET  # its person was erased: nobody tells whose it was, whoever passes it on (R56)
    # only operators say these (rules/orderhand.py); staging refuses them from a source
    pinned: list[str] | UnsetType = UNSET  # units whose value here wins over every other carrier's (R27, R38)
    billing: Address | None | UnsetType = UNSET  # instead of the first address of that kind; None: there is none
    shipping: Address | None | UnsetType = UNSET


class Checkout(Struct, kw_only=True, omit_defaults=True, gc=False):
    """An abandoned or recovered checkout (R32); it never counts in any figure."""

    entity_default: ClassVar[str] = "checkout"

    external_id: Id
    version: Time | None = None
    channel: str | None = None
    customer: str | None | UnsetType = UNSET
    email: str | None | UnsetType = UNSET
    at: Time | None | UnsetType = UNSET  # when it was abandoned
    completed_at: Time | None | UnsetType = UNSET  # set: recovered
    currency: str | UnsetType = UNSET
    value: Money | UnsetType = UNSET
    lines: list[Line] | UnsetType = UNSET
    token: str | None | UnsetType = UNSET
    order: str | None | UnsetType = UNSET  # external id of the order, where the source says it


class RecordRef(Struct, frozen=True, omit_defaults=True, gc=False):
    """A record of any source: its source by any name it ever had, what object it is there, and its id there."""

    source: Annotated[str, Meta(min_length=1, max_length=200)]
    entity: Annotated[str, Meta(min_length=1, max_length=50)]
    external_id: Id


Ref = RecordRef | Id
"""A plain id means an object of the same source: a customer where a customer is meant, a letter where a letter is."""


class File(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A file that belongs to a record. A source gives its bytes as `content`; what is kept of the record names them by
    `sha256` (hex) and `size`, and the bytes are stored once, however many records carry them.

    Without `content` it is a file the store has already, by its `sha256`.
    """

    type: Annotated[str, Meta(pattern=r"^[a-z0-9.+-]+/[a-z0-9.+-]+$", max_length=100)] = "application/pdf"  # media type
    name: Annotated[str, Meta(max_length=255)] | None = None
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")] | None = None
    size: Annotated[int, Meta(ge=0)] | None = None
    content: bytes | None = None

    def __repr__(self) -> str:
        return f"File({self.name!r}, {self.type}, {self.size if self.content is None else len(self.content)} bytes)"


class Campaign(Struct, kw_only=True, omit_defaults=True, gc=False):
    """What letters and messages were sent for."""

    entity_default: ClassVar[str] = "campaign"

    external_id: Id
    version: Time | None = None
    channel: str | None = None
    title: str | None | UnsetType = UNSET
    at: Time | None | UnsetType = UNSET  # when it began
    until: Time | None | UnsetType = UNSET
    note: str | None | UnsetType = UNSET


class Letter(Struct, kw_only=True, omit_defaults=True, gc=False):
    """A letter to a customer, with the very file that was sent (B12, B13)."""

    entity_default: ClassVar[str] = "letter"

    external_id: Id
    version: Time | None = None
    channel: str | None = None
    customer: Ref | None | UnsetType = UNSET
    campaign: Ref | None | UnsetType = UNSET
    order: Ref | None | UnsetType = UNSET  # the order it is about
    title: str | None | UnsetType = UNSET
    status: LetterStatus | None | UnsetType = UNSET
    error: str | None | UnsetType = UNSET  # what went wrong, in the words of whoever sends letters
    sent_at: Time | None | UnsetType = UNSET
    address: Address | None | UnsetType = UNSET  # where it was sent
    url: str | None | UnsetType = UNSET  # where the code on it leads
    file: File | None | UnsetType = UNSET


class Scan(Struct, kw_only=True, omit_defaults=True, gc=False):
    """Somebody scanned the code on a letter (A18). Whose scan it is hangs on the letter; `customer` says it where no
    letter does."""

    entity_default: ClassVar[str] = "scan"

    external_id: Id
    version: Time | None = None
    channel: str | None = None
    letter: Ref | None | UnsetType = UNSET
    customer: Ref | None | UnsetType = UNSET
    at: Time | None | UnsetType = UNSET
    url: str | None | UnsetType = UNSET  # where the code led


class Message(Struct, kw_only=True, omit_defaults=True, gc=False):
    """An e-mail, text message or call with a customer. (`channel` is, as everywhere, how we came to know of it.)"""

    entity_default: ClassVar[str] = "message"

    external_id: Id
    version: Time | None = None
    channel: str | None = None
    customer: Ref | None | UnsetType = UNSET
    campaign: Ref | None | UnsetType = UNSET
    order: Ref | None | UnsetType = UNSET
    by: ConsentChannel | UnsetType = UNSET
    direction: Literal["out", "in"] | UnsetType = UNSET  # from the shop, or to it
    address: str | None | UnsetType = UNSET  # the e-mail address or number it went to or came from
    subject: str | None | UnsetType = UNSET
    text: str | None | UnsetType = UNSET
    status: str | None | UnsetType = UNSET  # in the source's own words; of those sent from here flow/sending.py's
    at: Time | None | UnsetType = UNSET
    # of those sent from here
    purpose: Literal["promotion", "system", "contract"] | None | UnsetType = UNSET
    language: Literal["de", "en", "pl"] | None | UnsetType = UNSET
    error: str | None | UnsetType = UNSET  # why it was not sent, in the words of the mail server


class Booking(Struct, kw_only=True, omit_defaults=True, gc=False):
    """An appointment, course or table that a customer booked."""

    entity_default: ClassVar[str] = "booking"

    external_id: Id
    version: Time | None = None
    channel: str | None = None
    customer: Ref | None | UnsetType = UNSET
    order: Ref | None | UnsetType = UNSET  # the order it was paid with
    title: str | None | UnsetType = UNSET
    status: BookingStatus | None | UnsetType = UNSET
    booked_at: Time | None | UnsetType = UNSET
    starts_at: Time | None | UnsetType = UNSET
    ends_at: Time | None | UnsetType = UNSET
    place: str | None | UnsetType = UNSET
    people: Annotated[int, Meta(ge=0, le=1_000_000)] | None | UnsetType = UNSET
    note: str | None | UnsetType = UNSET


Thing = Letter | Campaign | Scan | Message | Booking
"""What hangs on customers and decides nothing about who they are."""


class Gone(Struct, frozen=True, kw_only=True):
    """An object that was deleted at the source (R0c, R57): its record keeps its values and gets a flag."""

    entity: str
    external_id: Id
    at: Time | None = None


class Redact(Struct, frozen=True, kw_only=True):
    """The shop passes on what a person asked for (R57): to be erased with the orders named, or to be given a copy of
    what is known (`disclosure`). External ids of the source; `customer` None: everything of the shop.

    A person's erasure is carried out when the message is applied; a copy, and the end of a whole shop, wait for an
    operator.
    """

    customer: str | None
    orders: list[str] = []
    at: Time | None = None
    wants: Literal["erasure", "disclosure"] = "erasure"


class Rejected(Struct, frozen=True, kw_only=True):
    """Something that came and cannot be taken; it is kept in the quarantine with the reason."""

    reason: str
    key: str | None = None
    payload: str = ""
    line: int | None = None
    column: str | None = None


Record = Person | Order | Checkout | Letter | Campaign | Scan | Message | Booking | Gone | Rejected
