"""Shopify's words into ours: a customer, order or checkout as the API shows it becomes a record.

Whatever is missing in an answer stays absent in the record, null means cleared, unknown statuses never fail.
"""

from __future__ import annotations

import functools
import re
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType

from klientela.kit import Address, Checkout, Consent, Instant, Line, Order, Person, instant, minor, take_mark
from klientela_shopify.nodes import (
    AddressNode,
    Bag,
    CheckoutNode,
    CustomerNode,
    EmailNode,
    LineNode,
    Lines,
    OrderNode,
    PhoneNode,
    Ref,
    Text,
)
from klientela_shopify.settings import GuestRule

AddressKind = Literal["billing", "shipping"]
OrderState = Literal["open", "paid", "cancelled", "returned", "void"]

_customer = msgspec.json.Decoder(CustomerNode)
_order = msgspec.json.Decoder(OrderNode)
_checkout = msgspec.json.Decoder(CheckoutNode)
_ref = msgspec.json.Decoder(Ref)

Channel = Literal["email", "sms", "whatsapp"]
WHATSAPP: Final = "whatsapp"
CONSENT: dict[str, Literal["granted", "denied"]] = {"SUBSCRIBED": "granted", "UNSUBSCRIBED": "denied"}  # R45
_STATES: dict[str, OrderState] = {
    "PAID": "paid",
    "PARTIALLY_REFUNDED": "paid",
    "REFUNDED": "returned",
    "VOIDED": "void",
}
_TOKEN = re.compile(r"/checkouts/(?:[a-z]{2}/)?([^/?#]+)")
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?")
_NO_VARIANT = "Default Title"  # what Shopify writes for a product without variants


def person(raw: Raw, rule: GuestRule) -> Person:
    """A Customer. It is an account, or under `guest_rule = "state"` one only while ENABLED (R13)."""
    return person_of(_customer.decode(raw), rule)


def person_of(node: CustomerNode, rule: GuestRule) -> Person:
    """A Customer, decoded."""
    mail, phone, home = node.default_email_address, node.default_phone_number, node.default_address
    return Person(
        external_id=number(node.id),
        version=instant(node.updated_at),
        kind=_kind(node.state, rule),
        created_at=_moment(node.created_at),
        first_name=node.first_name,
        last_name=node.last_name,
        company=home.company if isinstance(home, AddressNode) else home,
        email=mail.email_address if isinstance(mail, EmailNode) else mail,
        email_verified=node.verified_email,
        phone=phone.phone_number if isinstance(phone, PhoneNode) else phone,
        addresses=_homes(node),
        locale=node.locale,
        note=node.note,
        tags=node.tags,
        consents=_consents(mail, phone),
    )


def order(raw: Raw, rule: GuestRule) -> Order:
    """An Order, with the buyer's contact as the order itself carries it."""
    return order_of(_order.decode(raw), rule)


def order_of(node: OrderNode, rule: GuestRule) -> Order:
    """An Order, decoded."""
    currency = node.total_price_set.shop_money.currency_code
    buyer = number(node.customer.id) if isinstance(node.customer, Ref) else node.customer
    contact = _contact(node.billing_address, node.shipping_address)
    made = Order(
        external_id=number(node.id),
        version=instant(node.updated_at),
        number=node.name,
        customer=buyer,
        guest=_guest(buyer, rule),
        first_name=contact.first_name,
        last_name=contact.last_name,
        company=contact.company,
        email=node.email,
        phone=node.phone or contact.phone or node.phone,
        addresses=contact.addresses,
        placed_at=_moment(node.processed_at),
        currency=currency,
        total=_amount(node.total_price_set, currency),
        refunded=_known(node.total_refunded_set, currency),
        current_total=_known(node.current_total_price_set, currency),
        state=_state(node),
        test=node.test,
        lines=_lines(node.line_items, currency),
        tags=node.tags,
        checkout_token=node.checkout_token,
    )
    if node.tags:
        key, made.tags = take_mark(node.tags)
        if key is not None:
            made.placed_as = key  # absent else: most orders were placed in the shop, and need not say so
    if rule == "never" and buyer is None:
        made.kind = "contact"  # nobody is a guest here: the row of such an order is a plain contact
    return made


def checkout(raw: Raw) -> Checkout:
    """An abandoned checkout; recovered once it is completed. Its order is found by the token."""
    return checkout_of(_checkout.decode(raw))


def checkout_of(node: CheckoutNode) -> Checkout:
    """An abandoned checkout, decoded."""
    currency = node.total_price_set.shop_money.currency_code
    return Checkout(
        external_id=number(node.id),
        version=instant(node.updated_at),
        customer=number(node.customer.id) if isinstance(node.customer, Ref) else node.customer,
        at=_moment(node.created_at),
        completed_at=_moment(node.completed_at),
        currency=currency,
        value=_amount(node.total_price_set, currency),
        lines=_lines(node.line_items, currency),
        token=_token(node.abandoned_checkout_url),
    )


def key(raw: Raw) -> str:
    """The external id of a row that could not be translated."""
    return number(_ref.decode(raw).id)


def number(gid: str) -> str:
    """`gid://shopify/Customer/7000` -> `7000`, the id that admin, exports and webhooks show (legacyResourceId)."""
    tail = gid.rpartition("/")[2]
    if not (tail.isascii() and tail.isdigit()):
        raise ValueError("the id is no global id of Shopify")
    return tail


# -- people ------------------------------------------------------------------------------------------------------


def _kind(state: Text, rule: GuestRule) -> Literal["account", "guest"] | UnsetType:
    if rule != "state":
        return "account"
    if state is UNSET:
        return UNSET
    return "account" if state == "ENABLED" else "guest"


def _homes(node: CustomerNode) -> list[Address] | UnsetType:
    """All addresses, the default one first."""
    home = node.default_address
    if node.addresses_v2 is UNSET:
        return UNSET
    first = home.id if isinstance(home, AddressNode) else None
    found = [home] if isinstance(home, AddressNode) else []
    found += [one for one in node.addresses_v2.nodes if one.id is None or one.id != first]
    return [made for one in found if (made := _address(one)) is not None]


def _address(node: AddressNode, kind: AddressKind | None = None) -> Address | None:
    """None for an address that names no place."""
    country = node.country_code_v2 or node.country
    if not (node.address1 or node.address2 or node.zip or node.city or node.company or country):
        return None
    return Address(
        first_name=node.first_name,
        last_name=node.last_name,
        company=node.company,
        street=node.address1,
        line2=node.address2,
        zip=node.zip,
        city=node.city,
        region=node.province,
        country=country,
        phone=node.phone,
        kind=kind,
    )


def _consents(mail: EmailNode | UnsetType | None, phone: PhoneNode | UnsetType | None) -> list[Consent] | UnsetType:
    """Explicit answers alone: SUBSCRIBED and UNSUBSCRIBED; pending, invalid, redacted or new states are unknown."""
    found: list[Consent] = []
    for node in (mail, phone):
        if node is UNSET or (node is not None and node.marketing_state is UNSET):
            return UNSET  # half an answer must not take back the other half
    if isinstance(mail, EmailNode):
        found += _answer("email", mail.marketing_state, mail.marketing_updated_at, mail.email_address)
    if isinstance(phone, PhoneNode):
        found += _answer("sms", phone.marketing_state, phone.marketing_updated_at, phone.phone_number)
        if chat := phone.whats_app_marketing_consent:
            found += _answer(WHATSAPP, chat.state, chat.updated_at, phone.phone_number)
    return found


def _answer(channel: Channel, state: object, at: str | None, address: str | None) -> list[Consent]:
    said = CONSENT.get(str(state))
    if said is None or not address:
        return []
    when = None if at is None else instant(at)
    return [Consent(channel=channel, purpose="promotion", state=said, at=when, address=address)]


# -- orders ------------------------------------------------------------------------------------------------------


def _guest(buyer: Text, rule: GuestRule) -> bool | UnsetType:
    """Whether the order was placed logged out (R13). UNSET: the buyer's account state decides."""
    if buyer is UNSET:
        return UNSET
    if rule == "never":
        return False
    if buyer is None:
        return True
    return UNSET if rule == "state" else False


class _Contact(NamedTuple):
    """Who an order is for, from its addresses: the name whole, from the first address that has one (R25)."""

    first_name: Text
    last_name: Text
    company: Text
    phone: Text
    addresses: list[Address] | UnsetType


def _contact(billing: AddressNode | UnsetType | None, shipping: AddressNode | UnsetType | None) -> _Contact:
    nothing: UnsetType | None = (
        UNSET if billing is UNSET or shipping is UNSET else None
    )  # null clears, absence does not
    first = billing if isinstance(billing, AddressNode) else None
    other = shipping if isinstance(shipping, AddressNode) else None
    places = []
    if first is not None and (made := _address(first, "billing")) is not None:
        places.append(made)
    if other is not None and (made := _address(other, "shipping")) is not None:
        places.append(made)
    named = first if first is not None and (first.first_name or first.last_name) else other
    return _Contact(
        first_name=named.first_name if named is not None else nothing,
        last_name=named.last_name if named is not None else nothing,
        company=(first and first.company) or (other and other.company) or nothing,
        phone=(first and first.phone) or (other and other.phone) or nothing,
        addresses=UNSET if nothing is UNSET and not places else places,
    )


def _state(node: OrderNode) -> OrderState | UnsetType:
    if node.cancelled_at:
        return "cancelled"
    if node.display_financial_status is UNSET or node.cancelled_at is UNSET:
        return UNSET
    return _STATES.get(str(node.display_financial_status), "open")


def _lines(lines: Lines | UnsetType, currency: str) -> list[Line] | UnsetType:
    return UNSET if lines is UNSET else [_line(one, currency) for one in lines.nodes]


def _line(node: LineNode, currency: str) -> Line:
    variant = node.variant_title
    title = f"{node.title} - {variant}" if node.title and variant and variant != _NO_VARIANT else node.title
    price, total = node.original_unit_price_set, node.discounted_total_set
    return Line(
        title=title,
        sku=node.sku,
        quantity=node.quantity,
        unit_price=None if price is None else _amount(price, currency),
        total=None if total is None else _amount(total, currency),
    )


def _token(url: Text) -> str | UnsetType | None:
    """The token of a checkout, which its order carries as `checkoutToken`; it is part of the recovery address."""
    if not isinstance(url, str):
        return url
    found = _TOKEN.search(url)
    return found[1] if found else None


# -- values ------------------------------------------------------------------------------------------------------


def _moment(text: Text) -> Instant | UnsetType | None:
    return instant(text) if isinstance(text, str) else text


@functools.lru_cache(maxsize=64)
def _hundredths(currency: str) -> bool:
    return minor("1", currency) == 100


def _amount(bag: Bag, currency: str) -> int:
    return cents(bag.shop_money.amount, currency)


def cents(text: str, currency: str) -> int:
    """Minor units of a decimal number. ValueError for what is none. Plain amounts with two decimals take the short
    road; `minor` judges all others."""
    if text[-3:-2] == "." and len(text) < 18 and _hundredths(currency):
        digits = text[:-3] + text[-2:]
        if digits.isdigit() and digits.isascii():
            return int(digits)
    if not _AMOUNT.fullmatch(text):
        raise ValueError("an amount of money is no plain decimal number")
    return minor(text, currency)


def _known(bag: Bag | UnsetType, currency: str) -> int | UnsetType:
    return UNSET if bag is UNSET else _amount(bag, currency)
