"""The cases that name a Shopify shop, through its sandbox over real HTTP: T03, T04, T21, T54, T55, T66, T69-T74."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from klientela.flow.sync import Report, sync
from klientela.kit import Person
from klientela.rules.ruleset import SourceRules
from klientela.store import Store
from klientela.testing import serve
from klientela_shopify.sandbox import TOKEN, Sandbox
from klientela_shopify.settings import ShopifySettings
from klientela_shopify.source import ShopifySource
from tests.cases.desk import euros, names, one, rows
from tests.shops import bring, use

Pull = Callable[..., Report]


@pytest.fixture
def box() -> Sandbox:
    """An empty pretend shop."""
    return Sandbox()


@pytest.fixture
def pull(store: Store, box: Sandbox) -> Iterator[Pull]:
    """Sync the pretend shop into the store, by a new source object as the command makes one."""
    with ExitStack() as stack:
        url = stack.enter_context(serve(box.app))

        def run(*, full: bool = False, ok: bool = True, **settings: Any) -> Report:
            source = ShopifySource(
                "main", ShopifySettings(type="shopify", base_url=url, access_token=TOKEN, **settings)
            )
            stack.callback(source.close)
            report = sync(store, source, full=full)
            if ok:
                assert report.status == "ok", report.error
            return report

        yield run


def _shop(guests: str = "per_order", rule: str = "customer_null") -> dict[str, SourceRules]:
    return {"main": SourceRules(guests=guests, guest_rule=rule)}  # type: ignore[arg-type]


def test_T03_T04_guests_stay_guests(store: Store, box: Sandbox, pull: Pull) -> None:
    use(store, sources=_shop())
    person = {"first_name": "Gerd", "last_name": "Gast", "email": "g@x.de"}
    address = {"first_name": "Gerd", "last_name": "Gast", "address1": "Weg 1", "zip": "01067", "city": "Dresden"}
    box.order(email="g@x.de", billing=address, total="10.00")
    box.order(email="g@x.de", billing=address, total="10.00")
    pull()
    assert [(r["status"], r["orders"]) for r in rows(store)] == [("guest", 1), ("guest", 1)]
    gerd = box.customer(state="ENABLED", **person)
    box.order(customer=gerd, email="g@x.de", total="10.00")
    pull()
    assert sorted((r["status"], r["orders"]) for r in rows(store)) == [("guest", 1), ("guest", 1), ("registered", 1)]


def test_T21_two_badges_on_one_profile(store: Store, box: Sandbox, pull: Pull) -> None:
    use(store, sources=_shop("merge"))
    box.customer(first_name="Max", last_name="Muster", email="Max@Example.com")
    pull()
    bring(store, "list", [Person(external_id="1", kind="contact", first_name="Max", email="max@example.com")])
    assert one(store)["sources"] == ["list", "main"]


def test_T54_T55_an_abandoned_checkout_counts_nowhere_until_it_is_an_order(
    store: Store, box: Sandbox, pull: Pull
) -> None:
    use(store, sources=_shop("merge"))
    anna = box.customer(first_name="Anna", last_name="Adler", email="a@x.de", state="ENABLED")
    box.order(customer=anna, total="20.00")
    cart = box.checkout(customer=anna, total="80.00")
    pull()
    row = one(store)
    assert (row["orders"], row["ltv"]) == (1, euros("20.00"))
    box.clock.advance(3600)
    box.recover(cart)
    pull()
    row = one(store)
    assert (row["orders"], row["ltv"]) == (2, euros("100.00"))


def test_T66_a_deleted_customer_is_gone_at_the_source(store: Store, box: Sandbox, pull: Pull) -> None:
    use(store, sources=_shop("merge"))
    people = [box.customer(first_name="Max", last_name=f"Muster {n}", email=f"m{n}@x.de") for n in range(5)]
    pull()
    before = {r["name"]: r["id"] for r in rows(store)}
    box.delete(people[2])
    pull()
    with store.reading() as db:
        assert db.rows("SELECT ext FROM record WHERE gone = 1") == []
    pull(full=True)
    with store.reading() as db:
        assert db.rows("SELECT ext FROM record WHERE gone = 1") == [(str(people[2].id),)]
    assert {r["name"]: r["id"] for r in rows(store)} == before


def test_T69_the_later_reading_of_one_version_holds(store: Store, box: Sandbox, pull: Pull) -> None:
    use(store, sources=_shop("merge"))
    max_ = box.customer(first_name="Max", last_name="Muster", email="m@x.de")
    pull()
    box.customer(max_.id, first_name="Moritz", updated_at=max_.updated_at)
    pull()
    assert names(store) == ["Moritz Muster"]
    assert pull().changed == 0


def test_T71_an_order_of_a_customer_that_comes_later(store: Store, box: Sandbox, pull: Pull) -> None:
    use(store, sources=_shop("merge"))
    anna = box.customer(first_name="Anna", last_name="Adler")
    box.order(customer=anna, total="10.00")
    source = _orders_first(box, store)
    assert source.status == "ok", source.error
    assert rows(store) == []
    pull()
    assert [(r["name"], r["orders"]) for r in rows(store)] == [("Anna Adler", 1)]


def _orders_first(box: Sandbox, store: Store) -> Report:
    with serve(box.app) as url:
        source = ShopifySource("main", ShopifySettings(type="shopify", base_url=url, access_token=TOKEN))
        streams = [stream for stream in source.streams() if stream.name == "orders"]
        source.streams = lambda: streams  # type: ignore[method-assign]
        try:
            return sync(store, source)
        finally:
            source.close()


def test_T72_a_disabled_customer_becomes_enabled(store: Store, box: Sandbox, pull: Pull) -> None:
    use(store, sources=_shop("merge", "state"))
    eva = box.customer(first_name="Eva", last_name="Lang", email="e@l.de", state="DISABLED")
    box.order(customer=eva, total="10.00")
    pull(guest_rule="state")
    before = one(store)
    box.clock.advance(60)
    box.customer(eva.id, state="ENABLED")
    pull(guest_rule="state")
    after = one(store)
    assert (before["status"], after["status"]) == ("guest", "registered")
    assert (before["id"], before["orders"]) == (after["id"], after["orders"])


def test_T74_another_shop_is_refused(store: Store, box: Sandbox, pull: Pull) -> None:
    use(store, sources=_shop("merge"))
    box.customer(first_name="Max", last_name="Muster")
    pull()
    box.gid = "gid://shopify/Shop/999"
    box.customer(first_name="Eva", last_name="Lang")
    report = pull(ok=False)
    assert report.status == "failed"
    assert report.error is not None
    assert "another shop" in str(report.error["message"])
    assert names(store) == ["Max Muster"]
