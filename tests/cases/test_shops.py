"""The cases of several shops at once, through their sandboxes over real HTTP: T20, T22, T27, T78 (R16, R18, R19, R29)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from klientela.flow.rebuild import rebuild
from klientela.flow.sync import Report, sync
from klientela.rules.ruleset import SourceRules
from klientela.store import Store
from klientela.testing import serve
from tests.cases.seen import Desk
from tests.shops import use

pytest.importorskip("graphql", reason="the sandbox of Shopify needs graphql-core")

from klientela_billbee.sandbox import API_KEY, PASSWORD, USER
from klientela_billbee.sandbox import Sandbox as Account
from klientela_billbee.settings import BillbeeSettings
from klientela_billbee.source import BillbeeSource
from klientela_shopify.sandbox import TOKEN
from klientela_shopify.sandbox import Sandbox as Shop
from klientela_shopify.settings import ShopifySettings
from klientela_shopify.source import ShopifySource

HOME = {"first_name": "Ada", "last_name": "Alt", "address1": "Weg 7", "zip": "10115", "city": "Berlin", "country": "DE"}
Pull = Callable[..., Report]


@pytest.fixture
def shop() -> Shop:
    """An empty pretend Shopify shop."""
    return Shop()


@pytest.fixture
def account() -> Account:
    """An empty pretend Billbee account."""
    return Account()


@pytest.fixture
def pull(store: Store, shop: Shop, account: Account) -> Iterator[Pull]:
    """Sync one of the two by name; `carry` lets the account take over what the shop has sold."""
    with ExitStack() as stack:
        there, here = stack.enter_context(serve(shop.app)), stack.enter_context(serve(account.app))

        def run(name: str) -> Report:
            source: Any
            if name == "SH":
                settings = ShopifySettings(type="shopify", base_url=there, access_token=TOKEN)  # type: ignore[arg-type]
                source = ShopifySource("SH", settings)
            else:
                way_in: dict[str, Any] = {"user": USER, "password": PASSWORD, "api_key": API_KEY, "spacing": 0}
                source = BillbeeSource("BB", BillbeeSettings(type="billbee", base_url=here, **way_in))
            stack.callback(source.close)
            report = sync(store, source)
            assert report.status == "ok", report.error
            return report

        yield run


def carried(account: Account, shop: Shop, *, relay: bool = True) -> str:
    """Let the account pass on the shop's orders; the id it knows the shop by."""
    from klientela_billbee.sandbox.carry import carry

    place, _ = carry(account, shop.truth()["orders"].values(), relay=relay)
    return str(place.id)


def _rules(place: str | None, guests: str = "merge") -> dict[str, Any]:
    return {
        "SH": SourceRules(guests=guests, guest_rule="customer_null", priority=10),  # type: ignore[arg-type]
        "BB": SourceRules(same_as={place: "SH"} if place else {}),
    }


@pytest.mark.parametrize("first", ["SH", "BB"])
def test_T20_one_order_with_two_carriers(store: Store, shop: Shop, account: Account, pull: Pull, first: str) -> None:
    buyer = shop.customer(first_name="Ada", last_name="Alt", email="ada@mail.example", state="ENABLED")
    shop.order(customer=buyer, email="ada@mail.example", billing=HOME, total="40.00")
    use(store, sources=_rules(carried(account, shop)))
    for name in ("SH", "BB") if first == "SH" else ("BB", "SH"):
        pull(name)
    desk = Desk(store)
    (row,) = desk.rows()
    assert (row["sources"], row["orders"], row["ltv"][0]["amount"]) == (["BB", "SH"], 1, "40.00")
    assert row["email"] == "ada@mail.example", "never the relay address"
    (order,) = desk.by_id(row["id"])["order_list"]
    assert [carrier["source"] for carrier in order["carriers"]] == ["SH", "BB"]
    assert desk.doctor("carriers") == []
    assert rebuild(store, check=True).differences == []


def test_T20_without_the_mapping_two_orders(store: Store, shop: Shop, account: Account, pull: Pull) -> None:
    buyer = shop.customer(first_name="Ada", last_name="Alt", email="ada@mail.example", state="ENABLED")
    shop.order(customer=buyer, email="ada@mail.example", total="40.00")
    carried(account, shop)
    use(store, sources=_rules(None))
    pull("SH")
    pull("BB")
    desk = Desk(store)
    assert sum(row["orders"] for row in desk.rows()) == 2
    (finding,) = desk.doctor("carriers")
    assert "same_as" in finding.message


def test_T22_numbers_of_two_shops_are_two_namespaces(store: Store, shop: Shop, account: Account, pull: Pull) -> None:
    shop.customer(1, first_name="Sara", last_name="Schulz", email="sara@mail.example")
    account.customer(1, first_name="Max", last_name="Meier", email="max@mail.example", number=1)
    pull("SH")
    pull("BB")
    assert sorted(row["last_name"] for row in Desk(store).rows()) == ["Meier", "Schulz"]


def test_T27_a_relay_address_joins_nobody_and_is_told_once(store: Store, account: Account, pull: Pull) -> None:
    relay = "no-reply-amazon-iba-buyer@marketplace.amazon.it"
    for number in range(200):
        buyer = account.customer(email=relay, first_name=f"Kunde{number}", last_name="Rossi")
        account.order(customer=buyer, order_email=relay, total="9.90")
    report = pull("BB")
    with store.reading() as db:
        row = db.one("SELECT count(*) FROM customer")
    assert row is not None
    assert (row[0], report.merged) == (200, 0)
    assert len([remark for remark in report.remarks if "forwarding" in remark]) == 1


@pytest.mark.parametrize("first", ["SH", "BB"])
def test_T78_a_guest_order_through_billbee_is_one_guest_row(
    store: Store, shop: Shop, account: Account, pull: Pull, first: str
) -> None:
    shop.order(email="ada@mail.example", billing=HOME, total="15.00")
    use(store, sources=_rules(carried(account, shop, relay=False), "per_order"))
    for name in ("SH", "BB") if first == "SH" else ("BB", "SH"):
        pull(name)
    (row,) = Desk(store).rows()
    assert (row["status"], row["orders"], [r["entity"] for r in row["records"]]) == ("guest", 1, ["guest_order"])
