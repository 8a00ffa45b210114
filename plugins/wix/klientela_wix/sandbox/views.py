"""How the interface shows a site's objects. Like Wix, it leaves out what is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from klientela.kit import Instant, decimal
from klientela_wix.sandbox.things import Address, Checkout, Contact, Line, Member, Order

if TYPE_CHECKING:
    from klientela_wix.sandbox.site import Site

Node = dict[str, Any]

_COUNTRY_OF = {"+49": "DE", "+48": "PL", "+43": "AT", "+41": "CH"}


def moment(at: Instant) -> str:
    """`2026-11-20T09:10:11.123Z`."""
    from datetime import UTC, datetime, timedelta

    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    return when.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _full(node: Node) -> Node:
    """Without what is empty."""
    return {name: value for name, value in node.items() if value not in (None, [], {})}


def _local(phone: str) -> tuple[str | None, str]:
    """Country and the number as people there write it."""
    country = _COUNTRY_OF.get(phone[:3])
    return country, f"0{phone[3:]}" if country else phone


def _phone(number: str, *, primary: bool) -> Node:
    country, local = _local(number)
    return _full(
        {
            "tag": "MOBILE",
            "countryCode": country,
            "phone": local,
            "e164Phone": number if number.startswith("+") else None,
            "primary": primary,
        }
    )


def _address(one: Address) -> Node:
    street: Node = {"addressLine": one.street}
    if one.number:
        street = {"streetAddress": {"name": one.street, "number": one.number}}
    return _full(
        {
            **street,
            "addressLine2": one.line2,
            "country": one.country,
            "subdivision": one.region,
            "city": one.city,
            "postalCode": one.zip,
        }
    )


def contact(site: Site, one: Contact, fieldset: str = "FULL") -> Node:
    """A Contact."""
    mails = [mail for mail in (one.email, *one.more_emails) if mail]
    phones = [number for number in (one.phone, *one.more_phones) if number]
    name = _full({"first": one.first_name, "last": one.last_name})
    local = _local(one.phone)[1] if one.phone else None
    basic: Node = {
        "id": one.id,
        "revision": one.revision,
        "source": {"sourceType": one.source},
        "createdDate": moment(one.created_at),
        "updatedDate": moment(one.updated_at),
        "lastActivity": {"activityDate": moment(one.updated_at), "activityType": one.activity},
        "primaryInfo": _full({"email": one.email, "phone": local}),
    }
    if fieldset != "FULL":
        return {**basic, "info": _full({"name": name})}
    member = site.member_of(one)
    extended = _full(
        {
            "contacts.displayByLastName": " ".join(part for part in (one.last_name, one.first_name) if part) or None,
            "emailSubscriptions.effectiveEmail": one.email,
            "emailSubscriptions.subscriptionStatus": one.email_consent if one.email else None,
            "members.status": member.status if member else None,
        }
    )
    info = {
        "name": name,
        "emails": {"items": [{"tag": "MAIN", "email": mail, "primary": mail == one.email} for mail in mails]},
        "phones": {"items": [_phone(number, primary=number == one.phone) for number in phones]},
        "addresses": {"items": [{"tag": home.tag, "address": _address(home)} for home in one.addresses]},
        "company": one.company,
        "birthdate": one.birthdate,
        "locale": one.locale,
        "labelKeys": {"items": one.labels},
        "extendedFields": {"items": extended},
    }
    shown = {key: value for key, value in info.items() if value not in (None, {}, {"items": []}, {"items": {}})}
    node = {**basic, "info": shown}
    if one.email:
        node["primaryEmail"] = {
            "email": one.email,
            "subscriptionStatus": one.email_consent,
            "deliverabilityStatus": "NOT_SET",
        }
    if one.phone:
        node["primaryPhone"] = {**_phone(one.phone, primary=True), "subscriptionStatus": one.phone_consent}
        del node["primaryPhone"]["tag"], node["primaryPhone"]["primary"]
    return node


def member(_site: Site, one: Member, fieldset: str = "FULL") -> Node:
    """A Member. Only the full one shows how it logs in."""
    node: Node = {
        "id": one.id,
        "contactId": one.contact,
        "createdDate": moment(one.created_at),
        "updatedDate": moment(one.updated_at),
        "profile": {"nickname": one.login_email.partition("@")[0]},
    }
    if fieldset == "FULL":
        node |= {"loginEmail": one.login_email, "loginEmailVerified": one.verified, "status": one.status}
        node |= {"privacyStatus": "PRIVATE", "activityStatus": "ACTIVE"}
    return node


def _price(amount: int, currency: str) -> Node:
    text = decimal(amount, currency)
    return {"amount": text, "formattedAmount": f"{text} {currency}"}


def _line(one: Line, currency: str, number: int) -> Node:
    return _full(
        {
            "id": f"0000000c-0000-4000-8000-{number:012x}",
            "productName": {"original": one.title, "translated": one.title},
            "quantity": one.quantity,
            "physicalProperties": _full({"sku": one.sku, "shippable": True}),
            "itemType": {"preset": "PHYSICAL"},
            "totalDiscount": _price(one.discount, currency),
            "price": _price(one.price, currency),
            "totalPriceAfterTax": _price(one.total, currency),
        }
    )


def _buyer(one: Order | Checkout) -> Node:
    return _full({"memberId": one.member, "visitorId": one.visitor, "contactId": one.contact, "email": one.email})


def _party(one: Address | None) -> Node | None:
    if one is None:
        return None
    details = {"firstName": one.first_name, "lastName": one.last_name, "phone": one.phone, "company": one.company}
    return _full({"address": _address(one), "contactDetails": _full(details)})


def _maker(site: Site, buyer: Node) -> Node:
    """Who made an order: the buyer, else the site's owner."""
    for key in ("memberId", "visitorId"):
        if key in buyer:
            return {key: buyer[key]}
    return {"userId": site.site_id}


def order(site: Site, one: Order, _fieldset: str = "") -> Node:
    """An Order."""
    currency = one.currency
    buyer = _buyer(one)
    paid = 0 if one.payment_status == "NOT_PAID" else one.total
    node = {
        "id": one.id,
        "number": str(one.number),
        "createdDate": moment(one.created_at),
        "updatedDate": moment(one.updated_at),
        "purchasedDate": moment(one.purchased_at),
        "lineItems": [_line(line, currency, number) for number, line in enumerate(one.lines, 1)],
        "buyerInfo": buyer,
        "paymentStatus": one.payment_status,
        "fulfillmentStatus": one.fulfillment,
        "buyerLanguage": one.language,
        "currency": currency,
        "priceSummary": {
            "subtotal": _price(sum(line.price * line.quantity for line in one.lines), currency),
            "shipping": _price(0, currency),
            "tax": _price(0, currency),
            "discount": _price(one.discount + sum(line.discount for line in one.lines), currency),
            "total": _price(one.total, currency),
            "totalAdditionalFees": _price(0, currency),
        },
        "billingInfo": _party(one.billing),
        "recipientInfo": _party(one.recipient),
        "status": one.status,
        "createdBy": _maker(site, buyer),
        "channelInfo": _full({"type": one.channel, "externalOrderId": one.external_id}),
        "checkoutId": one.checkout_id,
        "balanceSummary": {
            "balance": _price(one.total - paid, currency),
            "paid": _price(paid, currency),
            "refunded": _price(one.refunded, currency),
        },
    }
    return {**_full(node), "archived": one.archived, "imported": False, **({"demo": True} if one.demo else {})}


def checkout(site: Site, one: Checkout, _fieldset: str = "") -> Node:
    """An AbandonedCheckout."""
    who = site.contacts.get(one.contact or "")
    details = _full({"firstName": who.first_name, "lastName": who.last_name}) if who else None
    price = {"convertedAmount": decimal(one.total, one.currency), **_price(one.total, one.currency)}
    return _full(
        {
            "id": one.id,
            "createdDate": moment(one.created_at),
            "updatedDate": moment(one.updated_at),
            "checkoutId": one.checkout_id,
            "status": "ABANDONED" if one.recovered_at is None else "RECOVERED",
            "checkoutRecoveredDate": None if one.recovered_at is None else moment(one.recovered_at),
            "buyerLanguage": "de",
            "buyerInfo": _buyer(one),
            "contactDetails": details,
            "currency": one.currency,
            "totalPrice": price,
            "subtotalPrice": price,
            "checkoutUrl": f"https://site.example/checkout?checkoutId={one.checkout_id}",
            "lineItems": [_line(line, one.currency, number) for number, line in enumerate(one.lines, 1)],
        }
    )
