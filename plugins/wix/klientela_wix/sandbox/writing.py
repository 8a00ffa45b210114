"""Orders that others have a pretend site make: what it takes, what it makes of it, and what it refuses.

Fields that Wix's types call read-only (totals of lines and of the order) are not believed: the site reckons itself. Where
the types leave open whether something is refused (a contact that is not there), it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from klientela.kit import SECOND, instant, minor
from klientela_wix.sandbox.lists import Refused
from klientela_wix.sandbox.things import Address, Contact, Line, Order

if TYPE_CHECKING:
    from klientela_wix.sandbox.site import Site

Node = Mapping[str, Any]
PERMISSION = "manage orders"

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+?[\d\s()/.-]{3,30}")
_AMOUNT = re.compile(r"\d{1,16}(\.\d+)?")
_MOST_LINES, _MOST_PIECES = 300, 100_000
_CHANNELS = frozenset({
    "WEB", "POS", "EBAY", "AMAZON", "OTHER_PLATFORM", "WIX_APP_STORE", "WIX_INVOICES", "BACKOFFICE_MERCHANT", "WISH",
    "CLASS_PASS", "GLOBAL_E", "FACEBOOK", "ETSY", "TIKTOK", "FAIRE_COM", "PAYPAL_AGENTIC_CHECKOUT",
    "STRIPE_AGENTIC_CHECKOUT",
})  # fmt: skip
_PAYMENTS = frozenset({
    "NOT_PAID", "PAID", "PARTIALLY_REFUNDED", "FULLY_REFUNDED", "PENDING", "PARTIALLY_PAID", "PENDING_MERCHANT",
    "CANCELED", "DECLINED",
})  # fmt: skip
_KINDS = frozenset(["PHYSICAL", "DIGITAL", "GIFT_CARD", "SERVICE"])
_OFFLINE = "FULL_PAYMENT_OFFLINE"
_OPTIONS = frozenset({
    "FULL_PAYMENT_ONLINE", "MEMBERSHIP", "DEPOSIT_ONLINE", "MEMBERSHIP_OFFLINE",
    "MEMBERSHIP_ONLINE_WITH_OFFLINE_REMAINDER", "FULL_PAYMENT_OFFLINE",
})  # fmt: skip
_DISCOUNTS = frozenset(["GLOBAL", "SPECIFIC_ITEMS", "SHIPPING"])
_STRATEGIES = frozenset(["DEFAULT", "PAYMENT_RECEIVED", "PAYMENT_METHOD_SAVED"])


class Wrong(Exception):
    """An order that is well-formed and not made: an application's error."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code = code


def make(site: Site, body: Any) -> Order:
    """What Create Order makes. Refused for fields that are not as they must be; Wrong."""
    request = _object(body, "body")
    wanted, settings = _object(request.get("order"), "order"), _object(request.get("settings") or {}, "settings")
    currency = _text(wanted, "order.currency", 3, of=re.compile("[A-Z]{3}")) or site.currency
    lines = _lines(wanted, currency)
    discount = _discount(wanted, currency)
    total = sum(line.total for line in lines) - discount
    if total < 0:
        raise Refused("order.appliedDiscounts", "are more than the order")
    buyer = _object(wanted.get("buyerInfo") or {}, "order.buyerInfo")
    mail = _text(buyer, "order.buyerInfo.email", 320, of=_MAIL)
    billing = _party(wanted, "order.billingInfo")
    recipient = _party(wanted, "order.recipientInfo")
    channel = _object(wanted.get("channelInfo") or {"type": "WEB"}, "order.channelInfo")
    payment = _one_of(wanted, "order.paymentStatus", _PAYMENTS) or "NOT_PAID"
    fields: dict[str, Any] = {
        "discount": discount,
        "channel": _one_of(channel, "order.channelInfo.type", _CHANNELS) or "WEB",
        "external_id": _text(channel, "order.channelInfo.externalOrderId", 100),
        "status": _status(site, wanted, settings, payment, total),
        "payment": None if payment == "PAID" else payment,
    }
    contact = _buyer(site, buyer, mail, billing or recipient)
    moment = wanted.get("purchasedDate")
    if moment is not None and instant(str(moment)) > site.clock.now() + SECOND:
        raise Wrong("PURCHASED_DATE_CANNOT_BE_IN_FUTURE", "purchasedDate cannot be in the future")
    made = site.order(
        contact=contact, member=None, visitor=None, email=mail or (contact.email if contact else None), total=total,
        currency=currency, lines=lines, billing=billing, recipient=recipient, purchased_at=moment, **fields,
    )  # fmt: skip
    if _object(settings.get("notifications") or {}, "settings.notifications").get("sendNotificationToBuyer", True):
        site.mailed.append(made.id)
    return made


def _status(site: Site, wanted: Node, settings: Node, payment: str, total: int) -> str:
    """Approved once it is paid, or costs nothing, or is to be paid offline altogether; held back else."""
    strategy = _one_of(settings, "settings.orderApprovalStrategy", _STRATEGIES) or "DEFAULT"
    if payment == "PAID" or (total == 0 and strategy == "DEFAULT"):
        return "APPROVED"
    offline = all(one.get("paymentOption") == _OFFLINE for one in wanted["lineItems"])
    return "APPROVED" if offline and strategy == "DEFAULT" and not site.holds_back else "INITIALIZED"


def _buyer(site: Site, said: Node, mail: str | None, who: Address | None) -> Contact | None:
    """The contact that is named, or has that e-mail, or is made of what the order says."""
    name = _text(said, "order.buyerInfo.contactId", 36, of=_GUID)
    if name is not None:
        name = site.merged.get(name, name)
        if name not in site.contacts:
            raise Refused("order.buyerInfo.contactId", f"{name} is no contact of this site")
        return site.contacts[name]
    if mail is None:
        return None
    known = next((one for one in site.contacts.values() if (one.email or "").casefold() == mail.casefold()), None)
    if known is not None:
        return known
    who = who or Address()
    names: dict[str, Any] = {"first_name": who.first_name, "last_name": who.last_name, "company": who.company}
    return site.contact(email=mail, source="WIX_STORES", activity="ECOM_PURCHASE", **names)


def _lines(wanted: Node, currency: str) -> list[Line]:
    found = wanted.get("lineItems")
    if not isinstance(found, list) or not found:
        raise Refused("order.lineItems", "has size 0, expected 1 or more", "MIN_SIZE", threshold=1)
    if len(found) > _MOST_LINES:
        raise Refused("order.lineItems", f"has size {len(found)}, expected 300 or less", "MAX_SIZE", threshold=300)
    return [_line(_object(one, f"order.lineItems[{place}]"), place, currency) for place, one in enumerate(found)]


def _line(one: Node, place: int, currency: str) -> Line:
    where = f"order.lineItems[{place}]"
    name = _object(one.get("productName") or {}, f"{where}.productName")
    title = _text(name, f"{where}.productName.original", 200)
    if title is None:
        raise Refused(f"{where}.productName.original", "must not be empty", "REQUIRED_FIELD")
    count = one.get("quantity")
    if not isinstance(count, int) or not 1 <= count <= _MOST_PIECES:
        raise Refused(f"{where}.quantity", "must be between 1 and 100000", "MIN")
    _text(one, f"{where}.id", 36, of=_GUID)
    _one_of(one, f"{where}.paymentOption", _OPTIONS)
    kind = _one_of(_object(one.get("itemType") or {}, f"{where}.itemType"), f"{where}.itemType.preset", _KINDS)
    if kind == "DIGITAL" and not one.get("digitalFile"):
        raise Refused(f"{where}.digitalFile", "must be given for a digital item", "REQUIRED_FIELD")
    physical = _object(one.get("physicalProperties") or {}, f"{where}.physicalProperties")
    sku = _text(physical, f"{where}.physicalProperties.sku", 40)
    return Line(title=title, sku=sku, quantity=count, price=_amount(one.get("price"), f"{where}.price", currency))


def _discount(wanted: Node, currency: str) -> int:
    """All discounts together; of coupons, too, what they are said to be worth."""
    total = 0
    for place, one in enumerate(wanted.get("appliedDiscounts") or ()):
        where = f"order.appliedDiscounts[{place}]"
        _one_of(_object(one, where), f"{where}.discountType", _DISCOUNTS)
        given = [name for name in ("coupon", "merchantDiscount", "discountRule") if one.get(name)]
        if len(given) != 1:
            raise Refused(where, "must have one discount source", "ONE_OF")
        discount = _object(one[given[0]], f"{where}.{given[0]}")
        _text(discount, f"{where}.{given[0]}.description", 200)
        total += _amount(discount.get("amount"), f"{where}.{given[0]}.amount", currency)
    return total


def _party(wanted: Node, where: str) -> Address | None:
    """billingInfo, recipientInfo."""
    said = wanted.get(where.rpartition(".")[2])
    if said is None:
        return None
    party = _object(said, where)
    place, who = _object(party.get("address") or {}, where), _object(party.get("contactDetails") or {}, where)

    def line(name: str, longest: int, of: re.Pattern[str] | None = None) -> str | None:
        return _text(place, f"{where}.address.{name}", longest, of=of)

    def detail(name: str, longest: int, of: re.Pattern[str] | None = None) -> str | None:
        return _text(who, f"{where}.contactDetails.{name}", longest, of=of)

    return Address(
        first_name=detail("firstName", 100), last_name=detail("lastName", 100), company=detail("company", 1000),
        phone=detail("phone", 50, _PHONE), street=line("addressLine", 150), line2=line("addressLine2", 100),
        zip=line("postalCode", 50), city=line("city", 50), region=line("subdivision", 50),
        country=line("country", 2, re.compile("[A-Z]{2}")),
    )  # fmt: skip


# -- fields ------------------------------------------------------------------------------------------------------


def _object(found: Any, where: str) -> Node:
    if not isinstance(found, dict):
        raise Refused(where, "must be an object", "REQUIRED_FIELD")
    return found


def _text(node: Node, where: str, longest: int, *, of: re.Pattern[str] | None = None) -> str | None:
    """A text under the last name of `where`; None where it is not given."""
    found = node.get(where.rpartition(".")[2])
    if found is None:
        return None
    if not isinstance(found, str):
        raise Refused(where, "must be a string")
    if not found or len(found) > longest:
        raise Refused(where, f"has length {len(found)}, expected 1 to {longest}", "MAX_LENGTH", threshold=longest)
    if of is not None and not of.fullmatch(found):
        raise Refused(where, f"value {found} is not valid", "FORMAT")
    return found


def _one_of(node: Node, where: str, words: frozenset[str]) -> str | None:
    found = _text(node, where, 100)
    if found is not None and found not in words:
        raise Refused(where, f"value {found} is not one of the enum", "ENUM")
    return found


def _amount(price: Any, where: str, currency: str) -> int:
    text = _object(price, where).get("amount")
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text):
        raise Refused(f"{where}.amount", "must be a decimal value", "DECIMAL")
    return minor(text, currency)


__all__ = ["PERMISSION", "Wrong", "make"]
