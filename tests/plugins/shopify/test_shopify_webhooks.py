"""Shopify's webhooks: what is proven, what is refused, what they say, and that they say what the interface says."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shopify_helpers import Connect
from tests.sandboxes import records

from klientela.flow import inbox as flow
from klientela.kit import (
    UNSET,
    Checkout,
    Consent,
    Delivery,
    DeliveryRefused,
    Gone,
    Notice,
    Order,
    Person,
    RecordRejected,
    Redact,
    SecretStr,
    instant,
)
from klientela.store import facts, inbox, open_store
from klientela.testing import serve
from klientela_shopify import webhooks
from klientela_shopify.sandbox import CLIENT_SECRET, Message, Sandbox, Weather, news
from klientela_shopify.settings import ShopifySettings
from klientela_shopify.source import ShopifySource

SECRET = "hush"
SETTINGS = ShopifySettings(
    type="shopify", shop="my-shop", access_token=SecretStr("shpat_x"), webhook_secret=SecretStr(SECRET)
)
WIRE = Path(__file__).parents[4] / "shared" / "wire" / "data" / "shopify"
AT = "2026-05-14T10:00:00Z"


def source(made: ShopifySettings = SETTINGS) -> ShopifySource:
    return ShopifySource("main", made)


def delivery(body: bytes, topic: str = "customers/update", secret: str = SECRET, **more: str) -> Delivery:
    one = Message("m-1", topic, body, instant(AT))
    sent = {name.lower(): value for name, value in news.headers(one, secret, "my-shop.myshopify.com").items()}
    return Delivery({**sent, **{name.replace("_", "-"): value for name, value in more.items()}}, body)


def apply(topic: str, body: Any, known: Mapping[str, Any] | None = None, rule: Any = "customer_null") -> list[Any]:
    """What a body of a topic says, where this is known of customers."""

    def recall(entity: str, exts: Sequence[str]) -> Mapping[str, Any]:
        assert entity == "customer"
        return {ext: known[ext] for ext in exts if known and ext in known}

    text = body if isinstance(body, str) else json.dumps(body)
    return list(webhooks.apply(Notice("m-1", topic, text), rule, recall))


def one(topic: str, body: Any, known: Mapping[str, Any] | None = None) -> Any:
    (made,) = apply(topic, body, known)
    return made


# -- proving -----------------------------------------------------------------------------------------------------


def test_a_signed_message_is_kept_under_its_own_id() -> None:
    notice = source().receive(delivery(b'{"id": 1}'))
    assert notice == Notice("m-1", "customers/update", '{"id": 1}')


def test_without_an_id_the_content_is_the_key() -> None:
    first, again, other = (
        source().receive(delivery(body, x_shopify_webhook_id="")) for body in (b'{"id": 1}', b'{"id": 1}', b'{"id": 2}')
    )
    assert first is not None
    assert other is not None
    assert first == again
    assert first.key != other.key


@pytest.mark.parametrize(
    "forged",
    [
        delivery(b'{"id": 1}', secret="a guess"),
        delivery(b'{"id": 1}', x_shopify_hmac_sha256=""),
        delivery(b'{"id": 1}', x_shopify_hmac_sha256="ümläut"),
        delivery(b'{"id": 1}', x_shopify_hmac_sha256=news.signature(b'{"id": 2}', SECRET)),
        Delivery({}, b'{"id": 1}'),
        Delivery({}, b""),
    ],
)
def test_what_is_not_signed_is_refused(forged: Delivery) -> None:
    with pytest.raises(DeliveryRefused) as caught:
        source().receive(forged)
    assert SECRET not in str(caught.value)


@given(st.binary(max_size=200), st.integers(0, 199), st.integers(1, 255))
def test_one_other_byte_is_enough_to_be_refused(body: bytes, place: int, change: int) -> None:
    good = delivery(body)
    assert source().receive(good) is not None
    bent = bytearray(body or b"\x00")
    bent[place % len(bent)] ^= change
    with pytest.raises(DeliveryRefused):
        source().receive(Delivery(good.headers, bytes(bent)))


def test_without_a_secret_nothing_is_taken() -> None:
    deaf = source(ShopifySettings(type="shopify", shop="my-shop", access_token=SecretStr("shpat_x")))
    with pytest.raises(DeliveryRefused, match="takes no webhooks"):
        deaf.receive(delivery(b"{}", secret=""))


def test_the_client_secret_of_an_app_proves_its_webhooks() -> None:
    made = ShopifySettings(type="shopify", shop="my-shop", client_id="a", client_secret=SecretStr(SECRET))
    assert source(made).receive(delivery(b"{}")) is not None


def test_another_shop_with_the_same_app_is_nothing_of_ours() -> None:
    assert source().receive(delivery(b"{}", x_shopify_shop_domain="other.myshopify.com")) is None


def test_unknown_topics_are_acknowledged_with_one_remark() -> None:
    shop = source()
    for topic in (
        "inventory_levels/update",
        "inventory_levels/update",
        "app/uninstalled",
        "shop/update",
        "orders/edited",
    ):
        assert shop.receive(delivery(b"{}", topic)) is None
    (remark,) = shop.remarks
    assert "inventory_levels/update" in remark


# -- topics ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "entity"),
    [("customers/delete", "customer"), ("orders/delete", "order"), ("checkouts/delete", "checkout")],
)
def test_deleted(topic: str, entity: str) -> None:
    assert apply(topic, {"id": 9007199254740993}) == [Gone(entity=entity, external_id="9007199254740993")]


def test_the_global_id_counts_where_the_number_lost_its_digits() -> None:
    body = {"id": 706405506930370000, "admin_graphql_api_id": "gid://shopify/Customer/706405506930370084"}
    assert one("customers/delete", body).external_id == "706405506930370084"
    order = {
        "id": 820982911946154500, "admin_graphql_api_id": "gid://shopify/Order/820982911946154508", "updated_at": AT,
        "currency": "EUR", "total_price": "1.00", "customer": {**body, "id": 706405506930370000},
    }  # fmt: skip
    made = one("orders/create", order)
    assert (made.external_id, made.customer) == ("820982911946154508", "706405506930370084")


def test_a_number_beyond_all_machine_words_is_read_exactly() -> None:
    huge = 2**70 + 1
    assert one("customers/update", {"id": huge, "updated_at": AT}).external_id == str(huge)


KEPT, AWAY = "gid://shopify/Customer/1", "gid://shopify/Customer/2"


def merge(status: Any = "completed", **more: Any) -> dict[str, Any]:
    return {
        "admin_graphql_api_customer_kept_id": KEPT, "admin_graphql_api_customer_deleted_id": AWAY, "status": status,
        "errors": [], **more,
    }  # fmt: skip


def test_a_merge_that_succeeded() -> None:
    person, gone = apply("customers/merge", merge())
    assert person == Person(external_id="2", merged_into="1")
    assert gone == Gone(entity="customer", external_id="2")


@pytest.mark.parametrize("status", ["failed", "FAILED", "in_progress", "requested"])
def test_a_merge_that_failed_or_goes_on_says_nothing(status: str) -> None:
    assert apply("customers/merge", merge(status)) == []
    assert apply("customers/merge", merge("completed", errors=[{"field": "merge_in_progress"}])) == []


@pytest.mark.parametrize("body", [merge(None), merge("perhaps"), {}, merge(admin_graphql_api_customer_kept_id=AWAY)])
def test_a_merge_that_does_not_say_that_it_succeeded_is_no_merge(body: dict[str, Any]) -> None:
    with pytest.raises(RecordRejected):
        apply("customers/merge", body)


FULL = Person(
    external_id="1", version=instant(AT), first_name="Max", email="max@example.com", phone="+49301", tags=["b"],
    consents=[
        Consent(channel="email", purpose="promotion", state="granted", at=instant(AT), address="max@example.com"),
        Consent(channel="sms", purpose="promotion", state="granted", at=instant(AT), address="+49301"),
    ],
)  # fmt: skip


def test_T70_an_answer_about_mail_leaves_that_about_sms() -> None:
    answer = {"state": "unsubscribed", "consent_updated_at": "2026-05-15T00:00:00Z"}
    body = {"customer_id": 1, "email_address": "max@example.com", "email_marketing_consent": answer}
    made = one("customers_email_marketing_consent/update", body, {"1": FULL})
    assert {(c.channel, c.state) for c in made.consents} == {("email", "denied"), ("sms", "granted")}
    assert made.first_name is made.email is made.addresses is UNSET
    assert made.version == instant("2026-05-15T00:00:00Z")


CHAT = Consent(channel="whatsapp", purpose="promotion", state="denied", at=instant(AT), address="+49301")


def _whole(phone: str | None = "+49301", **more: Any) -> dict[str, Any]:
    answer = {"state": "subscribed", "consent_updated_at": AT}
    told: dict[str, Any] = {"id": 1, "updated_at": AT, "email": None, "phone": phone, "sms_marketing_consent": answer}
    return {**told, "email_marketing_consent": None, **more}


def test_T70_a_whole_customer_leaves_what_was_said_of_whatsapp() -> None:
    """Messages do not tell it, and consents are stored whole."""
    known = msgspec.structs.replace(FULL, consents=[*(FULL.consents or []), CHAT])
    made = one("customers/update", _whole(), {"1": known})
    assert [(c.channel, c.state) for c in made.consents] == [("sms", "granted"), ("whatsapp", "denied")]
    assert CHAT in made.consents
    made = one("customers/update", _whole("+49302"), {"1": known})
    assert [c.channel for c in made.consents] == ["sms"], "it was said of another number"
    assert [c.channel for c in one("customers/create", _whole()).consents] == ["sms"], "of somebody unknown"
    silent = _whole()
    del silent["sms_marketing_consent"]
    assert one("customers/update", silent, {"1": known}).consents is UNSET


def test_T70_an_answer_about_sms_leaves_that_about_whatsapp() -> None:
    known = msgspec.structs.replace(FULL, consents=[*(FULL.consents or []), CHAT])
    answer = {"state": "unsubscribed", "consent_updated_at": "2026-05-15T00:00:00Z"}
    made = one(
        "customers_marketing_consent/update",
        {"id": 1, "phone": "+49301", "sms_marketing_consent": answer},
        {"1": known},
    )
    assert [(c.channel, c.state) for c in made.consents] == [
        ("email", "granted"),
        ("sms", "denied"),
        ("whatsapp", "denied"),
    ]


def test_an_older_answer_changes_nothing() -> None:
    answer = {"state": "unsubscribed", "consent_updated_at": "2026-05-13T00:00:00Z"}
    body = {"id": 1, "phone": "+49301", "sms_marketing_consent": answer}
    assert apply("customers_marketing_consent/update", body, {"1": FULL}) == []
    moved = {"id": 1, "phone": "+49302", "sms_marketing_consent": {"state": "subscribed", "consent_updated_at": AT}}
    assert apply("customers_marketing_consent/update", moved, {"1": FULL}) == [], "the number changed since"


def test_tags_that_came_and_went() -> None:
    later = "2026-05-15T00:00:00Z"
    said = {"customerId": KEPT, "tags": ["a"], "occurredAt": later}
    assert one("customer.tags_added", said, {"1": FULL}).tags == ["a", "b"]
    assert one("customer.tags_removed", {**said, "tags": ["b"]}, {"1": FULL}).tags == []
    assert apply("customer.tags_added", said) == [], "of somebody unknown it says too little"
    assert apply("customer.tags_removed", {**said, "tags": ["b"], "occurredAt": AT}, {"1": FULL}) == []


def test_requests_about_personal_data() -> None:
    customer = {"id": 191167, "email": "a@example.com", "phone": None}
    assert apply("customers/redact", {"customer": customer, "orders_to_redact": [1, 2]}) == [
        Redact(customer="191167", orders=["1", "2"])
    ]
    assert one("customers/data_request", {"customer": customer, "orders_requested": [3]}).wants == "disclosure"
    assert apply("shop/redact", {"shop_id": 1}) == [Redact(customer=None)]


# -- the same as by the interface ----------------------------------------------------------------------------------


def same(fact: Any) -> dict[str, Any]:
    """A record's fields; absent and cleared are alike, tags have no order."""
    found = {name: getattr(fact, name) for name in type(fact).__struct_fields__}
    if isinstance(found.get("tags"), list):
        found["tags"] = sorted(found["tags"])
    if isinstance(fact, Checkout):
        del found["email"]  # the interface does not tell it
    if isinstance(fact, Order) and not found["customer"]:
        found["customer"] = None
    if found.get("consents"):  # messages tell nothing of WhatsApp
        found["consents"] = [one for one in found["consents"] if one.channel != "whatsapp"]
    return {name: None if value is UNSET else value for name, value in found.items()}


@pytest.mark.parametrize("rule", ["customer_null", "never", "state"])
@pytest.mark.parametrize("seed", [1, 2])
def test_both_ways_say_the_same_of_every_object(connect: Connect, seed: int, rule: Any) -> None:
    box = Sandbox(seed=seed, customers=60)
    box.advance(60)
    asked = connect(box, guest_rule=rule)
    pulled: dict[Any, Any] = {}
    for stream in ("customers", "orders", "checkouts"):
        pulled.update({(stream, made.external_id): made for made in records(asked, stream)})
    bodies = [("customers", "customers/update", one, news.customer(box, one)) for one in box.customers.values()]
    bodies += [("orders", "orders/updated", one, news.order(box, one)) for one in box.orders.values()]
    bodies += [("checkouts", "checkouts/update", one, news.checkout(box, one)) for one in box.checkouts.values()]
    assert len(bodies) == len(pulled) > 100
    for stream, topic, thing, body in bodies:
        (made,) = apply(topic, body, rule=rule)
        assert same(made) == same(pulled[stream, str(thing.id)])


def test_messages_in_any_order_end_where_the_shop_is(connect: Connect) -> None:
    """What the newest message of each object says is what a pull says."""
    box = Sandbox(seed=3, customers=20)
    box.listen()
    box.advance(120)
    newest: dict[Any, Any] = {}
    gone = set()
    asked = connect(box, webhook_secret=SECRET)
    box.webhook_secret = SECRET
    for letter in box.mail(Weather(duplicates=0.5, shuffled=0.9)):
        sent = {name.lower(): value for name, value in news.headers(letter, SECRET, box.domain).items()}
        notice = asked.receive(Delivery(sent, letter.body))
        assert notice is not None
        for made in asked.apply(notice):
            if isinstance(made, Gone):
                gone.add((made.entity, made.external_id))
            elif isinstance(made, Person | Order | Checkout) and made.channel is None:
                name = (made.entity_default, made.external_id)
                if name not in newest or newest[name].version <= made.version:
                    newest[name] = made
    pulled = {
        (p.entity_default, p.external_id): p for s in ("customers", "orders", "checkouts") for p in records(asked, s)
    }
    assert gone
    assert not gone & pulled.keys()
    here = {ext for entity, ext in pulled if entity == "customer"}
    for name, made in newest.items():
        if name not in gone:
            there = pulled[name]
            if not isinstance(made, Person) and made.customer not in here:
                made.customer, there.customer = None, None  # deleted since
                made = msgspec.structs.replace(made, **({"guest": UNSET} if isinstance(made, Order) else {}))
                there = msgspec.structs.replace(there, **({"guest": UNSET} if isinstance(there, Order) else {}))
            assert same(made) == same(there)


# -- bodies of the wire ----------------------------------------------------------------------------------------------


@cache
def wire() -> list[tuple[str, Any]]:
    """Real bodies with their topics, as far as they are of topics that are read."""
    if not WIRE.exists():
        pytest.skip("the bodies in ../shared/wire/data/shopify are not here")
    found: list[tuple[str, Any]] = []
    for file in sorted((WIRE / "webhook-metadata-2026-07").glob("*/*.json")):
        told = json.loads(file.read_text("utf-8"))
        found.append((told["name"], told["response"]))
    topics = {"orders": "orders/updated", "checkouts": "checkouts/create"}
    topics["customers_marketing_consent"] = "customers_marketing_consent/update"
    for file in sorted((WIRE / "exemplars").glob("*/*/*.json")):
        body = json.loads(file.read_text("utf-8"))
        if file.parent.name in topics and "order_edit" not in body and "risk_level" not in body:
            found.append((topics[file.parent.name], _filled(body)))
    return found


_MONEY = ("price", "amount", "total", "discount", "tax")


def _filled(value: Any, name: str = "") -> Any:
    """An exemplar whose values were replaced by "example string": amounts, times and currencies are put back."""
    if isinstance(value, dict):
        return {key: _filled(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, name) for inner in value]
    if value == "example string":
        if "currency" in name:
            return "EUR"
        if name.endswith("_at"):
            return "2019-01-01T00:00:00Z"
        if any(word in name for word in _MONEY):
            return "12.50"
    return value


def test_every_real_body_is_translated_or_left_on_purpose() -> None:
    read = 0
    for topic, body in wire():
        text = json.dumps(body).encode()
        notice = source().receive(delivery(text, topic, x_shopify_shop_domain=""))
        if notice is None:
            assert not webhooks._READ & {topic}
            continue
        made = list(source().apply(notice))
        read += 1
        for said in made:
            if not isinstance(said, Gone | Redact):
                again = msgspec.json.decode(msgspec.json.encode(said), type=type(said))
                assert again == said
        if topic.startswith("orders/") and not isinstance(made[0], Gone):
            (order,) = made
            assert order.total is not UNSET
            assert len(order.lines) == len(body["line_items"])
        if topic.startswith("checkouts/") and not isinstance(made[0], Gone):
            (cart,) = made
            assert (cart.email or None) == (body.get("email") or None)
            assert bool(cart.customer) == ("customer" in body and body["customer"] is not None)
            assert bool(cart.completed_at) == bool(body.get("completed_at"))
    assert read > 25


_BAD: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**80), 2**80), st.floats(), st.text(max_size=5), st.just([]), st.just({}),
    st.just("example string"), st.just("1e999999999"), st.just("9" * 5000),
)  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one_ in inner:
        found += [(*path, key), *_places(one_, (*path, key))]
    return found


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutilated_bodies_are_records_or_rejects(data: st.DataObject) -> None:
    """Keys missing, values of another kind, ids beyond all words: never another error, never a body that is lost."""
    readable = [one for one in wire() if one[0] in webhooks._READ]
    topic, original = data.draw(st.sampled_from(readable))
    body = copy.deepcopy(original)
    dice = random.Random(data.draw(st.integers(0, 10**9)))
    for _ in range(data.draw(st.integers(1, 4))):
        places = _places(body)
        if not places:
            break
        path = dice.choice(places)
        holder = body
        for key in path[:-1]:
            holder = holder[key]
        if data.draw(st.booleans()) and isinstance(holder, dict):
            del holder[path[-1]]
        else:
            holder[path[-1]] = data.draw(_BAD)
    try:
        made = apply(topic, json.dumps(body), {"1": FULL})
    except RecordRejected:
        return
    for said in made:
        assert isinstance(said, Person | Order | Checkout | Gone | Redact)


@given(st.text(max_size=300), st.sampled_from(sorted(webhooks._READ)))
def test_no_text_is_anything_but_a_record_or_a_reject(text: str, topic: str) -> None:
    with suppress(RecordRejected):
        apply(topic, text)


def test_no_contact_at_all() -> None:
    """`email: null` with no `customer`: a cart of nobody, an order of nobody."""
    body = {"id": 1, "updated_at": AT, "currency": "EUR", "total_price": "3.00", "email": None}
    cart, order = one("checkouts/create", body), one("orders/create", body)
    assert (cart.email, cart.customer, cart.value) == (None, UNSET, 300)
    assert (order.email, order.customer, order.total) == (None, UNSET, 300)


def test_the_pretend_shop_sends_what_happens_signed_and_badly_if_wanted() -> None:
    heard: list[tuple[str, bool]] = []

    async def listener(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        sent = {name.decode(): value.decode() for name, value in scope["headers"]}
        proven = sent["x-shopify-hmac-sha256"] == news.signature(body, CLIENT_SECRET)
        heard.append((sent["x-shopify-topic"], proven))
        await send({"type": "http.response.start", "status": 200 if proven else 401, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    box = Sandbox()
    with serve(box.app) as url, serve(listener) as to, httpx.Client(base_url=url) as client:
        assert client.post("/_sandbox/deliver", json={"to": to}).json() == {"statuses": []}
        kept, away = box.customer(email="a@x.example"), box.customer(email="b@x.example", tags=["VIP"])
        box.order(customer=away, total="3.00")
        box.merge(kept, away)
        assert client.post("/_sandbox/deliver", json={"to": to, "late": 1}).json() == {"statuses": []}
        assert set(client.post("/_sandbox/deliver", json={"to": to, "duplicates": 1}).json()["statuses"]) == {200}
        assert {topic for topic, _ in heard} == {
            "customers/create", "orders/create", "orders/updated", "customers/update", "customer.tags_added",
            "customers/merge",
        }  # fmt: skip
        assert len(heard) == 2 * 7
        box.delete(kept)
        assert client.post("/_sandbox/deliver", json={"to": to, "forged": 1}).json()["statuses"] == [200, 401]
        box.order(total="1.00")
        assert client.post("/_sandbox/deliver", json={"to": to, "lost": 1}).json() == {"statuses": []}


def test_a_partial_message_laid_over_something_old_yields_to_the_whole_one(tmp_path: Path) -> None:
    """The mailbox changed, then tags; the answer about the old mailbox and the tags come first, the whole last."""
    box = Sandbox()
    box.listen()
    one = box.customer(email="old@x.example", email_consent="SUBSCRIBED", consent_at=AT, tags=["a"])
    box.customer(one.id, email_consent="UNSUBSCRIBED", email_consent_at="2026-11-20T13:00:00Z")
    box.customer(one.id, email="new@x.example", updated_at="2026-11-20T14:00:00Z")
    box.customer(one.id, tags=["a", "b"], updated_at="2026-11-20T15:00:00Z")
    letters = box.mail()
    order = ("customers/create", "customer.tags_added", "customers_email_marketing_consent/update", "customers/update")
    letters.sort(key=lambda letter: order.index(letter.topic))
    shop = source()
    with open_store(f"sqlite:///{tmp_path / 'k.db'}") as store:
        with store.step("inbox") as step:
            row = facts.ensure_source(step, "main", "shopify")
            inbox.keep(step.db, [(row.id, Notice(m.id, m.topic, m.body.decode())) for m in letters], step.at)
        assert flow.apply(store, shop, row).done == len(letters) == 6
        known: Any = flow.look_up(store, row, "customer", [str(one.id)])[str(one.id)]
    assert known.tags == ["a", "b"]
    assert [(consent.state, consent.address) for consent in known.consents] == [("denied", "new@x.example")]
