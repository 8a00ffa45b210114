"""The things that may be pushed, as JSON: a field may be absent (nothing is said), null (cleared) or a value.

Text is kept as it comes. Times are ISO 8601; without an offset they are in the time zone of the source. Money is
decimal text ("12.34"), or `{"minor": 1234}` in the smallest unit of the currency; never a JSON number with a point.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Text = Annotated[str, StringConstraints(max_length=2_000)]
Long = Annotated[str, StringConstraints(max_length=100_000)]
Time = Annotated[
    str, StringConstraints(max_length=64), Field(description="ISO 8601", examples=["2026-05-14T11:23:45+02:00"])
]
Amount = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,13}(\.[0-9]{1,6})?$"), Field(examples=["12.34"])]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(examples=["EUR"])]


class Shape(BaseModel):
    """Base of all: unknown fields are mistakes, and nothing is converted behind anybody's back."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Minor(Shape):
    """An amount in the smallest unit of its currency."""

    minor: int = Field(ge=-(2**53), le=2**53)


Money = Amount | Minor


class AddressIn(Shape):
    """A postal address. The street may hold the house number."""

    first_name: Text | None = None
    last_name: Text | None = None
    company: Text | None = None
    street: Text | None = None
    house_number: Text | None = None
    line2: Text | None = None
    zip: Text | None = None
    city: Text | None = None
    region: Text | None = None
    country: Text | None = Field(default=None, description="ISO 3166-1 code, or a name in German, English, Polish")
    phone: Text | None = None
    kind: Literal["billing", "shipping", "letter"] | None = None


class ConsentIn(Shape):
    """One explicit answer of the person; what was never answered is not pushed."""

    channel: Literal["email", "post", "sms", "phone", "whatsapp"]
    purpose: Literal["promotion", "system"]
    state: Literal["granted", "denied"]
    at: Time | None = None
    address: Text | None = Field(default=None, description="the e-mail or phone it is about")
    evidence: Text | None = None


class NumberIn(Shape):
    """A customer number; `space` is its namespace when it is not this source's own."""

    value: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    space: Text | None = None


class CustomerIn(Shape):
    """A customer. Each push is the whole of what is known: a field that is left out is not known any more."""

    external_id: Id = Field(description="your id of the customer")
    updated_at: Time | None = Field(
        default=None, description="when it last changed with you: an older push changes nothing"
    )
    kind: Literal["registered", "guest", "contact"] = Field(
        default="contact", description="an account, a guest, or somebody of whom that is not said"
    )
    created_at: Time | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    company: Text | None = None
    email: Text | None = None
    email_verified: bool = False
    emails: list[Text] = Field(default=[], max_length=100, description="further ones")
    phone: Text | None = None
    phones: list[Text] = Field(default=[], max_length=100, description="further ones")
    addresses: list[AddressIn] = Field(default=[], max_length=100, description="the first is the main one")
    numbers: list[NumberIn] = Field(default=[], max_length=100, description="customer numbers")
    crm_id: Text | None = None
    birthday: Text | None = None
    locale: Text | None = None
    note: Long | None = None
    tags: list[Text] = Field(default=[], max_length=500)
    modules: list[Text] = Field(default=[], max_length=500)
    consents: list[ConsentIn] = Field(default=[], max_length=500)
    merged_into: Id | None = Field(default=None, description="your id of the customer this one was merged into")


class LineIn(Shape):
    """One line of an order."""

    title: Text | None = None
    sku: Text | None = None
    quantity: int = Field(default=1, ge=-1_000_000_000, le=1_000_000_000)
    unit_price: Money | None = None
    total: Money | None = None


class OrderIn(Shape):
    """An order: its id, when it was placed, what was paid, and whose it is.

    `customer` names a customer of this source, pushed before or after. Without one the contact fields say who bought;
    with `guest: true` such an order is a row of its own in the list.
    """

    external_id: Id = Field(description="your id of the order")
    placed_at: Time
    total: Money = Field(description="what the buyer paid: with tax and shipping, after discounts")
    updated_at: Time | None = Field(
        default=None, description="when it last changed with you: an older push changes nothing"
    )
    number: Text | None = Field(default=None, description="the number people see")
    customer: Id | None = Field(default=None, description="your id of the customer")
    guest: bool | None = Field(default=None, description="true: placed without signing in; false: signed in")
    first_name: Text | None = None
    last_name: Text | None = None
    company: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    addresses: list[AddressIn] = Field(default=[], max_length=100, description="the first is the main one")
    currency: Currency | None = Field(default=None, description="ISO 4217; the shop's own when left out")
    refunded: Money | None = None
    current_total: Money | None = Field(default=None, description="after returns and changes, where you know it")
    state: Literal["open", "paid", "cancelled", "returned", "offer", "deleted", "void"] = "open"
    test: bool = False
    lines: list[LineIn] = Field(default=[], max_length=1_000)
    tags: list[Text] = Field(default=[], max_length=500)
    cancels: Id | None = Field(default=None, description="your id of the order this one cancels")
    credits: Id | None = Field(default=None, description="your id of the order this credit note refunds")


class OutcomeOut(BaseModel):
    """What became of one pushed thing."""

    index: int = Field(description="its place in the request, from 0")
    status: Literal["accepted", "unchanged", "rejected"]
    external_id: str | None
    id: str | None = Field(description="our public id; null when rejected")
    reason: str | None = Field(description="why it was rejected")


class PushedOut(BaseModel):
    """The answer to a push: everything accepted is stored."""

    accepted: int
    unchanged: int
    rejected: int
    items: list[OutcomeOut]


class ErrorOut(BaseModel):
    """What went wrong, and what to do."""

    kind: str
    message: str
    hint: str | None


class ProblemOut(BaseModel):
    """The form of every error."""

    error: ErrorOut
