"""Has an order made that was placed here: one that Wix holds for unpaid, with the mark by which it is known again.

Wix knows no idempotency key, but it keeps what an order is called where it came from and finds orders by that. So the
mark goes there, and nothing is made while the site shows an order that carries it.

An order of the Orders API is complete as it is sent: Wix redeems no coupon, adds no tax and takes no money. It would hold
an unpaid one back (INITIALIZED, in no list) were its lines not said to be paid offline, and would write to the buyer
unless it is told not to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from klientela.kit import Address, Line, Placed, Placing, decimal, mark_of
from klientela_wix import reading
from klientela_wix.client import Wix
from klientela_wix.nodes import Made, MadeOrder, Standing

ORDERS = "/ecom/v1/orders"
PERMISSION = (
    "write_orders = true: the API key or app needs the permission to manage orders; Wix tells with the first order "
    "whether it has it."
)

_LONGEST_TITLE, _LONGEST_REASON = 200, 200  # letters
_SUBDIVISION = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")
_AMOUNT = re.compile(r"\d{1,16}(\.\d{1,10})?")
_HELD_BACK = "INITIALIZED"


def place(wix: Wix, order: Placing) -> Placed:
    """The order that Wix made, or has by this mark. SourceRefused where it takes it not, NotKnown without an answer."""
    standing = _standing(wix, order)
    if standing is not None:
        return Placed(
            external_id=standing, remark="The site had an order with this mark already, so none was made anew."
        )
    body = {"order": sheet(order), "settings": {"notifications": {"sendNotificationToBuyer": False}}}
    made = wix.tell(ORDERS, body, Made, private=list(_private(order))).order
    if made.status == _HELD_BACK:
        return Placed(draft=made.id, remark="Wix holds it back until somebody there has taken the payment.")
    return Placed(external_id=made.id, remark=_remark(order, made))


def _standing(wix: Wix, order: Placing) -> str | None:
    """The id of the order on the site that carries the mark: sent once before, and nobody had learned of it."""
    wanted = {"filter": {"channelInfo.externalOrderId": mark_of(order.key)}, "cursorPaging": {"limit": 1}}
    found = wix.post(reading.ORDERS, {"search": wanted}, Standing).orders
    return found[0].id if found else None


def _remark(order: Placing, made: MadeOrder) -> str | None:
    """What people should know: that it costs something else there, or that its voucher was not redeemed."""
    total = made.price_summary.total if made.price_summary else None
    theirs = total.amount if total else None
    if theirs and _AMOUNT.fullmatch(theirs) and Decimal(theirs) != Decimal(decimal(order.total, order.currency)):
        return f"Wix makes it {theirs} {order.currency} instead of {decimal(order.total, order.currency)}."
    if order.voucher and not order.discount:
        return "Wix redeems no voucher in such an order: it stands there at its full price."
    return None


# -- what is sent ------------------------------------------------------------------------------------------------


def sheet(order: Placing) -> dict[str, Any]:
    """An Order as it is sent. Without what is not known: an empty text would be a value."""
    currency, mark = order.currency, mark_of(order.key)
    shares = _shares(order)
    subtotal = order.total + order.discount
    made: dict[str, Any] = {
        "channelInfo": {"type": "OTHER_PLATFORM", "externalOrderId": mark},
        "customFields": [{"title": "klientela", "value": " ".join(filter(None, [order.number, mark]))}],
        "buyerInfo": _said(contactId=order.customer, email=order.email),
        "lineItems": [_line(one, share, currency) for one, share in zip(order.lines, shares, strict=True)],
        "currency": currency,
        "taxIncludedInPrices": True,
        "priceSummary": {
            "subtotal": _price(subtotal, currency),
            "discount": _price(order.discount, currency),
            "total": _price(order.total, currency),
        },
        "status": "APPROVED",
        "paymentStatus": "NOT_PAID",
    }
    if order.discount:
        reason = (order.voucher or "klientela")[:_LONGEST_REASON]
        amount = {"amount": _price(order.discount, currency), "description": reason}
        made["appliedDiscounts"] = [{"discountType": "GLOBAL", "merchantDiscount": amount}]
    for name, place_ in (("billingInfo", order.billing), ("recipientInfo", order.shipping)):
        if (party := _party(place_, order)) is not None:
            made[name] = party
    return made


def _line(line: Line, share: int, currency: str) -> dict[str, Any]:
    """A line of no catalog; `share`: its part of the order's discount."""
    left = _price((line.total or 0) - share, currency)
    made = {
        "productName": {"original": (line.title or "–")[:_LONGEST_TITLE]},
        "quantity": int(line.quantity),
        "itemType": {"preset": "PHYSICAL"},
        "price": _price(line.unit_price or 0, currency),
        "totalDiscount": _price(share, currency),
        "totalPriceBeforeTax": left,
        "totalPriceAfterTax": left,
        "paymentOption": "FULL_PAYMENT_OFFLINE",
    }
    return {**made, "physicalProperties": {"sku": line.sku}} if line.sku else made


def _shares(order: Placing) -> list[int]:
    """What each line bears of the discount: by its price, together exactly the discount, none more than it costs."""
    left, rest = order.discount, sum(line.total or 0 for line in order.lines)
    shares = []
    for line in order.lines:
        cost = line.total or 0
        share = left * cost // rest if rest else 0
        shares.append(share)
        left, rest = left - share, rest - cost
    return shares


def _price(amount: int, currency: str) -> dict[str, str]:
    return {"amount": decimal(amount, currency)}


def _party(place_: Address | None, order: Placing) -> dict[str, Any] | None:
    """AddressWithContact; the name alone where no address is known."""
    who = place_ or Address()
    details = _said(
        firstName=who.first_name or order.first_name,
        lastName=who.last_name or order.last_name,
        company=who.company or order.company,
        phone=who.phone or order.phone,
    )
    made: dict[str, Any] = {"contactDetails": details} if details else {}
    if place_ is not None and (address := _address(place_)):
        made["address"] = address
    return made or None


def _address(place_: Address) -> dict[str, str]:
    country, region = (place_.country or "").upper(), (place_.region or "").upper()
    return _said(
        addressLine=" ".join(part for part in (place_.street, place_.house_number) if part),
        addressLine2=place_.line2,
        postalCode=place_.zip,
        city=place_.city,
        subdivision=region if _SUBDIVISION.fullmatch(region) else None,
        country=country if len(country) == 2 else None,
    )


def _said(**values: str | None) -> dict[str, str]:
    return {name: text for name, text in values.items() if text}


def _private(order: Placing) -> Iterator[str]:
    """What the order says about the person."""
    yield from (text for text in (order.first_name, order.last_name, order.company, order.email, order.phone) if text)
    for place_ in (order.billing, order.shipping):
        if place_ is not None:
            texts = ((name, getattr(place_, name)) for name in place_.__struct_fields__)
            yield from (text for name, text in texts if text and name != "kind")


__all__ = ["ORDERS", "PERMISSION", "place", "sheet"]
