"""Messages that Wix sends to an app: the whole body is a token signed by RS256, with three layers of JSON inside.

The app's public key proves them, and it is the same for all sites that installed the app: the instance inside says
which one speaks. Wix repeats messages and sends them in any order; the times in their objects decide, not arrival.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from klientela.kit import (
    Delivery,
    DeliveryRefused,
    Gone,
    Instant,
    KlientelaError,
    Misconfigured,
    Notice,
    Person,
    Record,
    RecordRejected,
    Redact,
    instant,
)
from klientela_wix import translate
from klientela_wix.client import NotThere, Wix
from klientela_wix.nodes import OneCheckout, OneContact, OneOrder
from klientela_wix.settings import WixSettings

Said = Iterable[Record | Redact]

_CONTACT, _MEMBER = "wix.contacts.v4.contact", "wix.members.v1.member"
_ORDER, _CHECKOUT = "wix.ecom.v1.order", "wix.ecom.v1.abandoned_checkout"
_LEEWAY = 300  # seconds our clock may differ from theirs
_UNREADABLE = "unreadable"
_ALGORITHM = "RS256"  # the only one: a token never chooses how it is checked


class _Claims(Struct):
    data: str


class _Envelope(Struct, rename="camel"):
    event_type: str
    data: str
    instance_id: str | None = None


class _Entity(Struct):
    entity: Raw = Raw()


class _Current(Struct, rename="camel"):
    current_entity: Raw = Raw()


class _Deleted(Struct, rename="camel"):
    deleted_entity: Raw = Raw()


class _Action(Struct):
    body: Raw = Raw()


class Event(Struct, rename="camel"):
    """The innermost layer: what happened to which object."""

    id: str | None = None
    entity_id: str | None = None
    slug: str | None = None
    event_time: str | None = None
    created_event: _Entity | None = None
    updated_event: _Current | None = None
    deleted_event: _Deleted | None = None
    action_event: _Action | None = None
    triggered_by_anonymize_request: bool | None = None

    @property
    def at(self) -> Instant | None:
        """When it happened."""
        return instant(self.event_time) if self.event_time else None


class _Merged(Struct, rename="camel"):
    target_contact_id: str
    source_contact_ids: list[str]
    target_contact: Raw = Raw()


_event = msgspec.json.Decoder(Event)
_merged = msgspec.json.Decoder(_Merged)
_parts = msgspec.json.Decoder(dict[str, Raw])


# -- proving -----------------------------------------------------------------------------------------------------


def receive(delivery: Delivery, settings: WixSettings, name: str) -> Notice | None:
    """The notice of a proven delivery; None for one of another site, or about nothing that is read here.

    DeliveryRefused when it cannot be proven. What is proven and cannot be read is kept, and rejected by `apply`.
    """
    if settings.webhook_public_key is None:
        raise DeliveryRefused(
            f"{name} takes no webhooks", hint="Set webhook_public_key and instance_id of the app that sends them"
        )
    claims = _proven(delivery.body, settings.webhook_public_key, name)
    digest = hashlib.sha256(delivery.body).hexdigest()
    try:
        envelope = msgspec.json.decode(msgspec.convert(claims, _Claims).data, type=_Envelope)
    except msgspec.MsgspecError:
        return Notice(key=digest, topic=_UNREADABLE, body=msgspec.json.encode(claims).decode())
    if envelope.instance_id != settings.instance_id:
        return None
    topic = envelope.event_type
    if _kind(topic) is None:
        return None
    try:
        number = _event.decode(envelope.data).id
    except msgspec.MsgspecError:
        number = None
    return Notice(key=number or digest, topic=topic, body=envelope.data)


def _proven(body: bytes, public_key: str, name: str) -> dict[str, Any]:
    """The claims of a token that the key's owner has signed."""
    try:
        import jwt  # here: only who takes webhooks needs it
    except ImportError as error:
        raise Misconfigured(
            "webhooks of Wix need the package PyJWT", hint='Install it with: pip install "klientela[wix]"'
        ) from error
    try:
        return jwt.decode(
            body.strip(),
            public_key,
            algorithms=[_ALGORITHM],
            leeway=_LEEWAY,
            options={"verify_aud": False, "verify_iss": False, "verify_iat": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        pass  # outside: the words may quote what was sent
    raise DeliveryRefused(
        f"a webhook for {name} is not signed with the app's key",
        hint="If it came from Wix, compare webhook_public_key with the public key in the app's dashboard",
    )


Kind = Literal["contact", "member", "order", "checkout"]
_KINDS: dict[str, Kind] = {_CONTACT: "contact", _MEMBER: "member", _ORDER: "order", _CHECKOUT: "checkout"}


def _kind(topic: str) -> Kind | None:
    """What a topic is about: `wix.ecom.v1.order_approved` about an order, `wix.ecom.v1.order_transactions_x` not."""
    for prefix, kind in _KINDS.items():
        slug = topic.removeprefix(f"{prefix}_")
        if slug != topic and slug in _SLUGS[kind]:
            return kind
    return None


_SLUGS: dict[Kind, frozenset[str]] = {
    "contact": frozenset({"created", "updated", "deleted", "merged"}),
    "member": frozenset({"created", "updated", "deleted"}),
    "order": frozenset(
        {
            "created",
            "approved",
            "updated",
            "canceled",
            "payment_status_updated",
            "fulfilled",
            "committed",
            "imported",
        }
    ),
    "checkout": frozenset({"created", "updated", "recovered", "deleted"}),
}


# -- what they say -----------------------------------------------------------------------------------------------


def apply(notice: Notice, wix: Wix, *, test_field: bool) -> Said:
    """What a notice says. RecordRejected for one that cannot be read; SourceBroken where Wix must be asked and fails."""
    kind = _kind(notice.topic)
    if kind is None:
        raise RecordRejected(f"the message is about {_short(notice.topic)}, which is not read here")
    try:
        event = _event.decode(notice.body)
        if kind == "contact":
            return list(_contact(event, notice.topic, wix))
        if kind == "member":
            return list(_member(event))
        if kind == "order":
            return list(_order(event, wix, test_field))
        return list(_checkout(event, notice.topic, wix))
    except KlientelaError:
        raise
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise RecordRejected(f"the message {_short(notice.topic)} has another shape than expected ({error})") from None


def _contact(event: Event, topic: str, wix: Wix) -> Said:
    if topic.endswith("_merged"):
        return _merge(event)
    if topic.endswith("_deleted"):
        return _gone("customer", event)
    raw = _entity(event, ("contact",))
    if raw is None:
        asked = _id(event)
        raw = _asked(lambda: wix.get(f"/contacts/v4/contacts/{asked}", OneContact).contact)
        if raw is None:
            return [Gone(entity="customer", external_id=asked, at=event.at)]
        if (other := translate.key(raw)) != asked:  # Wix answers a merged-away id with the contact that stayed
            return [translate.contact(raw), *_away(asked, other, event.at)]
    return [translate.contact(raw)]


def _merge(event: Event) -> Said:
    """The contacts that were merged away, and the one that stayed (R18)."""
    if event.action_event is None or not _there(event.action_event.body):
        raise ValueError("it does not say which contacts were merged")
    body = _merged.decode(event.action_event.body)
    made: list[Record] = [translate.contact(body.target_contact)] if _there(body.target_contact) else []
    for source in body.source_contact_ids:
        made += _away(source, body.target_contact_id, event.at)
    return made


def _away(source: str, target: str, at: Instant | None) -> Sequence[Record]:
    return [
        Person(external_id=source, version=at, merged_into=target),
        Gone(entity="customer", external_id=source, at=at),
    ]


def _member(event: Event) -> Said:
    """A member who left leaves a contact without an account, where the message says whose membership it was."""
    if event.deleted_event is not None:
        if not _there(event.deleted_event.deleted_entity):
            return []
        left = translate.member(event.deleted_event.deleted_entity)
        return [Person(external_id=left.external_id, version=event.at or left.version, kind="contact")]
    raw = _entity(event, ("member",))
    if raw is None:
        raise ValueError("it does not show the member")
    return [translate.member(raw)]


def _order(event: Event, wix: Wix, test_field: bool) -> Said:
    raw = _entity(event, ("order",))
    if raw is None:
        asked = _id(event)
        raw = _asked(lambda: wix.get(f"/ecom/v1/orders/{asked}", OneOrder).order)
        if raw is None:
            return [Gone(entity="order", external_id=asked, at=event.at)]
    return translate.order(raw, test_field=test_field)


def _checkout(event: Event, topic: str, wix: Wix) -> Said:
    if topic.endswith("_deleted"):
        return _gone("checkout", event)
    raw = _entity(event, ("abandonedCheckout", "checkout"))
    if raw is None:
        asked = _id(event)
        raw = _asked(lambda: wix.get(f"/ecom/v1/abandoned-checkout/{asked}", OneCheckout).abandoned_checkout)
        if raw is None:
            return [Gone(entity="checkout", external_id=asked, at=event.at)]
    return [translate.checkout(raw)]


def _gone(entity: str, event: Event) -> Said:
    """Deleted; and where somebody's data had to be forgotten, the request to erase them (R57)."""
    asked = _id(event)
    gone = Gone(entity=entity, external_id=asked, at=event.at)
    if entity == "customer" and event.triggered_by_anonymize_request:
        return [gone, Redact(customer=asked, at=event.at)]
    return [gone]


def _entity(event: Event, names: Sequence[str]) -> Raw | None:
    """The object that a message shows, wherever it shows it; None when it shows none."""
    if event.created_event and _there(event.created_event.entity):
        return event.created_event.entity
    if event.updated_event and _there(event.updated_event.current_entity):
        return event.updated_event.current_entity
    if event.action_event and _there(event.action_event.body):
        parts = _parts.decode(event.action_event.body)
        return next((parts[name] for name in names if name in parts and _there(parts[name])), None)
    return None


def _asked(ask: Callable[[], Raw]) -> Raw | None:
    """What Wix shows when asked; None when there is no such object any more."""
    try:
        return ask()
    except NotThere:
        return None


def _id(event: Event) -> str:
    if not event.entity_id or len(event.entity_id) > 100 or not event.entity_id.replace("-", "").isalnum():
        raise ValueError("it does not say which object it is about")
    return event.entity_id


def _there(part: Raw) -> bool:
    return bytes(part) not in (b"", b"null")


def _short(topic: str) -> str:
    return topic if len(topic) <= 80 else topic[:80] + "…"
