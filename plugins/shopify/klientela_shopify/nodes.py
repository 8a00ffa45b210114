"""The shapes of Shopify's answers, as far as we read them.

A field that may be missing without harm is UNSET then, so that a changed schema never wipes what is known (R0b);
null is what the shop has cleared. Fields without default are needed: an object without them is rejected.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType, field

Text = str | None | UnsetType


class Money(Struct, rename="camel", gc=False):
    """`{"amount": "12.34", "currencyCode": "EUR"}`."""

    amount: str
    currency_code: str


class Bag(Struct, rename="camel", gc=False):
    """A MoneyBag; only the shop's own currency is read (R30)."""

    shop_money: Money


class PageInfo(Struct, rename="camel", gc=False):
    """Relay's page information."""

    has_next_page: bool
    end_cursor: str | None = None


class Rows(Struct, rename="camel"):
    """A page of a top-level list; its rows are decoded one by one, so that a bad one does not spoil the others."""

    nodes: list[Raw]
    page_info: PageInfo


class Rest(Struct, rename="camel"):
    """A further page of a list inside an object, taken as it is."""

    nodes: list[Any]
    page_info: PageInfo


class AddressNode(Struct, rename="camel", gc=False):
    """MailingAddress."""

    id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    zip: str | None = None
    city: str | None = None
    province: str | None = None
    country: str | None = None
    country_code_v2: str | None = None
    phone: str | None = None


class Addresses(Struct):
    """Customer.addressesV2."""

    nodes: list[AddressNode]


class EmailNode(Struct, rename="camel", gc=False):
    """CustomerEmailAddress; its states grow in number and are kept as text."""

    email_address: str | None
    marketing_state: Text = UNSET
    marketing_updated_at: str | None = None


class AnswerNode(Struct, rename="camel", gc=False):
    """CustomerWhatsAppMarketingConsent."""

    state: Text = UNSET
    updated_at: str | None = None


class PhoneNode(Struct, rename="camel", gc=False):
    """CustomerPhoneNumber; what is said of the number itself is about SMS. Webhooks tell nothing of WhatsApp."""

    phone_number: str | None
    marketing_state: Text = UNSET
    marketing_updated_at: str | None = None
    whats_app_marketing_consent: AnswerNode | UnsetType | None = UNSET


class CustomerNode(Struct, rename="camel"):
    """Customer."""

    id: str
    updated_at: str
    created_at: Text = UNSET
    state: Text = UNSET
    verified_email: bool | UnsetType = UNSET
    first_name: Text = UNSET
    last_name: Text = UNSET
    locale: Text = UNSET
    note: Text = UNSET
    tags: list[str] | UnsetType = UNSET
    default_email_address: EmailNode | UnsetType | None = UNSET
    default_phone_number: PhoneNode | UnsetType | None = UNSET
    default_address: AddressNode | UnsetType | None = UNSET
    addresses_v2: Addresses | UnsetType = UNSET


class LineNode(Struct, rename="camel", gc=False):
    """LineItem and AbandonedCheckoutLineItem."""

    quantity: int
    title: str | None = None
    variant_title: str | None = None
    sku: str | None = None
    original_unit_price_set: Bag | None = None
    discounted_total_set: Bag | None = None


class Lines(Struct):
    """A connection of lines."""

    nodes: list[LineNode]


class Ref(Struct, gc=False):
    """A reference to another object, by its global id."""

    id: str


class UserProblem(Struct):
    """UserError: why a change was not made."""

    message: str = ""


class DraftNode(Struct):
    """DraftOrder; `order` is what it became."""

    id: str
    name: str
    order: Ref | None = None


class Changed(Struct, rename="camel"):
    """DraftOrderCreatePayload and DraftOrderCompletePayload."""

    draft_order: DraftNode | None = None
    user_errors: list[UserProblem] = []


class DraftAnswer(Struct, rename="camel"):
    """To DRAFT_CREATE."""

    draft_order_create: Changed | None = None


class CompletedAnswer(Struct, rename="camel"):
    """To DRAFT_COMPLETE."""

    draft_order_complete: Changed | None = None


class OrderNode(Struct, rename="camel"):
    """Order."""

    id: str
    updated_at: str
    total_price_set: Bag
    name: Text = UNSET
    test: bool | UnsetType = UNSET
    processed_at: Text = UNSET
    cancelled_at: Text = UNSET
    display_financial_status: Text = UNSET
    email: Text = UNSET
    phone: Text = UNSET
    tags: list[str] | UnsetType = UNSET
    checkout_token: Text = UNSET
    customer: Ref | UnsetType | None = UNSET
    current_total_price_set: Bag | UnsetType = UNSET
    total_refunded_set: Bag | UnsetType = UNSET
    billing_address: AddressNode | UnsetType | None = UNSET
    shipping_address: AddressNode | UnsetType | None = UNSET
    line_items: Lines | UnsetType = UNSET


class CheckoutNode(Struct, rename="camel"):
    """AbandonedCheckout."""

    id: str
    updated_at: str
    total_price_set: Bag
    created_at: Text = UNSET
    completed_at: Text = UNSET
    abandoned_checkout_url: Text = UNSET
    customer: Ref | UnsetType | None = UNSET
    line_items: Lines | UnsetType = UNSET


class Version(Struct, rename="camel", gc=False):
    """Id and time of change, of any object."""

    id: str
    updated_at: str


class ShopNode(Struct):
    """Shop."""

    id: str
    name: str


class Scope(Struct):
    """AccessScope."""

    handle: str


class Installation(Struct, rename="camel"):
    """AppInstallation."""

    access_scopes: list[Scope]


class ShopAnswer(Struct, rename="camel"):
    """The answer to the question who the shop is and what we may read."""

    shop: ShopNode
    current_app_installation: Installation


class ClockAnswer(Struct):
    """The answer to the cheapest question."""

    shop: Ref


class RestNode(Struct):
    """One object with the rest of one of its lists; None when it does not exist any more."""

    rest: Rest | None = None


class RestAnswer(Struct):
    """The answer for one object."""

    node: RestNode | None = None


class OperationNode(Struct, rename="camel"):
    """BulkOperation. Its counts are UnsignedInt64: text on the wire."""

    id: str
    status: str
    error_code: str | None = None
    object_count: str | int = 0
    file_size: str | int | None = None
    url: str | None = None


class BulkError(Struct):
    """BulkOperationUserError."""

    code: str | None = None
    message: str = ""


class BulkRun(Struct, rename="camel"):
    """BulkOperationRunQueryPayload."""

    bulk_operation: OperationNode | None = None
    user_errors: list[BulkError] = []


class BulkRunAnswer(Struct, rename="camel"):
    """The answer to the wish to run an operation."""

    bulk_operation_run_query: BulkRun | None = None


class BulkLookAnswer(Struct, rename="camel"):
    """How an operation is getting on; None when the shop does not know it any more."""

    bulk_operation: OperationNode | None = None


class Count(Struct):
    """How many there are, or the limit when there are more."""

    count: int


class CountAnswer(Struct):
    """The answer to the question how long a list is; None where the shop does not count it."""

    count: Count | None = None


class BulkLine(Struct, gc=False):
    """What tells where a line of a bulk result belongs: a row of its own, or a part of its parent."""

    id: str | None = None
    parent: str | None = field(default=None, name="__parentId")
