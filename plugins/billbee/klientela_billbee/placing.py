"""Writes an order into the account: once, under the shop that the configuration names, and unpaid.

It carries the mark twice: among its tags, and as the id that it has at "the marketplace", which nobody edits. Billbee knows no
idempotency key, so it is asked for an order with that mark first, and then that one is it. Nor does it know vouchers: what
was taken off is a coupon item, and a code without an amount is only noted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw

from klientela.kit import (
    Address,
    Instant,
    Line,
    NotKnown,
    Placed,
    Placing,
    SourceRefused,
    decimal,
    iso,
    mark_of,
)
from klientela_billbee.client import Billbee, Told
from klientela_billbee.nodes import OrderRef
from klientela_billbee.settings import BillbeeSettings
from klientela_billbee.translate import decode_order

_ORDERED, _NORMAL_TAX = 1, 1  # OrderState, TaxIndex
_EXISTS, _WRONG_SHOP, _INVALID = 9, 10, 11  # ErrorCode
_LOOK = "Look in Billbee before it is sent again."
_PRIVATE = re.compile(r"\S*@\S*|\d{5,}")
_LONGEST = 160

_ref = msgspec.json.Decoder(OrderRef)


def place(api: Billbee, order: Placing, settings: BillbeeSettings, at: Instant) -> Placed:
    """The order that Billbee made. SourceRefused where it surely made none, NotKnown where no answer tells."""
    if (there := _there(api, order)) is not None:
        return Placed(external_id=there, remark=_remark(order))
    told = api.write("orders", {"shopId": settings.write_shop}, body(order, settings, at))
    if told.code == _EXISTS:
        raise NotKnown("Billbee says that it has the order already, but does not show it", hint=_LOOK)
    if told.code == _WRONG_SHOP:
        raise SourceRefused(
            f"the Billbee account does not know the shop {settings.write_shop}",
            hint="Set write_shop of this source to one of its shops; `klientela check` lists them.",
        )
    if told.code == _INVALID or (told.status >= 400 and not told.code):
        raise SourceRefused(
            f"Billbee does not take the order: {_reason(told, order)}",
            hint="Mend it and send it again; the order is kept here meanwhile.",
        )
    if told.code:
        raise NotKnown(
            f"Billbee answered the order with its error code {told.code}, so nobody knows whether it took it",
            hint=_LOOK,
        )
    made = _id(told.data)
    if made is None:
        raise NotKnown("Billbee answered without an order, so nobody knows whether it took it", hint=_LOOK)
    return Placed(external_id=made, remark=_remark(order))


def _there(api: Billbee, order: Placing) -> str | None:
    """The id of an order that carries the mark already; None where none is shown."""
    mark = mark_of(order.key)
    for name in (mark, order.number):  # theirs says "order number" and means that or the id
        found = api.find(f"orders/findbyextref/{quote(name, safe='')}") if name else None
        if found is not None and mark in _names(found):
            return _id(found)
    return None


def _names(data: Raw) -> list[str]:
    """What an order is known by."""
    try:
        node = decode_order(data)
    except msgspec.ValidationError:
        return []
    return [str(node.id), *(node.tags or ())]


def _id(data: Raw) -> str | None:
    try:
        return str(_ref.decode(data).bill_bee_order_id)
    except msgspec.DecodeError:
        return None


def _remark(order: Placing) -> str | None:
    if order.voucher and not order.discount:
        return f"Billbee knows no vouchers: {order.voucher} is noted there, and nothing was taken off."
    return None


def _reason(told: Told, order: Placing) -> str:
    """Which fields Billbee complains about, or its own words without what may be about the person."""
    if told.fields:
        return ", ".join(told.fields[:5])
    text = " ".join(told.message.split())
    for word in sorted(_personal(order), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", "…", text, flags=re.IGNORECASE)
    text = _PRIVATE.sub("…", text)[:_LONGEST]
    return text or (f"error code {told.code}" if told.code else f"status {told.status}")


def _personal(order: Placing) -> set[str]:
    """All words of the order that are about its buyer."""
    words = {order.first_name, order.last_name, order.company, order.email, order.phone, order.customer}
    for place_ in (order.billing, order.shipping):
        if place_ is not None:
            said = msgspec.structs.asdict(place_)
            words |= {value for name, value in said.items() if isinstance(value, str) and name != "kind"}
    return {part for word in words if word for part in (word, *word.split())}


# -- the order in Billbee's words --------------------------------------------------------------------------------------


def body(order: Placing, settings: BillbeeSettings, at: Instant) -> dict[str, Any]:
    """Order. Nothing that is not known is named: a null in the place of a number is refused."""
    items = [_item(line, order.currency, settings.write_tax_rate) for line in order.lines]
    if order.discount:
        items.append(_coupon(order, settings.write_tax_rate))
    code = f", voucher {order.voucher}" if order.voucher else ""
    made: dict[str, Any] = {
        "Id": mark_of(order.key),
        "OrderNumber": order.number or mark_of(order.key),
        "State": _ORDERED,
        "VatMode": 0,
        "CreatedAt": iso(at),
        "PaymentMethod": settings.write_payment,
        "Currency": order.currency,
        "OrderItems": items,
        "ShippingCost": 0,
        "TotalCost": _money(order.total, order.currency),
        "TaxRate1": settings.write_tax_rate,
        "Tags": [mark_of(order.key)],
        "SellerComment": f"klientela {order.number or order.key}{code}",
    }
    for name, place_ in (("InvoiceAddress", order.billing), ("ShippingAddress", order.shipping)):
        if found := _address(place_, order):
            made[name] = found
    if order.customer is not None and order.customer.isdigit():
        made["Customer"] = {"Id": int(order.customer)}
    return made


def _item(line: Line, currency: str, tax: float) -> dict[str, Any]:
    each = line.unit_price or 0
    whole = int(each * line.quantity)
    total = whole if line.total is None else line.total
    product = {"Title": line.title or "–", **({"SKU": line.sku} if line.sku else {})}
    return {
        "Product": product,
        "Quantity": line.quantity,
        "UnrebatedTotalPrice": _money(whole, currency),
        **_priced(total, currency, tax),
        "IsCoupon": False,
    }


def _coupon(order: Placing, tax: float) -> dict[str, Any]:
    """What was taken off, as Billbee shows a voucher of a shop."""
    return {
        "Product": {"Title": order.voucher or "klientela"},
        "Quantity": 1,
        "UnrebatedTotalPrice": _money(-order.discount, order.currency),
        **_priced(-order.discount, order.currency, tax),
        "IsCoupon": True,
    }


def _priced(total: int, currency: str, tax: float) -> dict[str, Any]:
    """A gross price, and the tax that is in it."""
    rate = Decimal(str(tax))
    share = (Decimal(total) * rate / (100 + rate)).quantize(Decimal(1), ROUND_HALF_UP)
    return {
        "TotalPrice": _money(total, currency),
        "TaxAmount": _money(int(share), currency),
        "TaxIndex": _NORMAL_TAX,
        "GetPriceFromArticleIfAny": False,  # the price is the one it was placed for
    }


def _money(amount: int, currency: str) -> Raw:
    """A JSON number, exactly."""
    return Raw(decimal(amount, currency).encode())


def _address(place_: Address | None, order: Placing) -> Mapping[str, str]:
    """Address, without what is not known; where no place is known, whom to write to."""
    where = place_ or Address()
    country = (where.country or "").strip()
    short = len(country) == 2
    said = {
        "FirstName": where.first_name or order.first_name,
        "LastName": where.last_name or order.last_name,
        "Company": where.company or order.company,
        "Street": where.street,
        "HouseNumber": where.house_number,
        "NameAddition": where.line2,
        "Zip": where.zip,
        "City": where.city,
        "State": where.region,
        "CountryISO2": country.upper() if short else None,
        "Country": None if short else country,
        "Phone": where.phone or order.phone,
        "Email": order.email,
    }
    return {name: text for name, text in said.items() if text}


__all__ = ["body", "place"]
