"""Orders that are written into a pretend account: what `POST /orders` makes of a body, and what it has against it.

A body whose values are of other types than Billbee's is refused as ASP.NET does, with `ModelState`: null for a number too.
Not known of the real one: with which status its own error codes come (here 400), and that a shop never has two orders of
one id is known from the name of the code alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from klientela.kit import minor
from klientela_billbee.sandbox.carry import assign
from klientela_billbee.sandbox.shop import Shop
from klientela_billbee.sandbox.things import ORDERED, Address, Customer, Item, Order

Given = Mapping[str, Any]

EXISTS, WRONG_SHOP, INVALID = 9, 10, 11
_MESSAGES = {EXISTS: "Die Bestellung existiert bereits", WRONG_SHOP: "Unbekannter Shop", INVALID: "Daten ungültig"}
_decode = msgspec.json.Decoder(float_hook=Decimal).decode

_NUMBERS = {
    "": ("State", "PaymentMethod", "VatMode", "ShippingCost", "TotalCost", "TaxRate1", "TaxRate2", "BillBeeOrderId"),
    "InvoiceAddress": ("BillbeeId",),
    "ShippingAddress": ("BillbeeId",),
    "Customer": ("Id",),
    "OrderItems": ("Quantity", "TotalPrice", "TaxAmount", "TaxIndex", "UnrebatedTotalPrice"),
}
_PLACE = ("FirstName", "LastName", "Street", "HouseNumber", "Zip", "City", "CountryISO2", "Email", "Phone")
_TEXTS = {
    "": ("Id", "OrderNumber", "Currency", "SellerComment"),
    "InvoiceAddress": _PLACE,
    "ShippingAddress": _PLACE,
}


class Refused(Exception):
    """A body that makes no order: the answer with status 400."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer)
        self.answer = answer


def write(shop: Shop, asked: str | None, content: bytes) -> Order:
    """The order that a body makes, under the shop that it is asked for. Refused for others."""
    try:
        given = _decode(content)
    except msgspec.DecodeError:
        given = None
    if not isinstance(given, dict):
        raise Refused({"Message": "Die Anforderung ist ungültig.", "ModelState": {"orderData": ["No content."]}})
    if wrong := dict(_misread(given)):
        raise Refused({"Message": "Die Anforderung ist ungültig.", "ModelState": wrong})
    place = str(given.get("ApiAccountId") or asked or "")
    store = shop.stores.get(int(place)) if place.isdigit() else None
    if store is None:
        raise _no(WRONG_SHOP)
    if not given.get("OrderItems") or "CreatedAt" not in given:
        raise _no(INVALID)
    ident = given.get("Id")
    if ident and any(one.ident == ident and one.store == store.id for one in shop.orders.values()):
        raise _no(EXISTS)
    currency = given.get("Currency") or shop.currency
    billing, shipping = (
        _address(given.get(name), kind) for name, kind in (("InvoiceAddress", 1), ("ShippingAddress", 2))
    )
    email = next((one.email for one in (billing, shipping) if one is not None and one.email), None)
    return shop.order(
        store=store,
        ident=ident,
        number=given.get("OrderNumber"),
        customer=_buyer(shop, given, email, billing or shipping),
        items=[_item(one, currency) for one in given["OrderItems"]],
        currency=currency,
        shipping_cost=_minor(given.get("ShippingCost"), currency),
        billing=billing,
        shipping=shipping,
        order_email=email,
        state=given.get("State", ORDERED),
        payment=given.get("PaymentMethod", 0),
        paid_at=given.get("PayedAt"),
        tags=list(given.get("Tags") or ()),
        note=given.get("SellerComment"),
        created_at=given["CreatedAt"],
    )


def _no(code: int) -> Refused:
    return Refused({"ErrorMessage": _MESSAGES[code], "ErrorCode": code, "Data": None})


def _misread(given: Given) -> Iterator[tuple[str, list[str]]]:
    """The values that are of another type: path -> what ASP.NET says of each, which quotes it."""
    for place, names in _NUMBERS.items():
        for path, one in _objects(given, place):
            yield from _others(path, one, names, lambda value: _is_number(value), "System.Int64")
    for place, names in _TEXTS.items():
        for path, one in _objects(given, place):
            yield from _others(path, one, names, lambda value: value is None or isinstance(value, str), "System.String")


def _others(
    path: str, one: Given, names: Iterable[str], fits: Callable[[Any], bool], kind: str
) -> Iterator[tuple[str, list[str]]]:
    for name in names:
        if name in one and not fits(one[name]):
            value = "{null}" if one[name] is None else f'"{one[name]}"'
            said = f"Error converting value {value} to type '{kind}'. Path '{path}{name}', line 1, position 1."
            yield f"orderData.{path}{name}", [said]


def _objects(given: Given, place: str) -> Iterator[tuple[str, Given]]:
    """The objects at a place of the body, each with its path."""
    if not place:
        yield "", given
        return
    found = given.get(place)
    if isinstance(found, dict):
        yield f"{place}.", found
    for number, one in enumerate(found if isinstance(found, list) else ()):
        yield f"{place}[{number}].", one


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _buyer(shop: Shop, given: Given, email: str | None, home: Address | None) -> Customer | None:
    """The customer it names, or the one it is assigned to."""
    named = (given.get("Customer") or {}).get("Id")
    if named is None:
        return assign(shop, email, home)
    if named not in shop.customers:
        raise _no(INVALID)
    return shop.customers[named]


def _item(given: Given, currency: str) -> Item:
    product, quantity = given.get("Product") or {}, int(given.get("Quantity", 1))
    total = _minor(given.get("TotalPrice"), currency)
    whole = total if "UnrebatedTotalPrice" not in given else _minor(given["UnrebatedTotalPrice"], currency)
    return Item(
        title=product.get("Title") or "", sku=product.get("SKU"), quantity=quantity, price=whole // max(1, quantity),
        rebate=whole // max(1, quantity) * quantity - total, coupon=given.get("IsCoupon") is True,
    )  # fmt: skip


def _minor(amount: Any, currency: str) -> int:
    return minor(str(amount or 0), currency)


def _address(given: Given | None, kind: int) -> Address | None:
    if not given:
        return None
    return Address(
        kind=kind, first_name=given.get("FirstName"), last_name=given.get("LastName"), company=given.get("Company"),
        addition=given.get("NameAddition"), street=given.get("Street"), number=given.get("HouseNumber"),
        zip=given.get("Zip"), city=given.get("City"), country=given.get("CountryISO2") or given.get("Country"),
        phone=given.get("Phone"), email=given.get("Email"),
    )  # fmt: skip


__all__ = ["EXISTS", "INVALID", "WRONG_SHOP", "Refused", "write"]
