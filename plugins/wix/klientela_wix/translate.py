"""Wix's words into ours: a contact, member, order or abandoned checkout as the API shows it becomes records.

The key of a person is the contact's id. A member is a second voice on the same record: it says that the contact has an
account. Of orders by visitors a third voice says so as well: the buyer was a guest, unless he is a member.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType

from klientela.kit import Address, Checkout, Consent, Instant, Line, Order, Person, Record, instant, minor, take_mark
from klientela_wix.nodes import (
    AddressNode,
    Buyer,
    CheckoutNode,
    ContactNode,
    Details,
    EmailItem,
    InfoNode,
    LineNode,
    MemberNode,
    OrderNode,
    Party,
    PhoneItem,
    Price,
    Ref,
    Text,
)

AddressKind = Literal["billing", "shipping"]
Kind = Literal["account", "guest", "contact"]
OrderState = Literal["open", "paid", "cancelled", "returned", "void"]

EMBEDDED = "embedded"

_contact = msgspec.json.Decoder(ContactNode)
_member = msgspec.json.Decoder(MemberNode)
_order = msgspec.json.Decoder(OrderNode)
_checkout = msgspec.json.Decoder(CheckoutNode)
_ref = msgspec.json.Decoder(Ref)

_CONSENT: dict[str | None, Literal["granted", "denied"]] = {"SUBSCRIBED": "granted", "UNSUBSCRIBED": "denied"}  # R45
_ENDED: dict[str, OrderState] = {"CANCELED": "cancelled", "REJECTED": "void"}
_STATES: dict[str, OrderState] = {
    "PAID": "paid",
    "PARTIALLY_REFUNDED": "paid",
    "FULLY_REFUNDED": "returned",
    "CANCELED": "void",  # of the payment, not of the order
    "DECLINED": "void",
}
_NO_ACCOUNT = frozenset({"OFFLINE", "DELETED"})  # a guest author of the blog, who cannot log in; a former member
_STATUS_FIELD = "members.status"
_CONSENT_FIELD = "emailSubscriptions.subscriptionStatus"
_CONSENT_MAIL = "emailSubscriptions.effectiveEmail"
_OWN_LABEL = "custom."
_KINDS: dict[str | None, AddressKind] = {"BILLING": "billing", "SHIPPING": "shipping"}


def key(raw: Raw) -> str:
    """The external id of a row that could not be translated."""
    return _ref.decode(raw).id


def member_key(raw: Raw) -> str:
    """The external id of a member's row: the contact's."""
    return _member.decode(raw).contact_id


# -- people ------------------------------------------------------------------------------------------------------


def contact(raw: Raw) -> Person:
    """A contact in full. What `info` does not list is empty; where `info` itself is missing, nothing is said."""
    node = _contact.decode(raw)
    info = node.info if isinstance(node.info, InfoNode) else None
    mail, mails = _mails(node, info)
    phone, phones = _phones(node, info)
    made = Person(
        external_id=node.id,
        version=instant(node.updated_date),
        created_at=_moment(node.created_date),
        email=mail,
        emails=mails,
        phone=phone,
        phones=phones,
        consents=_consents(node, info),
    )
    if info is not None:
        made.kind = _kind_of(_extended(info).get(_STATUS_FIELD))
        made.first_name = info.name.first if info.name else None
        made.last_name = info.name.last if info.name else None
        made.company, made.birthday, made.locale = info.company, info.birthdate, info.locale
        made.addresses = _homes(info)
        made.tags = _tags(info)
    return made


def member(raw: Raw) -> Person:
    """A member: says of its contact that it has an account, and with which address it logs in."""
    node = _member.decode(raw)
    verified = node.login_email_verified
    return Person(
        external_id=node.contact_id,
        version=instant(node.updated_date) if node.updated_date else None,
        kind="contact" if node.status in _NO_ACCOUNT else "account",
        email=node.login_email or UNSET,  # hidden from some readers; never cleared
        email_verified=verified if isinstance(verified, bool) else UNSET,
    )


def _kind_of(status: object) -> Kind | UnsetType:
    """What a contact's own field says of its membership; nothing for contacts that were never members."""
    if not isinstance(status, str) or not status:
        return UNSET
    return "contact" if status in _NO_ACCOUNT else "account"


def _extended(info: InfoNode) -> dict[str, object]:
    return (info.extended_fields.items if info.extended_fields else None) or {}


def _mails(node: ContactNode, info: InfoNode | None) -> tuple[str | UnsetType | None, list[str] | UnsetType]:
    """The primary e-mail and the further ones. UNSET when none of the places that hold them is there."""
    places = (node.primary_info, node.primary_email, info.emails if info else UNSET)
    if all(place is UNSET for place in places):
        return UNSET, UNSET
    listed: list[EmailItem] = (info.emails.items or [] if info and info.emails else []) or []
    first = (node.primary_info.email if node.primary_info else None) or (
        node.primary_email.email if node.primary_email else None
    )
    found = [first, *(one.email for one in sorted(listed, key=lambda one: not one.primary))]
    return _first_and_rest(found)


def _phones(node: ContactNode, info: InfoNode | None) -> tuple[str | UnsetType | None, list[str] | UnsetType]:
    """The primary telephone and the further ones, each with its country where Wix knows it."""
    places = (node.primary_info, node.primary_phone, info.phones if info else UNSET)
    if all(place is UNSET for place in places):
        return UNSET, UNSET
    listed: list[PhoneItem] = (info.phones.items or [] if info and info.phones else []) or []
    whole = {one.phone: one.e164_phone for one in listed if one.phone and one.e164_phone}
    first = None
    if node.primary_phone:
        first = node.primary_phone.e164_phone or node.primary_phone.phone
    if node.primary_info and not first:
        first = node.primary_info.phone
    found = [first and whole.get(first, first)]
    found += [one.e164_phone or one.phone for one in sorted(listed, key=lambda one: not one.primary)]
    return _first_and_rest(found)


def _first_and_rest(found: Iterable[str | None]) -> tuple[str | None, list[str]]:
    several = list(dict.fromkeys(one for one in found if one))
    return (several[0] if several else None), several[1:]


def _homes(info: InfoNode) -> list[Address]:
    items = (info.addresses.items if info.addresses else None) or []
    made = [_address(one.address, None, _KINDS.get(one.tag)) for one in items if one.address]
    return [one for one in made if one is not None]


def _tags(info: InfoNode) -> list[str]:
    """Labels by their keys; those that the site's people made lose their prefix."""
    labels = (info.label_keys.items if info.label_keys else None) or []
    return sorted({label.removeprefix(_OWN_LABEL) for label in labels if label})


def _consents(node: ContactNode, info: InfoNode | None) -> list[Consent] | UnsetType:
    """Explicit answers alone: SUBSCRIBED and UNSUBSCRIBED; never asked, pending or new states are unknown (R45).

    Wix does not say when the answer was given.
    """
    fields = _extended(info) if info else {}
    mail = node.primary_email
    status: object = mail.subscription_status if mail else None
    address: object = mail.email if mail else None
    if status is None and _CONSENT_FIELD in fields:
        status, address = fields[_CONSENT_FIELD], fields.get(_CONSENT_MAIL)
    if status is None and mail is UNSET and node.primary_phone is UNSET:
        return UNSET
    found = []
    if isinstance(status, str) and isinstance(address, str) and address and (state := _CONSENT.get(status)):
        found.append(Consent(channel="email", purpose="promotion", state=state, address=address))
    phone = node.primary_phone or None
    number = (phone.e164_phone or phone.phone) if phone else None
    if phone and number and (state := _CONSENT.get(phone.subscription_status)):
        found.append(Consent(channel="sms", purpose="promotion", state=state, address=number))
    return found


# -- orders ------------------------------------------------------------------------------------------------------


def order(raw: Raw, *, test_field: bool = True, demo: bool = False) -> list[Record]:
    """An order, and of a visitor's order that its buyer is a guest.

    `test_field`: the order's own field `demo` is believed; `demo`: it came among the demo orders.
    """
    node = _order.decode(raw)
    buyer = node.buyer_info
    billing, shipping = _parties(node)
    person = _contact_of(billing, shipping)
    said = node.demo if test_field and isinstance(node.demo, bool) else UNSET
    made = Order(
        external_id=node.id,
        version=instant(node.updated_date),
        number=str(node.number) if isinstance(node.number, (str, int)) and node.number != "" else _same(node.number),
        customer=_of(buyer, "contact_id"),
        guest=_guest(buyer),
        first_name=person.first_name,
        last_name=person.last_name,
        company=person.company,
        email=_of(buyer, "email"),
        phone=person.phone,
        addresses=person.addresses,
        placed_at=_moment(node.purchased_date or node.created_date or node.purchased_date),
        currency=node.currency,
        total=_needed(node.price_summary.total, node.currency),
        state=_state(node),
        test=True if demo else said,
        lines=_lines(node.line_items, node.currency),
        checkout_token=node.checkout_id,
    )
    if node.balance_summary and node.balance_summary.refunded:
        made.refunded = _amount(node.balance_summary.refunded, node.currency) or 0
    if node.channel_info and node.channel_info.external_order_id:
        mark, _ = take_mark([node.channel_info.external_order_id])
        if mark is not None:
            made.placed_as = mark  # absent else: most orders were placed on the site, and need not say so
    if isinstance(buyer, Buyer) and buyer.contact_id and made.guest is True:
        return [made, Person(external_id=buyer.contact_id, channel=EMBEDDED, kind="guest")]
    return [made]


def checkout(raw: Raw) -> Checkout:
    """An abandoned checkout; it and its order carry the same checkout id (R32)."""
    node = _checkout.decode(raw)
    made = Checkout(
        external_id=node.id,
        version=instant(node.updated_date),
        customer=_of(node.buyer_info, "contact_id"),
        email=_of(node.buyer_info, "email"),
        at=_moment(node.created_date),
        completed_at=_recovered(node),
        token=node.checkout_id,
    )
    if node.currency:
        made.currency = node.currency
        made.lines = _lines(node.line_items, node.currency)
        value = _amount(node.total_price, node.currency) if node.total_price else None
        if value is not None:
            made.value = value
    return made


def _recovered(node: CheckoutNode) -> Instant | UnsetType | None:
    if node.checkout_recovered_date:
        return instant(node.checkout_recovered_date)
    if node.status == "RECOVERED":
        return instant(node.updated_date)
    return UNSET if node.status is UNSET else None


def _guest(buyer: Buyer | UnsetType | None) -> bool | UnsetType:
    """Logged in is a fact of the order (R13). Of orders that the merchant made, the buyer's account decides."""
    if not isinstance(buyer, Buyer):
        return UNSET
    if buyer.member_id:
        return False
    return True if buyer.visitor_id else UNSET


def _of(buyer: Buyer | UnsetType | None, name: Literal["contact_id", "email"]) -> Text:
    if not isinstance(buyer, Buyer):
        return buyer
    return buyer.contact_id if name == "contact_id" else buyer.email


def _parties(node: OrderNode) -> tuple[Party | UnsetType | None, Party | UnsetType | None]:
    shipping = node.recipient_info
    if not shipping and node.shipping_info and node.shipping_info.logistics:
        shipping = node.shipping_info.logistics.shipping_destination
    return node.billing_info, shipping


class _Contact(NamedTuple):
    """Who an order is for: the name whole, from the first party that has one (R25)."""

    first_name: Text
    last_name: Text
    company: Text
    phone: Text
    addresses: list[Address] | UnsetType


def _contact_of(billing: Party | UnsetType | None, shipping: Party | UnsetType | None) -> _Contact:
    said = [one for one in (billing, shipping) if one is not UNSET]
    if not said:
        return _Contact(UNSET, UNSET, UNSET, UNSET, UNSET)
    details = [one.contact_details for one in said if one and one.contact_details]
    named = next((one for one in details if one.first_name or one.last_name), None)
    sides: tuple[tuple[Party | UnsetType | None, AddressKind], ...] = ((billing, "billing"), (shipping, "shipping"))
    places = [_address(one.address, one.contact_details, kind) for one, kind in sides if one and one.address]
    return _Contact(
        first_name=named.first_name if named else None,
        last_name=named.last_name if named else None,
        company=next((one.company for one in details if one.company), None),
        phone=next((one.phone for one in details if one.phone), None),
        addresses=[one for one in places if one is not None],
    )


def _address(node: AddressNode, who: Details | None, kind: AddressKind | None) -> Address | None:
    """None for an address that names no place."""
    street, number = node.address_line, None
    if node.street_address and node.street_address.name:
        street, number = node.street_address.name, node.street_address.number
    if not (street or node.address_line2 or node.postal_code or node.city or node.country):
        return None
    return Address(
        first_name=who.first_name if who else None,
        last_name=who.last_name if who else None,
        company=who.company if who else None,
        street=street,
        house_number=number,
        line2=node.address_line2,
        zip=node.postal_code,
        city=node.city,
        region=node.subdivision,
        country=node.country,
        phone=who.phone if who else None,
        kind=kind,
    )


def _state(node: OrderNode) -> OrderState | UnsetType:
    if node.status in _ENDED:
        return _ENDED[str(node.status)]
    if node.payment_status is UNSET:
        return UNSET
    return _STATES.get(str(node.payment_status), "open")


def _lines(lines: list[LineNode] | UnsetType | None, currency: str) -> list[Line] | UnsetType:
    return UNSET if lines is UNSET else [_line(one, currency) for one in lines or ()]


def _line(node: LineNode, currency: str) -> Line:
    price = _amount(node.price, currency)
    total = _amount(node.total_price_after_tax, currency)
    return Line(
        title=node.product_name.original if node.product_name else None,
        sku=node.physical_properties.sku if node.physical_properties else None,
        quantity=node.quantity,
        unit_price=price,
        total=total if total is not None or price is None else round(price * node.quantity),
    )


# -- values ------------------------------------------------------------------------------------------------------


def _moment(text: Text) -> Instant | UnsetType | None:
    return instant(text) if isinstance(text, str) else text


def _same(value: str | int | UnsetType | None) -> UnsetType | None:
    """Absent stays absent, everything else without content is nothing."""
    return UNSET if value is UNSET else None


def _amount(price: Price | UnsetType | None, currency: str) -> int | None:
    """Minor units; None where no amount is said. ValueError for what is no amount."""
    return minor(price.amount, currency) if price and price.amount else None


def _needed(price: Price | None, currency: str) -> int:
    amount = _amount(price, currency)
    if amount is None:
        raise ValueError("the order has no total")
    return amount
