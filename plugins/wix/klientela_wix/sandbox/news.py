"""The webhooks of a pretend site: what a message says, and the signed token that carries it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from klientela_wix.sandbox import views
from klientela_wix.sandbox.things import Contact, Message, Thing

if TYPE_CHECKING:
    from klientela_wix.sandbox.site import Site

FQDN = {
    "contact": "wix.contacts.v4.contact",
    "member": "wix.members.v1.member",
    "order": "wix.ecom.v1.order",
    "checkout": "wix.ecom.v1.abandoned_checkout",
}
_SHOWN_AS = {"order": "order", "checkout": "abandonedCheckout"}
_HOUR = 3600


def message(site: Site, kind: str, slug: str, thing: Thing, *, anonymize: bool = False) -> Message:
    """What happened to an object."""
    shown = getattr(views, kind)(site, thing) if slug != "deleted" or kind == "member" else None
    event: dict[str, Any] = {"actionEvent": {"body": {_SHOWN_AS.get(kind, kind): shown}}}
    if slug == "created":
        event = {"createdEvent": {"entity": shown}}
    elif slug == "updated":
        event = {"updatedEvent": {"currentEntity": shown}}
    elif slug == "deleted":
        event = {"deletedEvent": {"deletedEntity": shown} if shown else {}}
    return _message(site, kind, slug, thing.id, event, anonymize)


def merged(site: Site, target: Contact, sources: Sequence[str]) -> Message:
    """Contacts were merged."""
    body = {
        "targetContactId": target.id,
        "sourceContactIds": list(sources),
        "targetContact": views.contact(site, target),
    }
    return _message(site, "contact", "merged", target.id, {"actionEvent": {"body": body}}, False)


def _message(site: Site, kind: str, slug: str, entity: str, event: dict[str, Any], anonymize: bool) -> Message:
    inner = {
        "id": site.new_id("event"),
        "entityFqdn": FQDN[kind],
        "slug": slug,
        "entityId": entity,
        "eventTime": views.moment(site.clock.now()),
        **event,
        "triggeredByAnonymizeRequest": anonymize,
    }
    return Message(topic=f"{FQDN[kind]}_{slug}", inner=inner)


class Signer:
    """The app's key pair, made when it is first needed. Needs the extra `klientela[wix]`."""

    @cached_property
    def _private(self) -> Any:
        from cryptography.hazmat.primitives.asymmetric import rsa  # here: the sandbox also serves without

        return rsa.generate_private_key(public_exponent=65_537, key_size=2048)

    @property
    def public_key(self) -> str:
        """What the app's dashboard shows: PEM."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        key: bytes = self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return key.decode()

    def token(self, claims: dict[str, Any]) -> str:
        """Claims, signed."""
        import jwt

        return jwt.encode(claims, self._private, algorithm="RS256")


def claims(one: Message, instance: str) -> dict[str, Any]:
    """The outer layers of a message: JSON in JSON in JSON."""
    envelope = {
        "data": json.dumps(one.inner, ensure_ascii=False),
        "instanceId": instance,
        "eventType": one.topic,
        "identity": json.dumps({"identityType": "WIX_USER"}),
    }
    now = int(time.time())  # the real time: who checks the token has no other
    return {"data": json.dumps(envelope, ensure_ascii=False), "iat": now, "exp": now + _HOUR}


def post(url: str, token: str) -> int:
    """Send a token; the status of the answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request("POST", parts.path or "/", token.encode(), {"Content-Type": "text/plain"})
        return connection.getresponse().status
    finally:
        connection.close()
