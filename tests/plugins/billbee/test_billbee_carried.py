"""One order, two carriers: Billbee passes on the orders of a Shopify shop, both over real HTTP (R29, T20)."""

from __future__ import annotations

import pytest

pytest.importorskip("graphql", reason="the sandbox of Shopify needs graphql-core")

import httpx
from billbee_helpers import Connect, orders

from klientela.kit import Order, Window
from klientela.rules.carriers import Carrier, correct, group
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.testing import serve
from klientela_billbee.sandbox import Sandbox
from klientela_shopify.sandbox import TOKEN
from klientela_shopify.sandbox import Sandbox as ShopifySandbox
from klientela_shopify.settings import ShopifySettings
from klientela_shopify.source import ShopifySource


def origin_orders(shop: ShopifySandbox) -> dict[str, Order]:
    """The orders of the Shopify shop, as its own source reads them."""
    with serve(shop.app) as url:
        source = ShopifySource("main", ShopifySettings(type="shopify", base_url=url, access_token=TOKEN))  # type: ignore[arg-type]
        stream = next(one for one in source.streams() if one.name == "orders")
        found = [record for page in stream.read(Window(), None) for record in page.records]
        source.close()
    return {one.external_id: one for one in found if isinstance(one, Order)}


@pytest.mark.parametrize("relay", [False, True])
def test_carried_orders_are_the_shops_orders(connect: Connect, relay: bool) -> None:
    shop = ShopifySandbox(customers=30, seed=3)
    box = Sandbox(customers=5)
    mine = len(box.orders)
    with serve(shop.app) as there, serve(box.app) as here:
        truth = httpx.get(f"{there}/_sandbox/truth").json()["orders"]
        given = {"orders": truth, "name": "Mein Shopify", "relay": relay}
        told = httpx.post(f"{here}/_sandbox/carry", json=given).json()
        assert told["taken"] == len(truth) == len(box.orders) - mine
        assert httpx.post(f"{here}/_sandbox/carry", json=given).json() == {"shop": told["shop"], "taken": 0}
    origin, passed = origin_orders(shop), orders(connect(box))
    rules = Ruleset(sources={"main": SourceRules(), "bb": SourceRules(same_as={told["shop"]: "main"})})
    carriers = [Carrier("main", name, one) for name, one in origin.items()]
    carriers += [Carrier("bb", name, one) for name, one in passed.items()]
    groups = group(correct(carriers).carriers, rules)
    both = [one for one in groups if len(one.carriers) == 2]
    assert len(both) == len(origin)
    assert {one.head.source for one in both} == {"main"}
    for one in both:
        mine_, theirs = one.carriers[1].order, one.head.order
        assert (mine_.total, mine_.currency, mine_.test) == (theirs.total, theirs.currency, theirs.test)
        assert (mine_.origin or None) is not None
        if relay and theirs.customer:
            assert str(mine_.email).endswith("@marketplace.amazon.de")
    apart = Ruleset(sources={"main": SourceRules(), "bb": SourceRules()})
    assert not [one for one in group(carriers, apart) if len(one.carriers) > 1]


def test_carried_orders_follow_cancellations(connect: Connect) -> None:
    shop = ShopifySandbox()
    order = shop.order(customer=shop.customer(email="a@mail.example", first_name="Ada", last_name="Alt"), total="9.90")
    box = Sandbox(carried=shop.truth()["orders"].values())
    (name,) = orders(connect(box))
    shop.cancel(order)
    with serve(box.app) as url:
        body = {"orders": list(shop.truth()["orders"].values())}
        assert httpx.post(f"{url}/_sandbox/carry", json=body).json()["taken"] == 1
    assert orders(connect(box))[name].state == "cancelled"


def test_an_account_assigns_orders_by_mail_or_by_address() -> None:
    """The same mailbox or the same home is one customer; by address the e-mail is overwritten."""
    home = {
        "first_name": "Ada",
        "last_name": "Alt",
        "address1": "Weg 7",
        "zip": "10115",
        "city": "Berlin",
        "country": "DE",
    }
    given = [
        {"id": 1, "email": "a@mail.example", "billing": home, "lines": [], "total": 0},
        {"id": 2, "email": "b@mail.example", "billing": home, "lines": [], "total": 0},
        {"id": 3, "email": "b@mail.example", "billing": None, "lines": [], "total": 0},
        {"id": 4, "email": None, "billing": None, "lines": [], "total": 500},
    ]
    box = Sandbox(carried=given)
    (one,) = box.customers.values()
    assert one.email == "b@mail.example"
    assert [order.customer for order in box.orders.values()] == [one.id, one.id, one.id, None]
    assert max(order.total for order in box.orders.values()) == 500
