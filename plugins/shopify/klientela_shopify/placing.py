"""Writes an order into the shop: as a draft, and only where the configuration says so as an order at once.

A draft sends nothing and takes no money: somebody in the shop looks at it, sends the invoice or takes the payment, and it
becomes an order. Completing it here makes it one that Shopify holds for paid. The draft's tags become the order's, so the
mark among them tells whose order it was, whoever completed it.
"""

from __future__ import annotations

from typing import Any

from klientela.kit import Address, NotKnown, Placed, Placing, SourceBroken, SourceRefused, decimal, mark_of
from klientela_shopify import queries
from klientela_shopify.client import Admin
from klientela_shopify.nodes import CompletedAnswer, DraftAnswer, UserProblem
from klientela_shopify.translate import number

SCOPE = "write_draft_orders"
_CUSTOMER = "gid://shopify/Customer/"


def place(admin: Admin, order: Placing, *, complete: bool) -> Placed:
    """The draft, or the order that it became. SourceRefused where the shop does not take it, NotKnown without an answer."""
    made = admin.change(queries.DRAFT_CREATE, {"input": draft(order)}, DraftAnswer).draft_order_create
    _unless(admin, made.user_errors if made is not None else [])
    if made is None or made.draft_order is None:
        raise NotKnown("the shop answered without a draft order, so nobody knows whether it took the order")
    name, number_ = made.draft_order.name, number(made.draft_order.id)
    if not complete:
        return Placed(draft=number_, remark=_open(name))
    return _completed(admin, made.draft_order.id, number_, name)


def _completed(admin: Admin, gid: str, draft_number: str, name: str) -> Placed:
    """The draft is there, whatever comes of this."""
    try:
        done = admin.change(queries.DRAFT_COMPLETE, {"id": gid}, CompletedAnswer).draft_order_complete
        _unless(admin, done.user_errors if done is not None else [])
    except (NotKnown, SourceBroken, SourceRefused) as error:
        return Placed(draft=draft_number, remark=f"It is a draft order there ({name}): {error.message}.")
    order = done.draft_order.order if done is not None and done.draft_order is not None else None
    if order is None:
        return Placed(draft=draft_number, remark=_open(name))
    return Placed(external_id=number(order.id))


def _open(name: str) -> str:
    return f"It is a draft order there ({name}) until somebody completes it."


def draft(order: Placing) -> dict[str, Any]:
    """`DraftOrderInput`. A voucher without an amount is left to the shop, which knows what it is worth."""
    made: dict[str, Any] = {
        "lineItems": [
            {
                "title": line.title or "–",
                "quantity": int(line.quantity),
                "originalUnitPriceWithCurrency": _money(line.unit_price or 0, order.currency),
                **({"sku": line.sku} if line.sku else {}),
            }
            for line in order.lines
        ],
        "presentmentCurrencyCode": order.currency,
        "tags": [mark_of(order.key)],
        "customAttributes": [{"key": "klientela", "value": order.number or order.key}],
    }
    if order.discount:
        amount = _money(order.discount, order.currency)
        made["appliedDiscount"] = {
            "title": order.voucher or "klientela", "valueType": "FIXED_AMOUNT", "value": float(amount["amount"]),
            "amountWithCurrency": amount,
        }  # fmt: skip
    elif order.voucher:
        made["discountCodes"] = [order.voucher]
    if order.customer is not None:
        made["purchasingEntity"] = {"customerId": f"{_CUSTOMER}{order.customer}"}
    if order.email:
        made["email"] = order.email
    for name, place_ in (("billingAddress", order.billing), ("shippingAddress", order.shipping)):
        if place_ is not None:
            made[name] = _address(place_, order)
    return made


def _money(amount: int, currency: str) -> dict[str, str]:
    return {"amount": decimal(amount, currency), "currencyCode": currency}


def _address(place_: Address, order: Placing) -> dict[str, str]:
    """`MailingAddressInput`, without what is not known: an empty text would be a value."""
    street = " ".join(part for part in (place_.street, place_.house_number) if part)
    code = (place_.country or "").upper()
    said = {
        "firstName": place_.first_name or order.first_name,
        "lastName": place_.last_name or order.last_name,
        "company": place_.company or order.company,
        "address1": street,
        "address2": place_.line2,
        "zip": place_.zip,
        "city": place_.city,
        "countryCode": code if len(code) == 2 else None,
    }
    return {name: text for name, text in said.items() if text}


def _unless(admin: Admin, problems: list[UserProblem]) -> None:
    if problems:
        raise SourceRefused(
            f"the shop does not take the order: {admin.words(problems[0].message)}",
            hint="Mend it and send it again; the order is kept here meanwhile.",
        )


__all__ = ["SCOPE", "draft", "place"]
