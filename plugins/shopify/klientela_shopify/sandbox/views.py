"""How the interface shows a shop's objects: fields, connections and money as Shopify writes them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLResolveInfo

from klientela.kit import Instant, decimal, iso
from klientela_shopify.sandbox.shop import Shop
from klientela_shopify.sandbox.things import COUNTRIES, Address, Checkout, Customer, Line, Order

Node = dict[str, Any]


def _inner(items: Sequence[Node]) -> Callable[..., Node]:
    """A connection inside an object: its cursors are plain places."""

    def resolve(_info: GraphQLResolveInfo[Any], first: int | None = None, after: str | None = None) -> Node:
        begin = int(base64.b64decode(after)) if after else 0
        end = len(items) if first is None else begin + first
        page = items[begin:end]
        place = base64.b64encode(str(begin + len(page)).encode()).decode() if page else None
        return {
            "nodes": page,
            "edges": [{"cursor": place, "node": node} for node in page],
            "pageInfo": {
                "hasNextPage": end < len(items),
                "hasPreviousPage": begin > 0,
                "startCursor": place,
                "endCursor": place,
            },
        }

    return resolve


def _money(amount: int, currency: str) -> Node:
    money = {"amount": decimal(amount, currency), "currencyCode": currency}
    return {"shopMoney": money, "presentmentMoney": money}


def _moment(moment: Instant | None) -> str | None:
    return None if moment is None else iso(moment)


def _address(one: Address | None, model: str = "CustomerAddress") -> Node | None:
    if one is None:
        return None
    return {
        "__typename": "MailingAddress",
        "id": f"gid://shopify/MailingAddress/{one.id}?model_name={model}",
        "firstName": one.first_name,
        "lastName": one.last_name,
        "name": " ".join(part for part in (one.first_name, one.last_name) if part) or None,
        "company": one.company,
        "address1": one.address1,
        "address2": one.address2,
        "zip": one.zip,
        "city": one.city,
        "province": one.province,
        "provinceCode": None,
        "country": COUNTRIES.get(one.country or "", one.country),
        "countryCodeV2": one.country,
        "phone": one.phone,
    }


def customer(shop: Shop, one: Customer) -> Node:
    """A Customer as the API shows it."""
    addresses = [node for node in map(_address, one.addresses) if node]
    email = one.email and {
        "emailAddress": one.email,
        "marketingState": one.email_consent,
        "marketingOptInLevel": "SINGLE_OPT_IN" if one.email_consent == "SUBSCRIBED" else None,
        "marketingUpdatedAt": _moment(one.email_consent_at),
        "validFormat": one.email_consent != "INVALID",
    }
    phone = one.phone and {
        "phoneNumber": one.phone,
        "marketingState": one.sms_consent,
        "marketingOptInLevel": "SINGLE_OPT_IN" if one.sms_consent == "SUBSCRIBED" else None,
        "marketingUpdatedAt": _moment(one.sms_consent_at),
        "marketingCollectedFrom": "SHOPIFY" if one.sms_consent == "SUBSCRIBED" else None,
        "whatsAppMarketingConsent": {
            "state": one.whatsapp_consent,
            "optInLevel": "SINGLE_OPT_IN" if one.whatsapp_consent == "SUBSCRIBED" else None,
            "updatedAt": _moment(one.whatsapp_consent_at),
            "collectedFrom": "SHOPIFY" if one.whatsapp_consent == "SUBSCRIBED" else None,
        },
    }
    return {
        "__typename": "Customer",
        "id": f"gid://shopify/Customer/{one.id}",
        "legacyResourceId": str(one.id),
        "firstName": one.first_name,
        "lastName": one.last_name,
        "displayName": one.name,
        "state": one.state,
        "verifiedEmail": one.verified_email,
        "locale": one.locale,
        "createdAt": iso(one.created_at),
        "updatedAt": iso(one.updated_at),
        "note": one.note,
        "tags": one.tags,
        "taxExempt": False,
        "numberOfOrders": str(len(shop.orders_of.get(one.id, []))),
        "amountSpent": {"amount": decimal(shop.spent(one), shop.currency), "currencyCode": shop.currency},
        "defaultEmailAddress": email or None,
        "defaultPhoneNumber": phone or None,
        "defaultAddress": addresses[one.default_address] if one.default_address < len(addresses) else None,
        "addressesV2": _inner(addresses),
    }


def _line(one: Line, currency: str, kind: str) -> Node:
    total = "discountedTotalSet" if kind == "LineItem" else "discountedTotalPriceSet"
    return {
        "__typename": kind,
        "id": f"gid://shopify/{kind}/{one.id}",
        "name": f"{one.title} - {one.variant}" if one.variant else one.title,
        "title": one.title,
        "variantTitle": one.variant,
        "sku": one.sku,
        "vendor": "Sandbox",
        "quantity": one.quantity,
        "currentQuantity": one.quantity,
        "isGiftCard": False,
        "originalUnitPriceSet": _money(one.price, currency),
        total: _money(one.discounted, currency),
    }


def order(shop: Shop, one: Order) -> Node:
    """An Order as the API shows it."""
    refunds = [
        {
            "__typename": "Refund",
            "id": f"gid://shopify/Refund/{refund.id}",
            "createdAt": iso(refund.at),
            "note": refund.note,
            "totalRefundedSet": _money(refund.amount, one.currency),
        }
        for refund in one.refunds
    ]
    return {
        "__typename": "Order",
        "id": f"gid://shopify/Order/{one.id}",
        "legacyResourceId": str(one.id),
        "name": one.name,
        "number": one.number,
        "test": one.test,
        "createdAt": iso(one.created_at),
        "processedAt": iso(one.processed_at),
        "updatedAt": iso(one.updated_at),
        "cancelledAt": _moment(one.cancelled_at),
        "cancelReason": one.cancel_reason,
        "closedAt": None,
        "displayFinancialStatus": one.status,
        "displayFulfillmentStatus": one.fulfillment,
        "email": one.email,
        "phone": one.phone,
        "customerLocale": one.locale,
        "sourceName": one.source,
        "sourceIdentifier": None,
        "currencyCode": one.currency,
        "presentmentCurrencyCode": one.currency,
        "totalPriceSet": _money(one.total, one.currency),
        "currentTotalPriceSet": _money(one.current_total, one.currency),
        "totalRefundedSet": _money(one.refunded, one.currency),
        "paymentGatewayNames": ["bogus"] if one.test else ["shopify_payments"],
        "note": one.note,
        "tags": one.tags,
        "checkoutToken": one.checkout_token,
        "cartToken": None,
        "customer": one.customer,
        "billingAddress": _address(one.billing, "Address"),
        "shippingAddress": _address(one.shipping, "Address"),
        "refunds": lambda _info, first=None: refunds[:first],
        "lineItems": _inner([_line(line, one.currency, "LineItem") for line in one.lines]),
    }


def checkout(shop: Shop, one: Checkout) -> Node:
    """An AbandonedCheckout as the API shows it."""
    buyer = shop.customers.get(one.customer) if one.customer is not None else None
    return {
        "__typename": "AbandonedCheckout",
        "id": f"gid://shopify/AbandonedCheckout/{one.id}",
        "name": f"#{one.id}",
        "abandonedCheckoutUrl": f"https://{shop.domain}/58033176765/checkouts/ac/{one.token}/recover?key=k&locale=de",
        "createdAt": iso(one.created_at),
        "updatedAt": iso(one.updated_at),
        "completedAt": _moment(one.completed_at),
        "note": one.note,
        "customer": customer(shop, buyer) if buyer else None,
        "billingAddress": _address(one.billing, "Address"),
        "shippingAddress": _address(one.shipping, "Address"),
        "totalPriceSet": _money(one.total, one.currency),
        "subtotalPriceSet": _money(one.total, one.currency),
        "lineItems": _inner([_line(line, one.currency, "AbandonedCheckoutLineItem") for line in one.lines]),
    }
