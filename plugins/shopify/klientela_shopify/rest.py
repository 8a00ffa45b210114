"""Bodies of webhooks, which still have the old REST shape, turned into the nodes of the GraphQL interface.

So both ways of hearing of an object are translated by the same lines. What a body does not carry stays absent; ids are
read from `admin_graphql_api_id`, for the plain number may have lost its last digits on the way through JavaScript.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from klientela.kit import decimal
from klientela_shopify.nodes import CheckoutNode, CustomerNode, OrderNode
from klientela_shopify.translate import cents

Body = Mapping[str, Any]
Node = dict[str, Any]

_GID = re.compile(r"gid://shopify/[A-Za-z]+/([0-9]+)")
_NUMBERED = re.compile(r"#([0-9]+)")
_ADDRESS = {
    "first_name": "firstName",
    "last_name": "lastName",
    "company": "company",
    "address1": "address1",
    "address2": "address2",
    "zip": "zip",
    "city": "city",
    "province": "province",
    "country": "country",
    "country_code": "countryCodeV2",
    "phone": "phone",
}
_CUSTOMER = {
    "updated_at": "updatedAt",
    "created_at": "createdAt",
    "verified_email": "verifiedEmail",
    "first_name": "firstName",
    "last_name": "lastName",
    "locale": "locale",
    "note": "note",
}
_ORDER = {
    "updated_at": "updatedAt",
    "name": "name",
    "test": "test",
    "processed_at": "processedAt",
    "cancelled_at": "cancelledAt",
    "email": "email",
    "phone": "phone",
    "checkout_token": "checkoutToken",
}
_CHECKOUT = {
    "updated_at": "updatedAt",
    "created_at": "createdAt",
    "completed_at": "completedAt",
    "abandoned_checkout_url": "abandonedCheckoutUrl",
}


def identity(body: Body, kind: str, name: str = "id") -> str:
    """The global id of the object a body is about. ValueError when it tells none."""
    found = body.get("admin_graphql_api_id") if name == "id" else None
    if isinstance(found, str) and _GID.fullmatch(found):
        return found
    number = body.get(name)
    if isinstance(number, str) and _GID.fullmatch(number):
        return number
    if isinstance(number, str) and number.isascii() and number.isdigit() and int(number):
        return f"gid://shopify/{kind}/{int(number)}"
    if isinstance(number, int) and not isinstance(number, bool) and number > 0:
        return f"gid://shopify/{kind}/{number}"
    raise ValueError("it does not say which object it is about")


def customer(body: Body) -> CustomerNode:
    """A Customer. ValueError (of msgspec) for another shape."""
    node = _copied(body, _CUSTOMER)
    node["id"] = identity(body, "Customer")
    if isinstance(state := body.get("state"), str):
        node["state"] = state.upper()
    if "tags" in body:
        node["tags"] = _tags(body["tags"])
    if "email" in body:
        node["defaultEmailAddress"] = _answer(body, "email", "email_marketing_consent", "emailAddress")
    if "phone" in body:
        node["defaultPhoneNumber"] = _answer(body, "phone", "sms_marketing_consent", "phoneNumber")
    home = body.get("default_address")
    if isinstance(home, Mapping):
        node["defaultAddress"] = _address(home)
    elif "default_address" in body and home is None:
        node["defaultAddress"] = None
    if isinstance(addresses := body.get("addresses"), Sequence):
        node["addressesV2"] = {"nodes": [_address(one) for one in addresses if isinstance(one, Mapping)]}
    return msgspec.convert(node, CustomerNode)


def order(body: Body) -> OrderNode:
    """An Order. ValueError (of msgspec) for another shape."""
    node = _copied(body, _ORDER)
    node["id"] = identity(body, "Order")
    currency = _text(body.get("currency"))
    node["totalPriceSet"] = _money(body, "total_price", currency)
    if (current := _money(body, "current_total_price", currency)) is not None:
        node["currentTotalPriceSet"] = current
    if (refunded := _refunded(body, currency)) is not None:
        node["totalRefundedSet"] = refunded
    if "financial_status" in body:
        status = body["financial_status"]
        node["displayFinancialStatus"] = status.upper() if isinstance(status, str) else status
    if "tags" in body:
        node["tags"] = _tags(body["tags"])
    _buyer(body, node)
    for theirs, ours in (("billing_address", "billingAddress"), ("shipping_address", "shippingAddress")):
        if isinstance(place := body.get(theirs), Mapping):
            node[ours] = _address(place)
        elif theirs in body and place is None:
            node[ours] = None
    _lines(body, node, lambda one: _line(one, currency))
    return msgspec.convert(node, OrderNode)


def checkout(body: Body) -> CheckoutNode:
    """An AbandonedCheckout. ValueError (of msgspec) for another shape."""
    node = _copied(body, _CHECKOUT)
    node["id"] = checkout_id(body)
    currency = _text(body.get("currency"))
    node["totalPriceSet"] = _money(body, "total_price", currency)
    _buyer(body, node)
    _lines(body, node, lambda one: _cart_line(one, currency))
    return msgspec.convert(node, CheckoutNode)


def checkout_id(body: Body) -> str:
    """The global id of a checkout: where the number is missing, its name is "#" and the number."""
    try:
        return identity(body, "AbandonedCheckout")
    except ValueError:
        found = _NUMBERED.fullmatch(str(body.get("name")))
        if found is None:
            raise
        return f"gid://shopify/AbandonedCheckout/{found[1]}"


# -- parts -------------------------------------------------------------------------------------------------------


def _copied(body: Body, names: Mapping[str, str]) -> Node:
    return {ours: body[theirs] for theirs, ours in names.items() if theirs in body}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _tags(value: Any) -> Any:
    """`"a, b"` as the list that GraphQL shows; a list is taken as it is."""
    if value is None:
        return []
    return [tag for part in value.split(",") if (tag := part.strip())] if isinstance(value, str) else value


def _answer(body: Body, name: str, consent: str, ours: str) -> Node | None:
    """An e-mail or phone with what its owner answered; without the answer where the body tells none."""
    if not body[name]:
        return None
    node: Node = {ours: body[name]}
    if isinstance(answer := body.get(consent), Mapping) and "state" in answer:
        state = answer["state"]
        node["marketingState"] = state.upper() if isinstance(state, str) else state
        node["marketingUpdatedAt"] = answer.get("consent_updated_at")
    return node


def _address(body: Body) -> Node:
    node = _copied(body, _ADDRESS)
    if body.get("id") is not None:
        node["id"] = str(body["id"])
    return node


def _buyer(body: Body, node: Node) -> None:
    """Whose it is. A body without the key says nothing of it; so does one that shows a buyer without an id."""
    if "customer" not in body:
        return
    buyer = body["customer"]
    if buyer is None:
        node["customer"] = None
    elif isinstance(buyer, Mapping):
        node["customer"] = {"id": identity(buyer, "Customer")}


def _lines(body: Body, node: Node, line: Callable[[Body], Node]) -> None:
    if isinstance(lines := body.get("line_items"), Sequence) and not isinstance(lines, str):
        node["lineItems"] = {"nodes": [line(one) for one in lines if isinstance(one, Mapping)]}


def _line(body: Body, currency: str | None) -> Node:
    price, discount = _money(body, "price", currency), _money(body, "total_discount", currency)
    node = {"title": body.get("title"), "variantTitle": body.get("variant_title"), "sku": body.get("sku")}
    quantity = body.get("quantity", 1)
    return {
        **node,
        "quantity": quantity,
        "originalUnitPriceSet": price,
        "discountedTotalSet": _after(price, quantity, discount),
    }


def _cart_line(body: Body, currency: str | None) -> Node:
    node = {"title": body.get("title"), "variantTitle": body.get("variant_title"), "sku": body.get("sku")}
    return {
        **node,
        "quantity": body.get("quantity", 1),
        "originalUnitPriceSet": _money(body, "price", currency),
        "discountedTotalSet": _money(body, "line_price", currency),
    }


def _money(body: Body, name: str, currency: str | None) -> Node | None:
    """A MoneyBag of the shop's currency: of the `…_set`, else of the plain amount; None where there is neither."""
    bag = body.get(f"{name}_set")
    money = bag.get("shop_money") if isinstance(bag, Mapping) else None
    if isinstance(money, Mapping) and money.get("amount") is not None:
        return _bag(money["amount"], money.get("currency_code") or currency)
    return None if body.get(name) is None else _bag(body[name], currency)


def _bag(amount: Any, currency: Any) -> Node:
    plain = str(amount) if isinstance(amount, (int, float)) and not isinstance(amount, bool) else amount
    return {"shopMoney": {"amount": plain, "currencyCode": currency}}


def _after(price: Node | None, quantity: Any, discount: Node | None) -> Node | None:
    """What a line costs after its own discounts; None where that cannot be told."""
    if price is None or discount is None or not isinstance(quantity, int):
        return None
    currency = price["shopMoney"]["currencyCode"]
    if currency is None or discount["shopMoney"]["currencyCode"] != currency:
        return None
    left = cents(price["shopMoney"]["amount"], currency) * quantity - cents(discount["shopMoney"]["amount"], currency)
    return _bag(decimal(left, currency), currency)


def _refunded(body: Body, currency: str | None) -> Node | None:
    """The sum of all money that went back; None where a body does not say, or in a currency we cannot add."""
    refunds = body.get("refunds")
    if not isinstance(refunds, Sequence) or isinstance(refunds, str) or currency is None:
        return None
    total = 0
    for refund in refunds:
        payments = refund.get("transactions") if isinstance(refund, Mapping) else None
        if not isinstance(payments, Sequence):
            return None
        for one in payments:
            if not isinstance(one, Mapping):
                return None
            if one.get("kind") != "refund" or one.get("status") != "success":
                continue
            if one.get("currency") not in (None, currency) or one.get("amount") is None:
                return None
            total += cents(str(one["amount"]), currency)
    return _bag(decimal(total, currency), currency)
