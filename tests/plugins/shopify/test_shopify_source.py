"""A whole shop read over real HTTP: what is offered, what arrives, who is a guest, what `check` says."""

from __future__ import annotations

import json
import threading
from collections import Counter

import pytest
from shopify_helpers import Connect, Mirror, truth
from tests.sandboxes import pages, records

from klientela.flow import inbox as flow
from klientela.flow.sync import sync
from klientela.kit import (
    HOUR,
    UNSET,
    Checkout,
    Interrupted,
    Notice,
    Order,
    Person,
    Rejected,
    SourceBroken,
    SourceRefused,
    Window,
    instant,
)
from klientela.plugins import find
from klientela.settings import Settings
from klientela.store import Store, facts, inbox
from klientela.store.overview import listing
from klientela_shopify.sandbox import Sandbox, news
from klientela_shopify.source import ShopifySource


def test_the_plugin_is_found_and_says_what_it_can() -> None:
    kind = find().types["shopify"]
    assert kind is ShopifySource
    assert kind.guests == "merge"
    assert kind.capabilities.names() == [
        "accounts",
        "orders",
        "test_orders",
        "checkouts",
        "consents",
        "deletions",
        "tags",
    ]


def test_streams(connect: Connect) -> None:
    streams = connect(Sandbox()).streams()
    assert [(one.name, one.entity, one.sweep is not None, one.snapshot, one.complete) for one in streams] == [
        ("customers", "customer", True, False, False),
        ("orders", "order", False, False, False),
        ("checkouts", "checkout", False, False, False),
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_full_reading_is_the_truth(connect: Connect, seed: int) -> None:
    box = Sandbox(customers=130, seed=seed)
    mirror = Mirror(connect(box))
    mirror.sync()
    assert mirror.summary() == truth(box)
    assert mirror.rejected == []
    assert mirror.read == len(truth(box))
    kinds = Counter(name for name, _ in mirror.summary())
    assert kinds["customer"] == 130
    assert min(kinds["order"], kinds["checkout"]) > 10


def test_nothing_changed_is_one_question_a_list(connect: Connect) -> None:
    box = Sandbox(customers=30)
    source = connect(box)
    until = source.now()
    box.advance_clock(HOUR // 1_000_000)
    box.server.requests.clear()
    for stream in ("customers", "orders", "checkouts"):
        assert pages(source, stream, Window(until, source.now())) == []
    assert [name for name, _ in box.server.requests if name != "Clock"] == ["Customers", "Orders", "Checkouts"]


def test_only_what_changed_is_read_again(connect: Connect) -> None:
    box = Sandbox(customers=60)
    source = connect(box)
    until = source.now()
    changed = [box.customer(number, note="neu").id for number in sorted(box.customers)[:3]]
    added = box.order(customer=changed[0], total="12.34").id
    window = Window(until, source.now())
    assert sorted(int(one.external_id) for one in records(source, "customers", window)) == changed
    assert [int(one.external_id) for one in records(source, "orders", window)] == [added]
    assert records(source, "checkouts", window) == []


def test_a_window_ends_before_its_end(connect: Connect) -> None:
    box = Sandbox(start="2026-11-20T12:00:00Z")
    early = box.customer(email="a@mail.example").id  # at 12:00:00
    late = box.customer(email="b@mail.example").id  # at 12:00:01
    source = connect(box)
    end = instant("2026-11-20T12:00:01Z")
    assert [int(one.external_id) for one in records(source, "customers", Window(None, end))] == [early]
    assert [int(one.external_id) for one in records(source, "customers", Window(end, None))] == [late]
    assert len(records(source, "customers", Window(end - 500_000, end + 500_000))) == 2  # fractions widen the window


def test_the_clock_is_the_shops(connect: Connect) -> None:
    box = Sandbox(start="2031-01-01T00:00:00Z")
    source = connect(box)
    assert source.now() == instant("2031-01-01T00:00:00Z")
    box.advance_clock(90)
    assert source.now() == instant("2031-01-01T00:01:30Z")


@pytest.mark.parametrize("seed", range(4))
def test_a_living_shop_is_followed(connect: Connect, seed: int) -> None:
    box = Sandbox(customers=40, seed=seed)
    mirror = Mirror(connect(box))
    for _ in range(6):
        mirror.sync()
        assert mirror.summary() == truth(box)
        box.advance(25)
        box.advance_clock(1800)
    mirror.sync()
    assert mirror.summary() == truth(box)


def test_long_orders_and_many_homes_arrive_whole(connect: Connect) -> None:
    box = Sandbox()
    someone = box.customer(
        email="a@mail.example", addresses=[{"city": f"Ort {n}", "address1": f"Weg {n}"} for n in range(130)]
    )
    someone.default_address = 117
    box.order(customer=someone, lines=[{"title": f"Ware {n}", "price": n} for n in range(245)])
    box.checkout(customer=someone, lines=[{"title": f"Ware {n}", "price": n} for n in range(21)])
    source = connect(box)
    (made,) = records(source, "customers")
    assert isinstance(made, Person)
    assert [home.city for home in made.addresses or []][:2] == ["Ort 117", "Ort 0"]
    assert len({home.city for home in made.addresses or []}) == 130
    (order,) = records(source, "orders")
    assert isinstance(order, Order)
    assert [line.title for line in order.lines or []] == [f"Ware {n}" for n in range(245)]
    (cart,) = records(source, "checkouts")
    assert isinstance(cart, Checkout)
    assert len(cart.lines or []) == 21
    (page,) = pages(source, "orders")
    assert page.raws is not None
    assert page.raws[0].count(b'"title"') == 245  # the payload too is whole


def test_money_back_and_cancellations(connect: Connect) -> None:
    box = Sandbox()
    paid = box.order(total="100.00")
    box.refund(paid, "12.50")
    box.refund(paid, "0.50")
    gone = box.order(total="30.00")
    box.cancel(gone)
    back = box.order(total="20.00", refunded="20.00")
    found = {int(one.external_id): one for one in records(connect(box), "orders")}
    assert [(one.state, one.total, one.refunded, one.current_total) for one in (found[paid.id], found[gone.id])] == [
        ("paid", 10000, 1300, 8700),
        ("cancelled", 3000, 0, 0),
    ]
    assert (found[back.id].state, found[back.id].refunded, found[back.id].current_total) == ("returned", 2000, 0)


def test_a_cart_and_the_order_it_became(connect: Connect) -> None:
    box = Sandbox()
    buyer = box.customer(email="a@mail.example")
    cart = box.checkout(customer=buyer, total="80.00")
    source = connect(box)
    (made,) = records(source, "checkouts")
    assert (made.value, made.completed_at, made.customer) == (8000, None, str(buyer.id))
    box.recover(cart)
    (made,) = records(source, "checkouts")
    (order,) = records(source, "orders")
    assert made.completed_at == cart.completed_at
    assert order.checkout_token == made.token == cart.token


# -- guests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "kinds", "guests"),
    [
        ("customer_null", ["account", "account"], [False, False, True]),
        ("never", ["account", "account"], [False, False, False]),
        ("state", ["account", "guest"], [UNSET, UNSET, True]),
    ],
)
def test_guest_rules_r13(connect: Connect, rule: str, kinds: list[str], guests: list[object]) -> None:
    box = Sandbox()
    account = box.customer(email="a@mail.example", state="ENABLED")
    disabled = box.customer(email="b@mail.example", state="DISABLED")
    for buyer in (account, disabled, None):
        box.order(customer=buyer, email="a@mail.example")
    source = connect(box, guest_rule=rule)
    assert [one.kind for one in records(source, "customers")] == kinds
    assert [one.guest for one in records(source, "orders")] == guests


def test_a_customer_that_is_gone_leaves_its_orders(connect: Connect) -> None:
    box = Sandbox()
    buyer = box.customer(email="a@mail.example")
    box.order(customer=buyer)
    box.delete(buyer)
    (order,) = records(connect(box), "orders")
    assert order.customer is None


# -- deletions ---------------------------------------------------------------------------------------------------


def test_the_sweep_finds_every_id(connect: Connect) -> None:
    box = Sandbox(customers=600)
    source = connect(box)
    sweep = source.streams()[0].sweep
    assert sweep is not None
    lists = list(sweep())
    assert [len(ids) for ids in lists] == [250, 250, 100]
    assert sorted(int(one) for ids in lists for one in ids) == sorted(box.customers)
    victim = box.customers[sorted(box.customers)[300]]
    box.delete(victim)
    assert str(victim.id) not in {one for ids in sweep() for one in ids}


def test_the_sweep_of_an_empty_shop_is_empty(connect: Connect) -> None:
    sweep = connect(Sandbox()).streams()[0].sweep
    assert sweep is not None
    assert list(sweep()) == []


def test_a_sweep_that_fails_does_not_end_quietly(connect: Connect, waits: list[float]) -> None:
    box = Sandbox(customers=300)
    source = connect(box)
    sweep = source.streams()[0].sweep
    assert sweep is not None
    ids = sweep()
    assert len(next(ids)) == 250
    box.faults.always("500")
    with pytest.raises(SourceBroken):
        next(ids)


# -- check -------------------------------------------------------------------------------------------------------


def test_check_tells_the_shop_apart(connect: Connect) -> None:
    box = Sandbox(name="Käthes Kerzen")
    source = connect(box)
    checked = source.check()
    assert (checked.identity, checked.title, checked.notes) == (box.gid, "Käthes Kerzen", [])
    box.gid = "gid://shopify/Shop/2"
    assert source.check().identity == "gid://shopify/Shop/2"


@pytest.mark.parametrize(
    ("scopes", "named"),
    [
        (("read_orders",), ["read_customers"]),
        (("read_customers",), ["read_orders"]),
        ((), ["read_customers", "read_orders"]),
    ],
)
def test_check_names_the_scopes_that_are_missing(connect: Connect, scopes: tuple[str, ...], named: list[str]) -> None:
    box = Sandbox()
    box.scopes = scopes
    with pytest.raises(SourceRefused) as caught:
        connect(box).check()
    assert all(scope in str(caught.value.hint) for scope in named)


def test_a_scope_that_is_taken_away_later(connect: Connect) -> None:
    box = Sandbox(customers=5)
    source = connect(box)
    source.check()
    box.scopes = ("read_customers",)
    with pytest.raises(SourceRefused) as caught:
        pages(source, "orders")
    assert "read_orders" in str(caught.value.hint)


def test_sixty_days_are_said(connect: Connect) -> None:
    box = Sandbox()
    box.order(total="1.00", created_at="2026-01-01T00:00:00Z")
    box.order(total="2.00", created_at="2026-11-01T00:00:00Z")
    box.scopes = ("read_customers", "read_orders")
    source = connect(box)
    assert any("60 days" in note and "read_all_orders" in note for note in source.check().notes)
    assert [one.total for one in records(source, "orders")] == [200]  # the rest is hidden without a word


def test_the_guest_rule_state_is_remarked(connect: Connect) -> None:
    assert any("R8" in note for note in connect(Sandbox(), guest_rule="state").check().notes)


# -- what goes wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["null_field", "wrong_type"])
def test_a_bad_row_does_not_spoil_its_page(connect: Connect, fault: str) -> None:
    box = Sandbox(customers=20)
    box.fault(fault, times=1)
    found = records(connect(box), "orders")
    bad = [one for one in found if isinstance(one, Rejected)]
    assert len(found) == len(box.orders)
    assert len(bad) == 1
    assert bad[0].key is not None
    assert int(bad[0].key) in box.orders


@pytest.mark.parametrize("fault", ["unknown_enum", "extra_field", "missing_field"])
@pytest.mark.parametrize("stream", ["customers", "orders", "checkouts"])
def test_a_schema_that_grows_or_shrinks_is_taken(connect: Connect, fault: str, stream: str) -> None:
    box = Sandbox(customers=40)
    box.fault(fault)
    assert [one for one in records(connect(box), stream) if isinstance(one, Rejected)] == []


def test_a_missing_field_says_nothing(connect: Connect) -> None:
    box = Sandbox()
    box.customer(email="a@mail.example", note="wichtig")
    box.fault("missing_field", times=1)
    source = connect(box)
    assert records(source, "customers")[0].note is UNSET
    assert records(source, "customers")[0].note == "wichtig"


def test_half_an_answer_is_none(connect: Connect, waits: list[float]) -> None:
    box = Sandbox(customers=20)
    box.fault("partial")
    with pytest.raises(SourceBroken):
        pages(connect(box), "customers")


def test_a_list_that_goes_round_in_circles(connect: Connect) -> None:
    box = Sandbox(customers=250)
    box.fault("loop")
    source = connect(box)
    with pytest.raises(SourceBroken, match="circles"):
        pages(source, "customers")


def test_asked_to_stop(connect: Connect) -> None:
    box = Sandbox(customers=250)
    source = connect(box)
    source.stop.set()
    with pytest.raises(Interrupted):
        pages(source, "customers")


def test_asked_to_stop_while_the_shop_is_silent(connect: Connect) -> None:
    box = Sandbox(customers=5)
    source = connect(box)
    box.faults.storm("timeout", 1, wait=30)
    threading.Timer(0.2, source.stop.set).start()
    with pytest.raises(Interrupted):
        pages(source, "customers")


STORMS = ["429", "429-date", "500", "503", "html", "truncated", "truncated-json", "reset", "empty"]


@pytest.mark.parametrize("fault", STORMS)
def test_a_bad_line_is_endured(connect: Connect, waits: list[float], fault: str) -> None:
    box = Sandbox(customers=120)
    box.faults.always(fault, 0.15)
    mirror = Mirror(connect(box))
    for _ in range(20):
        try:
            mirror.sync()
            break
        except SourceBroken:
            continue
    assert mirror.summary() == truth(box)
    assert box.faults.injected[fault] > 0


def test_answers_about_every_channel_arrive(connect: Connect, store: Store) -> None:
    """E-mail, SMS and WhatsApp, each by itself; a message about the whole customer takes none of them back."""
    box = Sandbox()
    box.listen()
    anna = box.customer(first_name="Anna", last_name="Lang", state="ENABLED", email="anna@x.example",
                        phone="+493023125001", email_consent="UNSUBSCRIBED", sms_consent="SUBSCRIBED",
                        whatsapp_consent="SUBSCRIBED", consent_at="2026-05-01T00:00:00Z")  # fmt: skip
    source = connect(box, webhook_secret="hush")
    assert sync(store, source).status == "ok"

    def answers() -> dict[str, str]:
        with store.reading() as db:
            (row,) = listing(db, Settings().views["default"]).rows
        return {channel: states["promotion"] for channel, states in row["consents"].items()}

    told = {"email": "denied", "sms": "granted", "whatsapp": "granted"}
    assert answers() == told
    box.customer(anna.id, note="called", updated_at="2026-06-01T00:00:00Z")
    body = news.customer(box, anna)
    with store.step("inbox") as step:
        row = facts.ensure_source(step, source.name, source.type)
        inbox.keep(step.db, [(row.id, Notice("1", "customers/update", json.dumps(body)))], step.at)
    assert flow.apply(store, source, row).done == 1
    with store.reading() as db:
        assert db.one("SELECT count(*) FROM record WHERE more = 1") == (1,), "the message counts"
    assert answers() == told
