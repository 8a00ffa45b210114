"""What a pretend shop tells by itself: the bodies of its webhooks in their old REST shape, signed, and brought badly.

The post repeats, shuffles, loses and delays messages and slips forged ones in, as it is told to.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from klientela.kit import Instant, decimal, iso
from klientela_shopify.sandbox.things import COUNTRIES, Address, Checkout, Customer, Line, Order

if TYPE_CHECKING:
    from klientela_shopify.sandbox.shop import Shop

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that happened, as it was when it happened."""

    id: str
    topic: str
    body: bytes
    at: Instant
    forged: bool = False


@dataclass(frozen=True, slots=True)
class Weather:
    """How badly the post works: shares of messages from 0 to 1.

    `late` ones come with the next post, `lost` ones never; `forged` ones are added, with a change to what they say.
    """

    duplicates: float = 0.0
    shuffled: float = 0.0
    forged: float = 0.0
    lost: float = 0.0
    late: float = 0.0


FAIR = Weather()


# -- what is said ------------------------------------------------------------------------------------------------


def customer(shop: Shop, one: Customer) -> Body:
    """A customer, as customers/create and its siblings show it."""
    homes = [_address(address, one) for address in one.addresses]
    home = homes[one.default_address] if one.default_address < len(homes) else None
    return {
        "id": one.id,
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "first_name": one.first_name,
        "last_name": one.last_name,
        "state": one.state.lower(),
        "note": one.note,
        "verified_email": one.verified_email,
        "multipass_identifier": None,
        "tax_exempt": False,
        "email": one.email,
        "phone": one.phone,
        "locale": one.locale,
        "currency": shop.currency,
        "tags": ", ".join(one.tags),
        "addresses": homes,
        "tax_exemptions": [],
        "email_marketing_consent": _consent(one.email, one.email_consent, one.email_consent_at),
        "sms_marketing_consent": _consent(one.phone, one.sms_consent, one.sms_consent_at),
        "admin_graphql_api_id": f"gid://shopify/Customer/{one.id}",
        "default_address": home,
    }


def order(shop: Shop, one: Order) -> Body:
    """An order, as orders/create and its siblings show it."""
    buyer = shop.customers.get(one.customer) if one.customer is not None else None
    return {
        "id": one.id,
        "admin_graphql_api_id": f"gid://shopify/Order/{one.id}",
        "name": one.name,
        "order_number": one.number,
        "test": one.test,
        "created_at": iso(one.created_at),
        "processed_at": iso(one.processed_at),
        "updated_at": iso(one.updated_at),
        "cancelled_at": None if one.cancelled_at is None else iso(one.cancelled_at),
        "cancel_reason": one.cancel_reason and one.cancel_reason.lower(),
        "financial_status": one.status.lower(),
        "fulfillment_status": None if one.fulfillment == "UNFULFILLED" else one.fulfillment.lower(),
        "email": one.email,
        "phone": one.phone,
        "currency": one.currency,
        **_money("total_price", one.total, one.currency),
        **_money("current_total_price", one.current_total, one.currency),
        "tags": ", ".join(one.tags),
        "note": one.note,
        "source_name": one.source,
        "checkout_token": one.checkout_token,
        "customer": customer(shop, buyer) if buyer is not None else None,
        "billing_address": one.billing and _address(one.billing),
        "shipping_address": one.shipping and _address(one.shipping),
        "line_items": [_line(line, one.currency) for line in one.lines],
        "refunds": [
            {
                "id": refund.id,
                "order_id": one.id,
                "created_at": iso(refund.at),
                "transactions": [
                    {
                        "kind": "refund",
                        "status": "success",
                        "amount": decimal(refund.amount, one.currency),
                        "currency": one.currency,
                    }
                ],
            }
            for refund in one.refunds
        ],
    }


def checkout(shop: Shop, one: Checkout) -> Body:
    """A checkout, as checkouts/create and checkouts/update show it. One without a buyer lacks the key."""
    buyer = shop.customers.get(one.customer) if one.customer is not None else None
    body = {
        "id": one.id,
        "token": one.token,
        "cart_token": f"cart{one.token}",
        "name": f"#{one.id}",
        "email": buyer.email if buyer is not None else None,
        "abandoned_checkout_url": f"https://{shop.domain}/58033176765/checkouts/ac/{one.token}/recover?key=k&locale=de",
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "completed_at": None if one.completed_at is None else iso(one.completed_at),
        "currency": one.currency,
        "presentment_currency": one.currency,
        "total_price": decimal(one.total, one.currency),
        "note": one.note,
        "billing_address": one.billing and _address(one.billing),
        "shipping_address": one.shipping and _address(one.shipping),
        "line_items": [
            {
                "title": line.title,
                "variant_title": line.variant,
                "sku": line.sku,
                "quantity": line.quantity,
                "price": decimal(line.price, one.currency),
                "line_price": decimal(line.discounted, one.currency),
            }
            for line in one.lines
        ],
    }
    return body if buyer is None else {**body, "customer": customer(shop, buyer)}


def mail_consent(one: Customer) -> Body:
    """What customers_email_marketing_consent/update says: neither name nor address."""
    answer = _consent(one.email, one.email_consent, one.email_consent_at)
    return {"customer_id": one.id, "email_address": one.email, "email_marketing_consent": answer}


def sms_consent(one: Customer) -> Body:
    """What customers_marketing_consent/update says."""
    answer = _consent(one.phone, one.sms_consent, one.sms_consent_at)
    return {"id": one.id, "phone": one.phone, "sms_marketing_consent": answer}


def tags(one: Customer, which: Iterable[str], at: Instant) -> Body:
    """What customer.tags_added and customer.tags_removed say."""
    return {"customerId": f"gid://shopify/Customer/{one.id}", "tags": sorted(which), "occurredAt": iso(at)}


def merge(kept: int, gone: int, status: str) -> Body:
    """What customers/merge says."""
    errors = [{"customer_ids": [kept], "field": "merge_in_progress", "message": "busy"}] if status == "failed" else []
    return {
        "admin_graphql_api_customer_kept_id": f"gid://shopify/Customer/{kept}",
        "admin_graphql_api_customer_deleted_id": f"gid://shopify/Customer/{gone}",
        "admin_graphql_api_job_id": None,
        "status": status,
        "errors": errors,
    }


def _consent(address: str | None, state: str, at: Instant | None) -> Body | None:
    if not address:
        return None
    level = "single_opt_in" if state == "SUBSCRIBED" else None
    return {"state": state.lower(), "opt_in_level": level, "consent_updated_at": None if at is None else iso(at)}


def _address(one: Address, owner: Customer | None = None) -> Body:
    node: Body = {
        "first_name": one.first_name,
        "last_name": one.last_name,
        "company": one.company,
        "address1": one.address1,
        "address2": one.address2,
        "city": one.city,
        "province": one.province,
        "country": COUNTRIES.get(one.country or "", one.country),
        "country_code": one.country,
        "zip": one.zip,
        "phone": one.phone,
        "name": " ".join(part for part in (one.first_name, one.last_name) if part) or None,
    }
    return node if owner is None else {"id": one.id, "customer_id": owner.id, **node}


def _line(one: Line, currency: str) -> Body:
    return {
        "id": one.id,
        "title": one.title,
        "variant_title": one.variant,
        "sku": one.sku,
        "quantity": one.quantity,
        **_money("price", one.price, currency),
        **_money("total_discount", one.price * one.quantity - one.discounted, currency),
    }


def _money(name: str, amount: int, currency: str) -> Body:
    money = {"amount": decimal(amount, currency), "currency_code": currency}
    return {name: money["amount"], f"{name}_set": {"shop_money": money, "presentment_money": money}}


# -- the post ----------------------------------------------------------------------------------------------------


def signature(body: bytes, secret: str) -> str:
    """What stands in X-Shopify-Hmac-Sha256."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def headers(one: Message, secret: str, domain: str) -> dict[str, str]:
    """The headers of a delivery."""
    return {
        "Content-Type": "application/json",
        "X-Shopify-Topic": one.topic,
        "X-Shopify-Hmac-Sha256": signature(one.body, secret),
        "X-Shopify-Shop-Domain": domain,
        "X-Shopify-API-Version": "2026-07",
        "X-Shopify-Webhook-Id": one.id,
        "X-Shopify-Event-Id": f"event-{one.id}",
        "X-Shopify-Triggered-At": iso(one.at),
    }


def sorted_badly(
    messages: Sequence[Message], weather: Weather, dice: random.Random
) -> tuple[list[Message], list[Message]]:
    """The messages as the post brings them now, and those that come next time."""
    brought: list[Message] = []
    late: list[Message] = []
    for one in messages:
        if dice.random() < weather.lost:
            continue
        if dice.random() < weather.late:
            late.append(one)
            continue
        brought.append(one)
        if dice.random() < weather.duplicates:
            brought.append(one)
        if dice.random() < weather.forged:
            brought.append(_forged(one, dice))
    for place in range(len(brought)):
        if dice.random() < weather.shuffled:
            other = dice.randrange(len(brought))
            brought[place], brought[other] = brought[other], brought[place]
    return brought, late


def _forged(one: Message, dice: random.Random) -> Message:
    """A message that somebody without the secret made out of another: with his own words and an id of its own."""
    body = json.loads(one.body)
    for name in ("email", "first_name", "last_name"):
        if name in body:
            body[name] = f"forged{dice.randrange(10**6)}@example.org"
    body["updated_at"] = "2030-01-01T00:00:00Z"
    return replace(one, id=f"forged-{dice.randrange(10**12)}", body=json.dumps(body).encode(), forged=True)


def post(url: str, one: Message, secret: str, domain: str) -> int:
    """Send a message; the status of the answer. Who forges does not know the secret."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        sent = headers(one, "a guess" if one.forged else secret, domain)
        connection.request("POST", parts.path or "/", one.body, sent)
        return connection.getresponse().status
    finally:
        connection.close()
