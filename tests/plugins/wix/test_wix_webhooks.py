"""Signed messages: what is proven, what is refused, what they say, and that they end where polling ends."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from wix_helpers import Connect, sample

from klientela.kit import (
    UNSET,
    Checkout,
    Delivery,
    DeliveryRefused,
    Gone,
    Notice,
    Order,
    Person,
    RecordRejected,
    Redact,
    SourceBroken,
)
from klientela_wix.sandbox import API_KEY, Sandbox
from klientela_wix.settings import WixSettings
from klientela_wix.source import WixSource

QUIET = WixSource(
    "main",
    WixSettings(
        type="wix",
        api_key=API_KEY,
        site_id="site",
        instance_id="instance",
        webhook_public_key=Sandbox().signer.public_key,
    ),
)
STRANGER = rsa.generate_private_key(public_exponent=65_537, key_size=2048)


@pytest.fixture(scope="module")
def box() -> Sandbox:
    """A site whose key is made once."""
    made = Sandbox(customers=8)
    made.outbox.clear()
    return made


@pytest.fixture
def source(box: Sandbox, connect: Connect) -> WixSource:
    return listening(connect, box)


def listening(connect: Connect, box: Sandbox) -> WixSource:
    """A source that takes webhooks."""
    return connect(box, instance_id=box.instance_id, webhook_public_key=box.signer.public_key)


def delivery(token: str | bytes) -> Delivery:
    return Delivery({"content-type": "text/plain"}, token if isinstance(token, bytes) else token.encode())


def notices(box: Sandbox, source: WixSource) -> list[Notice]:
    """Everything the site has to say, as it is kept."""
    found = [source.receive(delivery(token)) for token in box.signed()]
    assert None not in found
    return [one for one in found if one is not None]


def claims(box: Sandbox, topic: str = "wix.contacts.v4.contact_updated", **inner: Any) -> dict[str, Any]:
    envelope = {"data": json.dumps({"id": "evt-1", **inner}), "instanceId": box.instance_id, "eventType": topic}
    now = int(time.time())
    return {"data": json.dumps(envelope), "iat": now, "exp": now + 60}


# -- proving -----------------------------------------------------------------------------------------------------


def test_a_signed_message_is_kept_under_its_own_id(box: Sandbox, source: WixSource) -> None:
    one = box.contact(first_name="Anna", email="anna@example.com")
    event = box.outbox[-1].inner["id"]
    (token,) = box.signed()
    notice = source.receive(delivery(token))
    assert notice is not None
    assert (notice.key, notice.topic) == (event, "wix.contacts.v4.contact_created")
    assert json.loads(notice.body)["entityId"] == one.id
    assert source.receive(delivery(token)) == notice


def test_a_second_delivery_signed_anew_has_the_same_key(box: Sandbox, source: WixSource) -> None:
    said = claims(box, entityId="x")
    tokens = [box.signer.token(said), box.signer.token({**said, "iat": said["iat"] - 5})]
    first, second = [source.receive(delivery(token)) for token in tokens]
    assert first is not None
    assert second is not None
    assert first.key == second.key == "evt-1"


def _segment(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _raw(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _by_hand(header: dict[str, Any], said: dict[str, Any], secret: bytes) -> str:
    text = f"{_segment(header)}.{_segment(said)}"
    mark = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def forgeries(box: Sandbox) -> dict[str, str | bytes]:
    """What somebody might send who does not have the key."""
    said = claims(box, entityId="x")
    good = box.signer.token(said)
    head, _, mark = good.split(".")
    other = _segment({**said, "data": "{}"})
    public = box.signer.public_key.encode()
    return {
        "nothing": b"",
        "no token": b'{"data": "{}"}',
        "bytes": bytes(range(256)),
        "two parts": f"{head}.{other}",
        "another key": jwt.encode(said, STRANGER, algorithm="RS256"),
        "no algorithm": f"{_segment({'alg': 'none', 'typ': 'JWT'})}.{_segment(said)}.",
        "no algorithm, written oddly": f"{_segment({'alg': 'nOnE'})}.{_segment(said)}.{mark}",
        "the public key as a secret": _by_hand({"alg": "HS256", "typ": "JWT"}, said, public),
        "the public key as a secret, stripped": _by_hand({"alg": "HS256"}, said, public.strip()),
        "an empty secret": _by_hand({"alg": "HS256"}, said, b""),
        "another digest of the right key": jwt.encode(said, box.signer._private, algorithm="RS512"),
        "padding of another kind": jwt.encode(said, box.signer._private, algorithm="PS256"),
        "other words under a good signature": f"{head}.{other}.{mark}",
        "a key of its own": jwt.encode(said, STRANGER, algorithm="RS256", headers={"jwk": {"kty": "RSA"}}),
        "a signature cut off": good[:-8],
        "a header without end": f"{_raw(b'[' * 200_000)}.{_segment(said)}.{mark}",
        "a header that is a list": f"{_raw(b'[]')}.{_segment(said)}.{mark}",
        "expired": box.signer.token({**said, "iat": 1_600_000_000, "exp": 1_600_003_600}),
        "not yet": box.signer.token({**said, "nbf": int(time.time()) + 86_400}),
    }


FORGED = tuple(forgeries(Sandbox()))


@pytest.mark.parametrize("name", FORGED)
def test_forgeries_are_refused(box: Sandbox, source: WixSource, name: str) -> None:
    forged = forgeries(box)[name]
    with pytest.raises(DeliveryRefused) as caught:
        source.receive(delivery(forged))
    assert caught.value.hint
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("place", range(0, 1200, 37))
def test_a_single_changed_byte_is_noticed(box: Sandbox, source: WixSource, place: int) -> None:
    token = bytearray(box.signer.token(claims(box, entityId="x")).encode())
    place = place % (len(token) - 20)  # the last character holds bits that mean nothing
    token[place] = ord("A") if token[place] != ord("A") else ord("B")
    with pytest.raises(DeliveryRefused):
        source.receive(delivery(bytes(token)))


@given(body=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"{text}.{text}.{text}".encode()))
def test_noise_is_refused(body: bytes) -> None:
    with pytest.raises(DeliveryRefused):
        QUIET.receive(delivery(body))


def test_without_a_key_nothing_is_taken(box: Sandbox, connect: Connect) -> None:
    box.contact(first_name="Ben")
    with pytest.raises(DeliveryRefused, match="takes no webhooks"):
        connect(box).receive(delivery(box.signed()[-1]))


def test_a_wrong_key_in_the_configuration_takes_nothing(box: Sandbox, connect: Connect) -> None:
    source = connect(box, instance_id=box.instance_id, webhook_public_key=Sandbox().signer.public_key)
    box.contact(first_name="Ben")
    with pytest.raises(DeliveryRefused, match="not signed"):
        source.receive(delivery(box.signed()[-1]))


def test_another_site_of_the_same_app_is_nothing_of_ours(box: Sandbox, connect: Connect) -> None:
    source = connect(box, instance_id="another", webhook_public_key=box.signer.public_key)
    box.contact(first_name="Ben")
    assert [source.receive(delivery(token)) for token in box.signed()] == [None]


@pytest.mark.parametrize(
    "topic", ["wix.ecom.v1.cart_created", "wix.ecom.v1.order_transactions_updated", "wix.contacts.v4.contact", ""]
)
def test_topics_that_are_not_read_are_forgotten(box: Sandbox, source: WixSource, topic: str) -> None:
    assert source.receive(delivery(box.signer.token(claims(box, topic)))) is None


@pytest.mark.parametrize(
    "said", [{"data": "no json"}, {"data": 7}, {}, {"data": '{"eventType": "x"}'}, {"data": json.dumps({"data": "{}"})}]
)
def test_what_is_proven_and_unreadable_is_kept_and_rejected(
    box: Sandbox, source: WixSource, said: dict[str, Any]
) -> None:
    notice = source.receive(delivery(box.signer.token(said)))
    assert notice is not None
    with pytest.raises(RecordRejected):
        list(source.apply(notice))


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("wix.contacts.v4.contact_updated", "no json"),
        ("wix.contacts.v4.contact_updated", "[]"),
        ("wix.contacts.v4.contact_merged", "{}"),
        ("wix.contacts.v4.contact_merged", '{"actionEvent": {"body": {"targetContactId": "a"}}}'),
        ("wix.contacts.v4.contact_deleted", "{}"),
        ("wix.contacts.v4.contact_deleted", '{"entityId": "../../orders"}'),
        ("wix.contacts.v4.contact_updated", '{"updatedEvent": {"currentEntity": {"id": "a"}}}'),
        ("wix.ecom.v1.order_updated", '{"updatedEvent": {"currentEntity": {"id": "a", "updatedDate": 7}}}'),
        ("wix.members.v1.member_updated", '{"entityId": "a"}'),
    ],
)
def test_messages_of_another_shape_are_rejected(source: WixSource, topic: str, body: str) -> None:
    with pytest.raises(RecordRejected):
        list(source.apply(Notice("k", topic, body)))


# -- what they say -----------------------------------------------------------------------------------------------


def last(box: Sandbox, source: WixSource, topic: str) -> list[Any]:
    """What the newest message of a topic says."""
    found = [one for one in notices(box, source) if one.topic == topic]
    return list(source.apply(found[-1]))


def test_contacts_members_orders_and_checkouts(box: Sandbox, source: WixSource) -> None:
    one = box.contact(first_name="Cora", last_name="Dahl", email="cora@example.com", email_consent="SUBSCRIBED")
    (person,) = last(box, source, "wix.contacts.v4.contact_created")
    assert isinstance(person, Person)
    assert (person.external_id, person.first_name, person.email) == (one.id, "Cora", "cora@example.com")
    assert [consent.state for consent in person.consents] == ["granted"]  # type: ignore[union-attr]

    box.member(one)
    (person,) = last(box, source, "wix.members.v1.member_created")
    assert (person.external_id, person.kind, person.email_verified) == (one.id, "account", True)
    assert person.first_name is UNSET

    order = box.order(contact=one, total="12.50")
    (made,) = last(box, source, "wix.ecom.v1.order_created")
    assert isinstance(made, Order)
    assert (made.external_id, made.customer, made.guest, made.total) == (order.id, one.id, False, 1250)

    box.cancel(order)
    (made,) = last(box, source, "wix.ecom.v1.order_canceled")
    assert made.state == "cancelled"

    cart = box.checkout(contact=one, total="8.00")
    (made,) = last(box, source, "wix.ecom.v1.abandoned_checkout_created")
    assert isinstance(made, Checkout)
    assert (made.token, made.completed_at) == (cart.checkout_id, None)
    box.recover(cart)
    (made,) = last(box, source, "wix.ecom.v1.abandoned_checkout_recovered")
    assert made.completed_at is not None
    box.delete(cart)
    assert [type(one) for one in last(box, source, "wix.ecom.v1.abandoned_checkout_deleted")] == [Gone]


def test_a_visitors_order_says_that_the_buyer_is_a_guest(box: Sandbox, source: WixSource) -> None:
    one = box.contact(first_name="Dora", email="dora@example.com")
    box.order(contact=one)
    made = last(box, source, "wix.ecom.v1.order_created")
    assert [type(record) for record in made] == [Order, Person]
    assert (made[1].external_id, made[1].kind, made[1].channel) == (one.id, "guest", "embedded")


def test_a_member_who_leaves_has_no_account_any_more(box: Sandbox, source: WixSource) -> None:
    one = box.contact(first_name="Emil", email="emil@example.com")
    box.member(one)
    box.leave(one)
    (person,) = last(box, source, "wix.members.v1.member_deleted")
    assert (person.external_id, person.kind) == (one.id, "contact")


def test_merged_contacts_point_to_the_one_that_stayed(box: Sandbox, source: WixSource) -> None:
    stays, gone = (
        box.contact(first_name="Fee", email="f@example.com"),
        box.contact(first_name="F.", email="g@example.com"),
    )
    box.merge(stays, gone)
    target, away, lost = last(box, source, "wix.contacts.v4.contact_merged")
    assert (target.external_id, target.emails) == (stays.id, ["g@example.com"])
    assert (away.external_id, away.merged_into) == (gone.id, stays.id)
    assert away.email is UNSET
    assert (lost.entity, lost.external_id) == ("customer", gone.id)


def test_the_sample_of_a_merge(box: Sandbox, connect: Connect) -> None:
    said = sample("sample_webhook_contact_merged.claims.json")["claims"]
    instance = json.loads(said["data"])["instanceId"]
    source = connect(box, instance_id=instance, webhook_public_key=box.signer.public_key)
    now = int(time.time())
    notice = source.receive(delivery(box.signer.token({**said, "iat": now, "exp": now + 60})))
    assert notice is not None
    assert (notice.key, notice.topic) == ("evt-1", "wix.contacts.v4.contact_merged")
    target, away, lost = source.apply(notice)
    assert isinstance(target, Person)
    assert isinstance(away, Person)
    assert isinstance(lost, Gone)
    assert (target.first_name, target.last_name, target.email) == ("Anna", "Müller", "anna.mueller@example.com")
    assert away.merged_into == target.external_id


def test_deleted_contacts_are_gone_and_anonymized_ones_ask_to_be_erased(box: Sandbox, source: WixSource) -> None:
    one, two = box.contact(first_name="Gina"), box.contact(first_name="Hugo")
    box.delete(one)
    (gone,) = last(box, source, "wix.contacts.v4.contact_deleted")
    assert (gone.entity, gone.external_id) == ("customer", one.id)
    box.delete(two, anonymize=True)
    gone, redact = last(box, source, "wix.contacts.v4.contact_deleted")
    assert isinstance(redact, Redact)
    assert redact.customer == two.id


def test_a_message_that_shows_nothing_is_asked_about(box: Sandbox, source: WixSource) -> None:
    one = box.contact(first_name="Ida", email="ida@example.com")
    order, cart = box.order(contact=one), box.checkout(contact=one)
    box.signed()

    def said(topic: str, entity: str) -> list[Any]:
        body = json.dumps(
            {"id": "e", "entityId": entity, "actionEvent": {"body": {}}, "eventTime": "2026-11-20T12:00:00Z"}
        )
        return list(source.apply(Notice("e", topic, body)))

    assert said("wix.ecom.v1.order_approved", order.id)[0].external_id == order.id
    assert said("wix.ecom.v1.abandoned_checkout_updated", cart.id)[0].external_id == cart.id
    assert said("wix.contacts.v4.contact_updated", one.id)[0].first_name == "Ida"
    assert [type(made) for made in said("wix.contacts.v4.contact_updated", "nobody")] == [Gone]
    other = box.contact(first_name="Jo")
    box.merge(other, one)
    target, away, gone = said("wix.contacts.v4.contact_updated", one.id)
    assert (target.external_id, away.merged_into, gone.external_id) == (other.id, other.id, one.id)


def test_where_wix_must_be_asked_and_is_down_the_notice_is_kept(
    box: Sandbox, source: WixSource, waits: list[float]
) -> None:
    box.faults.always("500")
    try:
        with pytest.raises(SourceBroken):
            list(source.apply(Notice("e", "wix.ecom.v1.order_approved", '{"entityId": "a"}')))
    finally:
        box.faults.calm()


def test_any_order_of_messages_ends_where_the_site_is(connect: Connect) -> None:
    box = Sandbox(seed=3, customers=30)
    source = listening(connect, box)
    box.advance(120)
    heard = notices(box, source)
    assert len(heard) > 100
    endings = []
    for seed in (1, 2, 3):
        dice = random.Random(seed)
        mixed = heard + dice.sample(heard, 30)  # some come twice
        dice.shuffle(mixed)
        endings.append(_kept(source, mixed))
    assert endings[0] == endings[1] == endings[2]
    for number, record in endings[0].items():
        if isinstance(record, Order) and number in box.orders:
            assert (record.version, record.total) == (box.orders[number].updated_at, box.orders[number].total)
        if isinstance(record, Person) and number in box.contacts and record.first_name is not UNSET:
            assert (record.version, record.email) == (box.contacts[number].updated_at, box.contacts[number].email)


def _kept(source: WixSource, heard: list[Notice]) -> dict[str, Any]:
    """The newest whole record of each id, as R0a keeps it."""
    kept: dict[str, Any] = {}
    for notice in heard:
        for record in source.apply(notice):
            if isinstance(record, Person) and record.tags is UNSET:
                continue
            if isinstance(record, Order | Checkout | Person):
                standing = kept.setdefault(record.external_id, record)
                if (standing.version or 0) <= (record.version or 0):
                    kept[record.external_id] = record
    return kept


def test_the_sandbox_sends_what_it_signs(box: Sandbox) -> None:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from klientela.testing import serve

    came: list[bytes] = []

    async def take(request: Request) -> Response:
        came.append(await request.body())
        return Response(status_code=200)

    box.outbox.clear()
    box.contact(first_name="Kim")
    settings = WixSettings(
        type="wix",
        api_key=API_KEY,
        site_id=box.site_id,
        instance_id=box.instance_id,
        webhook_public_key=box.signer.public_key,
    )
    with serve(Starlette(routes=[Route("/webhooks/main", take, methods=["POST"])])) as url:
        assert box.deliver(f"{url}/webhooks/main") == [200]
    source = WixSource("main", settings)
    notice = source.receive(delivery(came[0]))
    source.close()
    assert notice is not None
    assert notice.topic == "wix.contacts.v4.contact_created"
