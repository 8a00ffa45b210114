"""What happened in an account: customers who were joined, orders deleted, credit notes, buyers of marketplaces."""

from __future__ import annotations

from typing import Any

import pytest
from billbee_helpers import Connect, known, orders, truth
from tests.sandboxes import records
from tests.shops import use

from klientela.flow.sync import sync
from klientela.kit import (
    DAY,
    UNSET,
    Number,
    Person,
    Window,
)
from klientela.store import Store, facts
from klientela_billbee.sandbox import Sandbox
from klientela_billbee.source import BillbeeSource

# -- joined customers, deleted orders ------------------------------------------------------------------------------


@pytest.mark.parametrize("quiet", [True, False])
def test_joined_customers_are_one_customer(store: Store, connect: Connect, quiet: bool) -> None:
    """R18: an event tells of an order, the order tells who it belongs to now, and the store knows who it did."""
    use(store)
    box = Sandbox()
    old = box.customer(first_name="Ada", last_name="Alt", email="ada@mail.example")
    new = box.customer(first_name="Berta", last_name="Neu", email="berta@post.example")
    first = box.order(customer=old, total="10.00")
    box.order(customer=new, total="5.00")
    source = connect(box)
    assert sync(store, source).status == "ok"
    box.advance_clock(7200)
    box.join(old, new, quiet=quiet)
    box.advance_clock(60)
    report = sync(store, connect(box))
    assert report.status == "ok", report.error
    with store.reading() as db:
        row = facts.known(db, 1, facts.CUSTOMER, [str(old.id)])[str(old.id)]
        assert facts.load(db, [row.id])[row.id].fact.merged_into == str(new.id)
    assert row.gone
    before = len(box.server.requests)
    assert sync(store, connect(box)).changed == 0
    assert not [path for path, _ in box.server.requests[before:] if path == f"orders/{first.id}"], "it was read again"


def customers_of(store: Store) -> list[int]:
    with store.reading() as db:
        return [row[0] for row in db.rows("SELECT id FROM customer")]


def test_an_order_given_to_somebody_else_is_no_merge(store: Store, connect: Connect) -> None:
    use(store)
    box = Sandbox()
    one = box.customer(first_name="Ada", last_name="Alt", email="ada@mail.example")
    other = box.customer(first_name="Berta", last_name="Neu", email="berta@post.example")
    order = box.order(customer=one, total="10.00")
    sync(store, connect(box))
    box.advance_clock(60)
    box.order(order.id, customer=other)
    report = sync(store, connect(box))
    assert report.status == "ok"
    with store.reading() as db:
        rows = facts.known(db, 1, facts.CUSTOMER, [str(one.id)]).values()
        assert facts.load(db, [row.id for row in rows]).popitem()[1].fact.merged_into is UNSET
    assert known(store)["order", str(order.id)][0] == str(other.id)


@pytest.mark.parametrize("vanish", [True, False])
def test_deleted_orders_count_no_more(store: Store, connect: Connect, vanish: bool) -> None:
    use(store)
    box = Sandbox()
    order = box.order(customer=box.customer(first_name="Ada", last_name="Alt"), total="10.00")
    sync(store, connect(box))
    box.advance_clock(7200)
    box.delete(order, vanish=vanish)
    box.advance_clock(60)
    assert sync(store, connect(box)).status == "ok"
    with store.reading() as db:
        row = facts.known(db, 1, facts.ORDER, [str(order.id)])[str(order.id)]
        stored = facts.load(db, [row.id])[row.id]
    assert stored.fact.state == "deleted"
    assert stored.gone == int(vanish)


def test_events_of_orders_nobody_knows_are_passed_over(connect: Connect) -> None:
    box = Sandbox()
    box.delete(box.order(total="1.00"))
    source = connect(box)
    assert records(source, "events", Window(None, source.now())) == []
    assert not [path for path, _ in box.server.requests if path.startswith("orders/")]


# -- credit notes and cancellations ----------------------------------------------------------------------------------


def test_papers_name_the_order_they_speak_of(connect: Connect) -> None:
    box = Sandbox()
    first, second = box.order(total="30.00"), box.order(total="20.00")
    note, paper = box.credit(first, "12.50"), box.cancel_by_paper(second)
    found = orders(connect(box))
    assert (found[str(note.id)].credits, found[str(note.id)].total) == (str(first.id), -1250)
    assert found[str(paper.id)].cancels == str(second.id)
    assert found[str(note.id)].origin is None
    assert found[str(first.id)].credits is UNSET


def test_an_order_read_long_ago_is_looked_up(connect: Connect) -> None:
    box = Sandbox()
    first = box.order(total="30.00", number="R 10/7")
    box.advance_clock(600)
    source = connect(box)
    until = source.now()
    box.advance_clock(DAY // 1_000_000)
    note = box.credit(first, "1.00")
    box.advance_clock(60)
    found = orders(source, Window(until, source.now()))
    assert found[str(note.id)].credits == str(first.id)
    assert ("orders/findbyextref/R 10/7", {}) in box.server.requests


def test_numbers_of_other_shops_are_other_orders(connect: Connect) -> None:
    """A number is looked up in its own shop; one that is unknown there stays, for `doctor` to report."""
    box = Sandbox()
    box.order(total="30.00", number="77", store=box.market)
    made = box.order(total="-30.00", number="77-GS", store=box.home)
    found = orders(connect(box))
    assert found[str(made.id)].credits == "77"


# -- customers ---------------------------------------------------------------------------------------------------


def test_a_market_buyer_is_known_by_his_number(connect: Connect) -> None:
    box = Sandbox()
    one = box.customer(first_name="Ada", last_name="Alt", email="x1@marketplace.amazon.de")
    box.order(customer=one, store=box.market, buyer="A1B2", order_email="x1@marketplace.amazon.de")
    box.order(customer=one, store=box.home, buyer="17")
    numbers = [
        one.numbers for one in records(connect(box), "orders") if isinstance(one, Person) and one.channel == "buyer"
    ]
    shop = box.home.id
    assert numbers == [
        [Number("1"), Number("17", f"woocommerce:{shop}")],
        [Number("1"), Number("A1B2", "amazon")],
    ]


def test_relay_buyers_of_two_orders_are_one_customer(store: Store, connect: Connect) -> None:
    """R19: a relay address is no key, the platform's buyer id is."""
    use(store)
    box = Sandbox()
    for number in range(3):
        relay = f"r{number}@marketplace.amazon.de"
        one = box.customer(first_name="Ada", last_name="Alt", email=relay)
        box.order(customer=one, store=box.market, buyer="A1B2", order_email=relay)
    stranger = box.customer(first_name="Bea", last_name="Bär", email="r0@marketplace.amazon.de")
    box.order(customer=stranger, store=box.market, buyer="A9", order_email="r0@marketplace.amazon.de")
    assert sync(store, connect(box)).status == "ok"
    assert len(customers_of(store)) == 2


def test_a_new_customer_comes_with_his_order(store: Store, connect: Connect) -> None:
    """Long lists are read once in a while; what an order holds of its buyer comes at once."""

    class Large(BillbeeSource):
        few = 0

    use(store)
    box = Sandbox(customers=5)
    assert sync(store, connect(box, Large)).status == "ok"
    box.advance_clock(60)
    one = box.customer(first_name="Ada", last_name="Alt", email="ada@mail.example", phone="030 123")
    box.customer(sorted(box.customers)[0], email="changed@mail.example")
    box.order(customer=one, total="1.00")
    box.advance_clock(60)
    before = len(box.server.requests)
    assert sync(store, connect(box, Large)).status == "ok"
    assert "customer-addresses" not in [path for path, _ in box.server.requests[before:]]
    assert known(store)["customer", str(one.id)][:3] == ("Ada Alt", "ada@mail.example", "030 123")
    box.advance_clock(7 * 3600)
    assert sync(store, connect(box, Large)).status == "ok"
    assert {name: one for name, one in known(store).items() if name[0] == "customer"} == {
        name: one for name, one in truth(box).items() if name[0] == "customer"
    }


def test_what_an_order_says_of_its_buyer_never_beats_the_list(store: Store, connect: Connect) -> None:
    """R0b: both are without version; the customers' own list goes before what is embedded, whenever either is read."""
    use(store)
    box = Sandbox()
    one = box.customer(first_name="Ada", last_name="Alt", email="new@mail.example")
    box.order(customer=one, total="1.00")

    def older(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row.get("Customer"):
                row["Customer"]["Email"] = "old@mail.example"

    box.bend = older
    for _ in range(2):
        assert sync(store, connect(box)).status == "ok"
        assert known(store)["customer", str(one.id)][1] == "new@mail.example"
