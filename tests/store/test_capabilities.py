"""What none of a customer's sources can know is absent, in the list, the profile and exports: no badge and no zero (R33)."""

from __future__ import annotations

import csv
import io
from typing import Any

from klientela.flow.sync import sync
from klientela.kit import Checkout, Order, Person, Record
from klientela.settings.views import PRESETS, View
from klientela.store import Store, capabilities
from klientela.store.export import export
from klientela.store.overview import listing
from klientela.store.profile import profile, resolve_id
from tests.shops import Shop, use

VIEW = View(**PRESETS["autoletter"])  # type: ignore[arg-type]
NOTHING: list[dict[str, str]] = [{"amount": "0.00", "currency": "EUR"}]


def person(ext: str, mail: str = "anna@post.example") -> Person:
    return Person(external_id=ext, version=1, kind="account", first_name="Anna", last_name="Lang", email=mail)


def bring(store: Store, name: str, type_: str, *records: Record) -> None:
    assert sync(store, Shop(name, records), type_=type_).status == "ok"


def seen(store: Store) -> dict[str, Any]:
    """The profile of the only customer, whose row the list shows alike."""
    with store.reading() as db:
        (row,) = listing(db, VIEW).rows
        made = profile(db, resolve_id(db, store.key, row["id"]), VIEW, key=store.key)
        assert {name: made[name] for name in row} == row
        return made


def test_t56_a_customer_of_a_source_without_carts_has_no_cart_area_at_all(store: Store) -> None:
    use(store)
    capabilities.remember(store, {"billbee": ["orders", "test_orders"], "shopify": ["orders", "checkouts"]})
    bring(store, "bb", "billbee", person("1"))
    found = seen(store)
    assert found["checkouts"] is None
    assert (found["orders"], found["ltv"], found["order_list"]) == (0, NOTHING, [])
    bring(store, "main", "shopify", person("7"))  # the same person, in a shop that knows carts
    assert seen(store)["checkouts"] == []


def test_a_source_that_knows_no_orders_shows_no_zero(store: Store) -> None:
    use(store)
    capabilities.remember(store, {"letters": ["tags"], "shopify": ["orders", "test_orders"]})
    bring(store, "news", "letters", person("1"))
    found = seen(store)
    assert [found[name] for name in ("orders", "ltv", "order_list", "test_order", "last_order")] == [None] * 5
    assert found["gross"] == {"sum": None, "count": None, "last_order": None}
    assert found["totals"] == {"ltv": None, "gross": {"sum": None, "count": None, "average": None}}
    with store.reading() as db:
        text = "".join(export(db, VIEW, "csv", key=store.key))
    (line,) = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    assert (line["orders"], line["ltv"]) == ("", "")
    bring(store, "main", "shopify", person("7"))
    joined = seen(store)
    assert (joined["orders"], joined["ltv"], joined["test_order"]) == (0, NOTHING, False)


def test_what_is_there_is_shown_whatever_a_plugin_said(store: Store) -> None:
    use(store)
    capabilities.remember(store, {"odd": []})
    order = Order(external_id="5", version=1, customer="1", total=1250, currency="EUR", placed_at=1, test=True)
    bring(store, "odd", "odd", person("1"), order, Checkout(external_id="c", version=1, customer="1", value=100))
    found = seen(store)
    assert (found["gross"]["count"], found["test_order"], len(found["order_list"])) == (1, True, 1)
    assert found["orders"] == 0  # a test order does not count under ltv
    assert len(found["checkouts"]) == 1


def test_types_that_said_nothing_may_know_everything(store: Store) -> None:
    use(store)
    bring(store, "main", "somewhere", person("1"))
    found = seen(store)
    assert (found["orders"], found["test_order"], found["checkouts"]) == (0, False, [])


def test_what_was_said_is_kept_when_a_plugin_is_no_longer_installed(store: Store) -> None:
    capabilities.remember(store, {"one": ["orders"], "two": []})
    capabilities.remember(store, {"two": ["tags", "orders"]})
    with store.reading() as db:
        found = capabilities.read(db)
    assert (found["one"], found["two"]) == ({"orders"}, {"tags", "orders"})
