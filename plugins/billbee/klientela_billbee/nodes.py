"""The shapes of Billbee's answers, as far as we read them.

Nearly every field of theirs may be null or missing: what is missing is UNSET, so that it wipes nothing that is known
(R0b), and null is what the account has cleared. Only ids are needed. Numbers are decoded exactly: ids as integers of
any size, money as decimals, never as floats.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

Text = str | None | UnsetType
Word = str | int | None | UnsetType
"""Text that some platforms deliver as a number: ids, house numbers, postal codes."""
Number = int | None | UnsetType
Amount = Decimal | None | UnsetType


class PagingNode(Struct, rename="pascal", gc=False):
    """`Paging`; it may be missing altogether."""

    page: int | None = None
    total_pages: int | None = None
    total_rows: int | None = None
    page_size: int | None = None


class Envelope(Struct, rename="pascal"):
    """What every answer comes in. `error_code` other than 0 is a failure, whatever the status of HTTP says."""

    data: Raw = Raw()
    paging: PagingNode | None = None
    error_code: int | str | None = None
    error_message: Any = None
    message: Any = None  # of failures before Billbee's own code is reached
    model_state: Any = None  # of a body that was not understood: field -> sentences that quote it


class Ref(Struct, rename="pascal", gc=False):
    """The id of a customer, an event or a shop."""

    id: int


class OrderRef(Struct, rename="pascal", gc=False):
    """The id of an order."""

    bill_bee_order_id: int


class ContactNode(Struct, rename="pascal", gc=False):
    """CustomerMetaData: one of the ways to reach a customer. `type_id` 1 is an e-mail address, 2 a phone."""

    id: int | None = None
    type_id: int | None = None
    value: str | None = None


class PlaceNode(Struct, rename="pascal", omit_defaults=True, gc=False):
    """CustomerAddress. `address_type` 1 is for invoices, 2 for parcels."""

    customer_id: int | None = None
    address_type: int | None = None
    company: Word = UNSET
    first_name: Word = UNSET
    last_name: Word = UNSET
    name2: Word = UNSET
    street: Word = UNSET
    housenumber: Word = UNSET
    address_addition: Word = UNSET
    zip: Word = UNSET
    city: Word = UNSET
    state: Word = UNSET
    country_code: Word = UNSET
    tel1: Word = UNSET
    archived_at: Text = UNSET
    restored_at: Text = UNSET


class BuyerNode(Struct, rename="pascal", kw_only=True):
    """The customer object of an order; one without id is nobody of the account's customers."""

    id: Number = UNSET
    name: Text = UNSET
    email: Text = UNSET
    tel1: Word = UNSET
    tel2: Word = UNSET
    number: Word = UNSET
    type: Word = UNSET
    default_mail_address: ContactNode | UnsetType | None = UNSET
    default_phone1: ContactNode | UnsetType | None = UNSET
    default_fax: ContactNode | UnsetType | None = UNSET
    meta_data: list[ContactNode] | UnsetType | None = UNSET


class CustomerNode(BuyerNode, rename="pascal", kw_only=True):
    """Customer. `addresses` is not theirs: the reader adds what another list says of the customer's addresses."""

    id: int
    addresses: list[PlaceNode] | UnsetType = msgspec.field(default=UNSET, name="@Addresses")


class AddressNode(Struct, rename="pascal", gc=False):
    """The address of an order."""

    first_name: Word = UNSET
    last_name: Word = UNSET
    company: Word = UNSET
    name_addition: Word = UNSET
    street: Word = UNSET
    house_number: Word = UNSET
    line2: Word = UNSET
    zip: Word = UNSET
    city: Word = UNSET
    state: Word = UNSET
    country: Word = UNSET
    country_iso: Word = msgspec.field(default=UNSET, name="CountryISO2")
    phone: Word = UNSET
    email: Text = UNSET


class UserNode(Struct, rename="pascal", gc=False):
    """Seller or buyer as the platform knows them."""

    platform: Text = UNSET
    billbee_shop_id: Number = UNSET
    id: Word = UNSET
    email: Text = UNSET


class ProductNode(Struct, rename="pascal", gc=False):
    """What was sold."""

    title: Text = UNSET
    sku: Word = msgspec.field(default=UNSET, name="SKU")


class ItemNode(Struct, rename="pascal", gc=False):
    """One item. `total_price` is the price of all its pieces; a coupon is an item with a negative price."""

    product: ProductNode | UnsetType | None = UNSET
    quantity: Amount = UNSET
    total_price: Amount = UNSET
    unrebated_total_price: Amount = UNSET
    is_coupon: bool | None | UnsetType = UNSET


class OrderNode(Struct, rename="pascal"):
    """Order."""

    bill_bee_order_id: int
    id: Word = UNSET
    order_number: Word = UNSET
    state: Word = UNSET
    payment_method: Number = UNSET
    created_at: Text = UNSET
    payed_at: Text = UNSET
    updated_at: Text = UNSET
    last_modified_at: Text = UNSET
    invoice_address: AddressNode | UnsetType | None = UNSET
    shipping_address: AddressNode | UnsetType | None = UNSET
    order_items: list[ItemNode] | UnsetType | None = UNSET
    shipping_cost: Amount = UNSET
    adjustment_cost: Amount = UNSET
    total_cost: Amount = UNSET
    currency: Text = UNSET
    seller: UserNode | UnsetType | None = UNSET
    buyer: UserNode | UnsetType | None = UNSET
    customer: BuyerNode | UnsetType | None = UNSET
    tags: list[str] | UnsetType | None = UNSET
    is_cancelation_for: Word = UNSET
    api_account_id: Number = UNSET


class EventNode(Struct, rename="pascal"):
    """Event. `created` carries no zone; `order_id` is all it says of what happened."""

    id: int | None = None
    created: str | None = None
    type_id: int | None = None
    order_id: int | None = None


class AccountNode(Struct, rename="pascal"):
    """ShopAccount: a shop connected with the account."""

    id: int
    name: str | None = None
