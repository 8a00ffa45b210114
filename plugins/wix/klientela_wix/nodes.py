"""The shapes of Wix's answers, as far as we read them.

Wix leaves out what is empty. A field that may be missing is UNSET then and its translation decides whether that means
"empty" or "not said" (R0b); null is what was cleared. Fields without default are needed: an object without them is
rejected.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

Text = str | None | UnsetType
Id = Annotated[str, Meta(min_length=1, max_length=100)]
T = TypeVar("T")


# -- lists -------------------------------------------------------------------------------------------------------


class Ref(Struct, gc=False):
    """The id of any object."""

    id: Id


class Dated(Struct, rename="camel", gc=False):
    """What places a row in a list that is sorted by its creation."""

    id: str
    created_date: str | None = None


class Paging(Struct):
    """What every list says of itself: rows in this answer, and in all."""

    count: int | None = None
    total: int | None = None


class Cursors(Struct, gc=False):
    """Where the list goes on."""

    next: str | None = None


class CursorPaging(Paging, rename="camel"):
    """Metadata of lists with cursors. Only orders say whether there is more."""

    cursors: Cursors | None = None
    has_next: bool | None = None

    @property
    def next(self) -> str | None:
        """The cursor of the next page; None at the end."""
        return None if self.cursors is None or self.has_next is False else self.cursors.next or None


class ContactRows(Struct, rename="camel"):
    """Answer of the contacts query; rows are decoded one by one, so that a bad one does not spoil the others."""

    paging_metadata: Paging
    contacts: list[Raw] | None = None


class MemberRows(Struct):
    """Answer of the members query."""

    metadata: Paging
    members: list[Raw] | None = None


class OrderRows(Struct):
    """Answer of the orders search."""

    metadata: CursorPaging
    orders: list[Raw] | None = None


class CheckoutRows(Struct, rename="camel"):
    """Answer of the abandoned checkouts query."""

    metadata: CursorPaging
    abandoned_checkouts: list[Raw] | None = None


class OneContact(Struct):
    """Answer of a single contact."""

    contact: Raw


class OneOrder(Struct):
    """Answer of a single order."""

    order: Raw


class Standing(Struct):
    """Answer of the orders search, of orders that are asked for to see whether they are there."""

    orders: list[Ref] = []


class MadeOrder(Struct, rename="camel"):
    """An order as Wix answers when it has made it."""

    id: Id
    status: str | None = None
    currency: str | None = None
    price_summary: Summary | None = None


class Made(Struct):
    """Answer to an order that was to be made."""

    order: MadeOrder


class OneCheckout(Struct, rename="camel"):
    """Answer of a single abandoned checkout."""

    abandoned_checkout: Raw


class Site(Struct, rename="camel", frozen=True):
    """The site an app is installed on."""

    site_id: str | None = None
    site_display_name: str | None = None


class InstanceAnswer(Struct):
    """Answer about an app's own instance."""

    site: Site = Site()


# -- contacts and members ----------------------------------------------------------------------------------------


class Street(Struct, gc=False):
    """A street in two parts."""

    name: str | None = None
    number: str | None = None


class AddressNode(Struct, rename="camel", gc=False):
    """A postal address, of contacts and orders alike."""

    country: str | None = None
    subdivision: str | None = None
    city: str | None = None
    postal_code: str | None = None
    address_line: str | None = None
    address_line2: str | None = None
    street_address: Street | None = None


class AddressItem(Struct, gc=False):
    """One address of a contact."""

    address: AddressNode | None = None
    tag: str | None = None


class EmailItem(Struct, gc=False):
    """One e-mail of a contact."""

    email: str | None = None
    primary: bool | None = None


class PhoneItem(Struct, rename="camel", gc=False):
    """One telephone of a contact; `e164Phone` only where Wix could read the number."""

    phone: str | None = None
    e164_phone: str | None = None
    primary: bool | None = None


class Items(Struct, Generic[T]):
    """A list as contacts wrap it."""

    items: list[T] | None = None


class NameNode(Struct, gc=False):
    """A contact's name."""

    first: str | None = None
    last: str | None = None


class Extended(Struct):
    """Further fields by key, of any type."""

    items: dict[str, Any] | None = None


class InfoNode(Struct, rename="camel"):
    """A contact's details."""

    name: NameNode | None = None
    emails: Items[EmailItem] | UnsetType | None = UNSET
    phones: Items[PhoneItem] | UnsetType | None = UNSET
    addresses: Items[AddressItem] | None = None
    company: str | None = None
    birthdate: str | None = None
    locale: str | None = None
    label_keys: Items[str] | None = None
    extended_fields: Extended | None = None


class PrimaryInfo(Struct, gc=False):
    """The primary e-mail and telephone, in short."""

    email: str | None = None
    phone: str | None = None


class PrimaryEmail(Struct, rename="camel", gc=False):
    """The primary e-mail and what its owner said of newsletters."""

    email: str | None = None
    subscription_status: str | None = None


class PrimaryPhone(Struct, rename="camel", gc=False):
    """The primary telephone and what its owner said of messages."""

    phone: str | None = None
    e164_phone: str | None = None
    subscription_status: str | None = None


class ContactNode(Struct, rename="camel"):
    """A contact."""

    id: Id
    updated_date: str
    created_date: Text = UNSET
    info: InfoNode | UnsetType | None = UNSET
    primary_info: PrimaryInfo | UnsetType | None = UNSET
    primary_email: PrimaryEmail | UnsetType | None = UNSET
    primary_phone: PrimaryPhone | UnsetType | None = UNSET


class MemberNode(Struct, rename="camel"):
    """A site member; `contactId` says whose membership it is."""

    id: Id
    contact_id: Id
    updated_date: str | None = None
    login_email: Text = UNSET
    login_email_verified: bool | UnsetType | None = UNSET
    status: str | None = None


# -- orders and checkouts ----------------------------------------------------------------------------------------


class Price(Struct, gc=False):
    """An amount as a decimal string."""

    amount: str | None = None


class Summary(Struct):
    """priceSummary."""

    total: Price | None = None


class Balance(Struct):
    """balanceSummary."""

    refunded: Price | None = None


class Channel(Struct, rename="camel", gc=False):
    """channelInfo: by which way an order came, and what it is called where it came from."""

    external_order_id: str | None = None


class Buyer(Struct, rename="camel", gc=False):
    """Who buys: a member is logged in, a visitor is not; a contact there is nearly always."""

    contact_id: Id | None = None
    member_id: str | None = None
    visitor_id: str | None = None
    email: str | None = None


class Details(Struct, rename="camel", gc=False):
    """Who a bill or parcel is for."""

    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    company: str | None = None


class Party(Struct, rename="camel"):
    """billingInfo, recipientInfo: an address and whose it is."""

    address: AddressNode | None = None
    contact_details: Details | None = None


class Logistics(Struct, rename="camel"):
    """Where an order goes, as older orders say it."""

    shipping_destination: Party | None = None


class Shipping(Struct):
    """shippingInfo."""

    logistics: Logistics | None = None


class ProductName(Struct, gc=False):
    """The name of a product in the site's language."""

    original: str | None = None


class Physical(Struct, gc=False):
    """physicalProperties."""

    sku: str | None = None


class LineNode(Struct, rename="camel"):
    """A line of an order or checkout."""

    quantity: int | float = 1
    product_name: ProductName | None = None
    physical_properties: Physical | None = None
    price: Price | None = None
    total_price_after_tax: Price | None = None


class OrderNode(Struct, rename="camel"):
    """An order."""

    id: Id
    updated_date: str
    price_summary: Summary
    currency: str
    number: str | int | UnsetType | None = UNSET
    created_date: Text = UNSET
    purchased_date: Text = UNSET
    status: Text = UNSET
    payment_status: Text = UNSET
    buyer_info: Buyer | UnsetType | None = UNSET
    channel_info: Channel | UnsetType | None = UNSET
    billing_info: Party | UnsetType | None = UNSET
    recipient_info: Party | UnsetType | None = UNSET
    shipping_info: Shipping | UnsetType | None = UNSET
    balance_summary: Balance | UnsetType | None = UNSET
    line_items: list[LineNode] | UnsetType | None = UNSET
    checkout_id: Text = UNSET
    demo: bool | UnsetType | None = UNSET


class CheckoutNode(Struct, rename="camel"):
    """An abandoned checkout."""

    id: Id
    updated_date: str
    created_date: Text = UNSET
    status: Text = UNSET
    checkout_recovered_date: Text = UNSET
    checkout_id: Text = UNSET
    buyer_info: Buyer | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    total_price: Price | UnsetType | None = UNSET
    line_items: list[LineNode] | UnsetType | None = UNSET
