"""Messages that Shopify sends to an app: proven by an HMAC over the raw body, and what each topic says.

They come late, twice and in any order; the times inside the objects decide, never the arrival. Deletions and merges
are told here alone. Partial messages (consents, tags) are laid over what is known, because a field is stored whole.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from klientela.kit import (
    Consent,
    Delivery,
    DeliveryRefused,
    Gone,
    Instant,
    KlientelaError,
    Notice,
    Person,
    Record,
    RecordRejected,
    Redact,
    instant,
)
from klientela_shopify import rest, translate
from klientela_shopify.rest import Body
from klientela_shopify.settings import GuestRule, ShopifySettings

Said = Iterable[Record | Redact]
Recall = Callable[[str, Sequence[str]], Mapping[str, Record]]

_CUSTOMERS = frozenset({"customers/create", "customers/update", "customers/enable", "customers/disable"})
_ORDERS = frozenset(
    {
        "orders/create",
        "orders/updated",
        "orders/cancelled",
        "orders/paid",
        "orders/fulfilled",
        "orders/partially_fulfilled",
        "orders/link_requested",
    }
)
_CHECKOUTS = frozenset({"checkouts/create", "checkouts/update"})
_DELETED = {"customers/delete": "customer", "orders/delete": "order", "checkouts/delete": "checkout"}
_TAGS: dict[str, Literal["added", "removed"]] = {
    "customer.tags_added": "added",
    "customer.tags_removed": "removed",
    "customer_tags/added": "added",
    "customer_tags/removed": "removed",
}
_EMAIL_CONSENT = "customers_email_marketing_consent/update"
_SMS_CONSENT = "customers_marketing_consent/update"
_MERGE = "customers/merge"
_REQUESTS = frozenset({"customers/redact", "shop/redact", "customers/data_request"})
_READ = (
    _CUSTOMERS | _ORDERS | _CHECKOUTS | _DELETED.keys() | _TAGS.keys() | _REQUESTS
    | {_EMAIL_CONSENT, _SMS_CONSENT, _MERGE}
)  # fmt: skip
_NOTHING_OF_OURS = ("app/", "app_", "shop/", "bulk_operations/", "draft_orders/", "order_transactions/", "products/")
_SAID_ELSEWHERE = frozenset(  # what they change comes with orders/updated and customers/update, and with the next sync
    {
        "orders/edited",
        "orders/risk_assessment_changed",
        "orders/shopify_protect_eligibility_changed",
        "refunds/create",
        "customers/purchasing_summary",
        "customers_whats_app_marketing_consent/update",  # whose shape nobody has written down
    }
)
_MERGED = frozenset({"completed", "complete", "success", "succeeded"})
_NOT_MERGED = frozenset({"failed", "in_progress", "requested", "queued", "cancelled", "canceled"})

CONSENTS, TAGS = "webhook:partial/consents", "webhook:partial/tags"
"""Channels of partial messages: one for both consents, so that the answer about one never hides the other. Their names
stand behind those of whole messages, which therefore count on equal versions: what a partial message was laid over may
have been older than the version it has."""


# -- proving -----------------------------------------------------------------------------------------------------


def receive(delivery: Delivery, settings: ShopifySettings, name: str) -> tuple[Notice | None, str | None]:
    """The notice of a proven delivery, or None for what is not read here; and its topic where nobody expected it.

    DeliveryRefused when it cannot be proven. The key is the id of the message, which a repetition shares: the id of
    the event will not do, for one event may touch several objects.
    """
    secret = settings.signing_secret
    if secret is None:
        raise DeliveryRefused(f"{name} takes no webhooks", hint="Set webhook_secret to the client secret of the app")
    expected = base64.b64encode(hmac.digest(secret.encode(), delivery.body, hashlib.sha256))
    given = delivery.headers.get("x-shopify-hmac-sha256", "").encode("utf-8", "replace")
    if not hmac.compare_digest(expected, given):
        raise DeliveryRefused(
            f"a webhook for {name} is not signed with the app's secret",
            hint="If it came from Shopify, compare webhook_secret with the app's client secret",
        )
    topic = delivery.headers.get("x-shopify-topic", "").strip().lower()
    if topic not in _READ:
        expected_one = topic in _SAID_ELSEWHERE or topic.startswith(_NOTHING_OF_OURS)
        return None, None if expected_one else _short(topic)
    if _elsewhere(delivery, settings):
        return None, None
    body = delivery.body.decode("utf-8", "replace")
    number = delivery.headers.get("x-shopify-webhook-id", "").strip()
    return Notice(number or hashlib.sha256(f"{topic}\0{body}".encode()).hexdigest(), topic, body), None


def _elsewhere(delivery: Delivery, settings: ShopifySettings) -> bool:
    """Whether it is of another shop that installed the same app, and so shares the secret."""
    domain = delivery.headers.get("x-shopify-shop-domain", "").strip().lower()
    if settings.shop is None or settings.base_url is not None or not domain:
        return False
    return domain != f"{settings.shop}.myshopify.com"


# -- what they say -----------------------------------------------------------------------------------------------


def apply(notice: Notice, rule: GuestRule, recall: Recall) -> Said:
    """What a notice says. RecordRejected for one that cannot be read."""
    try:
        body = msgspec.json.decode(notice.body, type=dict[str, Any])
        return list(_said(notice.topic, body, rule, recall))
    except KlientelaError:
        raise
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = (
            str(error) if isinstance(error, (msgspec.MsgspecError, ValueError, TypeError)) else type(error).__name__
        )
        raise RecordRejected(f"the message {_short(notice.topic)} has another shape than expected ({reason})") from None


def _said(topic: str, body: Body, rule: GuestRule, recall: Recall) -> Said:
    if topic in _CUSTOMERS:
        return [_person(translate.person_of(rest.customer(body), rule), recall)]
    if topic in _ORDERS:
        return [translate.order_of(rest.order(body), rule)]
    if topic in _CHECKOUTS:
        return [_checkout(body)]
    if topic in _DELETED:
        gid = rest.checkout_id(body) if topic == "checkouts/delete" else rest.identity(body, "Object")
        return [Gone(entity=_DELETED[topic], external_id=translate.number(gid))]
    if topic == _MERGE:
        return _merge(body)
    if topic in (_EMAIL_CONSENT, _SMS_CONSENT):
        return _consent(topic, body, recall)
    if topic in _TAGS:
        return _tags(_TAGS[topic], body, recall)
    if topic in _REQUESTS:
        return [_request(topic, body)]
    raise RecordRejected(f"the message is about {_short(topic)}, which is not read here")


def _person(made: Person, recall: Recall) -> Person:
    """A whole customer, but for what he answered about WhatsApp, which messages do not tell: that stays as it is known
    for the number he has."""
    if made.consents is not UNSET and made.phone:
        known = _known(recall, made.external_id)
        standing = known.consents if known is not None and known.consents is not UNSET else []
        kept = [one for one in standing if one.channel == translate.WHATSAPP and one.address == made.phone]
        made.consents = [*made.consents, *kept]
    return made


def _checkout(body: Body) -> Record:
    made = translate.checkout_of(rest.checkout(body))
    token, email = body.get("token"), body.get("email")
    if isinstance(token, str) and token:
        made.token = (
            token  # what the order carries as checkout_token; the address holds it too, as far as anybody knows
        )
    if "email" in body and (email is None or isinstance(email, str)):
        made.email = email
    return made


def _merge(body: Body) -> Said:
    """One customer went up in another (R18). A merge that failed, or has not ended, says nothing."""
    status = body.get("status")
    word = status.strip().lower() if isinstance(status, str) else ""
    if word in _NOT_MERGED or body.get("errors"):
        return []
    if word not in _MERGED:
        raise ValueError("it does not say whether the merge succeeded")
    away = _customer(body, "admin_graphql_api_customer_deleted_id")
    stays = _customer(body, "admin_graphql_api_customer_kept_id")
    if away == stays:
        raise ValueError("a customer cannot be merged with itself")
    return [Person(external_id=away, merged_into=stays), Gone(entity="customer", external_id=away)]


def _request(topic: str, body: Body) -> Redact:
    if topic == "shop/redact":
        return Redact(customer=None)
    buyer = body.get("customer")
    if not isinstance(buyer, Mapping):
        raise TypeError("it does not say whom it is about")
    orders = body.get("orders_to_redact" if topic == "customers/redact" else "orders_requested") or []
    if not isinstance(orders, Sequence):
        raise TypeError("its orders are no list")
    return Redact(
        customer=_customer(buyer, "id"),
        orders=[str(one) for one in orders],
        wants="erasure" if topic == "customers/redact" else "disclosure",
    )


# -- partial messages ------------------------------------------------------------------------------------------------


def _consent(topic: str, body: Body, recall: Recall) -> Said:
    """An answer about one channel, laid over what is known of the others; an older answer changes nothing (R44)."""
    by_mail = topic == _EMAIL_CONSENT
    channel: Literal["email", "sms"] = "email" if by_mail else "sms"
    answer = body["email_marketing_consent" if by_mail else "sms_marketing_consent"]
    number = _customer(body, "customer_id" if "customer_id" in body else "id")
    at = _moment(answer.get("consent_updated_at"))
    known = _known(recall, number)
    address = body.get("email_address" if by_mail else "phone") or _address(known, by_mail)
    state = translate.CONSENT.get(str(answer.get("state")).upper())
    standing = list(known.consents or ()) if known is not None and known.consents is not UNSET else []
    mine = [one for one in standing if one.channel == channel and one.purpose == "promotion"]
    if mine and mine[0].at is not None and (at is None or at <= mine[0].at):
        return []  # known already, perhaps with an address that changed since
    fresh = []
    if state is not None and isinstance(address, str):
        fresh = [Consent(channel=channel, purpose="promotion", state=state, at=at, address=address)]
    if fresh == mine:
        return []
    told = [one for one in standing if one not in mine] + fresh
    told.sort(key=lambda one: one.channel)
    return [Person(external_id=number, channel=CONSENTS, version=_newest(at, known), consents=told)]


def _tags(what: Literal["added", "removed"], body: Body, recall: Recall) -> Said:
    """Tags that came or went. Of somebody unknown they say too little: his own message has all of them."""
    number = _customer(body, "customerId" if "customerId" in body else "customer_id")
    tags = body["tags"]
    known = _known(recall, number)
    if known is None or known.tags is UNSET:
        return []
    at = _moment(body.get("occurredAt", body.get("occurred_at")))
    if at is not None and known.version is not None and at <= known.version:
        return []  # what is known is as new as this
    before = set(known.tags)
    after = before | set(tags) if what == "added" else before - set(tags)
    if after == before:
        return []
    return [Person(external_id=number, channel=TAGS, version=_newest(at, known), tags=sorted(after))]


def _known(recall: Recall, number: str) -> Person | None:
    found = recall("customer", [number]).get(number)
    return found if isinstance(found, Person) else None


def _newest(at: Instant | None, known: Person | None) -> Instant | None:
    """The version of a message that was laid over what is known: as new as the newer of both."""
    return max((one for one in (at, known.version if known else None) if one is not None), default=None)


def _address(known: Person | None, by_mail: bool) -> str | None:
    if known is None:
        return None
    value = known.email if by_mail else known.phone
    return value if isinstance(value, str) else None


def _moment(text: Any) -> Instant | None:
    return None if text is None else instant(text)


def _customer(body: Body, name: str) -> str:
    """The external id of the customer under a key: a number or a global id."""
    return translate.number(rest.identity({**body, "admin_graphql_api_id": None}, "Customer", name))


def _short(topic: str) -> str:
    return topic if len(topic) <= 80 else topic[:80] + "…"
